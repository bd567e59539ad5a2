"""``env:NAME`` in a definition: a value of the engine's environment, read when it is used.

Not one of the desk's own: whoever may write a definition could have its keys sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.errors import AutomationError

PREFIX = "env:"
ADDRESSES = "TICKDESK_NOTIFY_URLS"
"""The one of the desk's own that a notification may name: its addresses are told nobody but themselves."""
_DESKS = re.compile(r"TICKDESK_.*|(ALPHAVANTAGE|POLYGON|TWELVE_DATA)_API_KEY", re.DOTALL)


def why_not(text: str, *, may: str = "") -> str:
    """Why the variable that ``text`` names is never read; "": it is, or ``text`` names none. ``may``: one of
    the desk's own that may be named all the same."""
    name = text.removeprefix(PREFIX)
    if name in (text, may) or not _DESKS.fullmatch(name):
        return ""
    return f"{name} is the desk's own, and goes nowhere: set a variable for this alone"


def resolve(text: str, environ: Mapping[str, str], *, may: str = "") -> str:
    """``text``, or what the variable it names holds; ``may`` as in ``why_not``. Raises AutomationError when
    it is not set, or is the desk's."""
    if not text.startswith(PREFIX):
        return text
    if reason := why_not(text, may=may):
        raise AutomationError(reason)
    name = text.removeprefix(PREFIX)
    value = environ.get(name, "")
    if not value:
        raise AutomationError(f"the environment of the engine has no {name}: set it and restart the engine")
    return value
