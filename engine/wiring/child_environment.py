"""The environment of a process that the engine starts for work beside it: without keys and secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from engine.models.load import python_path

_SECRET = re.compile(r"token|secret|key|pass|credential|auth", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^/\s]*@")
"""With a user's name or password in it."""


def child_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All of ``environ`` but the desk's settings, and what is called, or holds, something secret.

    The child imports the engine from where this process did.
    """
    plain = {
        name: value
        for name, value in environ.items()
        if not (name.startswith("TICKDESK_") or _SECRET.search(name) or _ADDRESS.search(value))
    }
    return plain | {"PYTHONPATH": python_path()}
