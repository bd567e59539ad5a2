"""``env:NAME`` in a definition: a value of the engine's environment, read when it is used.

Not one of the desk's own: whoever may write a definition could have its keys sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.errors import AutomationError

PREFIX = "env:"
_DESKS = re.compile(r"TICKDESK_.*|(ALPHAVANTAGE|POLYGON|TWELVE_DATA)_API_KEY", re.DOTALL)


def resolve(text: str, environ: Mapping[str, str], *, may: str = "") -> str:
    """``text``, or what the variable it names holds. ``may``: one of the desk's own that may be named all the
    same. Raises AutomationError when it is not set, or is the desk's."""
    if not text.startswith(PREFIX):
        return text
    name = text.removeprefix(PREFIX)
    if name != may and _DESKS.fullmatch(name):
        raise AutomationError(f"{name} is the desk's own, and goes nowhere: set a variable for this alone")
    value = environ.get(name, "")
    if not value:
        raise AutomationError(f"the environment of the engine has no {name}: set it and restart the engine")
    return value
