"""``env:NAME`` in a definition: a value of the engine's environment, read when it is used."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import AutomationError

PREFIX = "env:"


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """``text``, or what the variable it names holds. Raises AutomationError when it is not set."""
    if not text.startswith(PREFIX):
        return text
    name = text.removeprefix(PREFIX)
    value = environ.get(name, "")
    if not value:
        raise AutomationError(f"the environment of the engine has no {name}: set it and restart the engine")
    return value
