"""A canonical name in parts, and what the rule of a place is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple


class Name(NamedTuple):
    """A canonical name in parts; ``quote`` is "" for what is no pair."""

    base: str
    quote: str = ""
    contract: str = ""
    """PERP, or a future's last day as yymmdd; "": none."""

    @property
    def text(self) -> str:
        pair = f"{self.base}/{self.quote}" if self.quote else self.base
        return f"{pair}-{self.contract}" if self.contract else pair


class Rule(NamedTuple):
    """How one place spells; both give None for what the rule does not know."""

    read: Callable[[str], Name | None]
    write: Callable[[Name], str | None]


_LETTERS = r"[^\W_]"
_PAIR = re.compile(rf"({_LETTERS}{{1,20}})/({_LETTERS}{{2,12}})(?:-(PERP|\d{{6}}))?")
SINGLE = re.compile(rf"{_LETTERS}{{1,20}}(?:\.{_LETTERS}{{1,4}})?")


def words(text: str) -> list[str]:
    return text.split()


def never_closes(name: Name) -> bool:
    """Whether it is traded at every hour of the week: coins are, currencies, metals and shares are not."""
    return bool(name.quote) and name.base not in FIAT


FIAT = frozenset(
    words("""
    USD EUR GBP JPY CHF AUD CAD NZD CNY CNH HKD SGD SEK NOK DKK PLN CZK HUF TRY ZAR MXN BRL INR KRW THB
    ILS XAU XAG XPT XPD
""")
)
"""Currencies, and the metals that are traded beside them."""


def parsed(text: str) -> Name | None:
    """A canonical name in parts; None for what is none."""
    if text != text.upper() or len(text) > 60:
        return None
    pair = _PAIR.fullmatch(text)
    if pair is not None:
        return Name(pair[1], pair[2], pair[3] or "")
    return Name(text) if SINGLE.fullmatch(text) else None
