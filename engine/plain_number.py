"""Numbers as people write them: ASCII digits, a point, a sign, an exponent; not all that Python reads."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def plain_number(text: str) -> float:
    """The finite number in ``text``. Raises ValueError for what is none, as ``1_0`` and ``nan``."""
    value = float(text) if is_plain(text) else float("nan")
    if not -float("inf") < value < float("inf"):
        raise ValueError(f"{text[:40]!r} is no number")
    return value


def is_plain(text: str) -> bool:
    """Whether ``text`` is one number, without blanks around it."""
    return _PLAIN.fullmatch(text) is not None
