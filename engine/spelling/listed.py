"""Shares and indices: what is called by one word."""

from __future__ import annotations

from engine.spelling.name import SINGLE, Name, words
from engine.spelling.pairs import ANY_QUOTES, joined

INDICES = {
    "NAS100": {"yahoo": "^NDX", "polygon": "I:NDX", "twelve-data": "NDX"},
    "SPX500": {"yahoo": "^GSPC", "polygon": "I:SPX", "twelve-data": "SPX"},
    "US30": {"yahoo": "^DJI", "polygon": "I:DJI", "twelve-data": "DJI"},
    "RUS2000": {"yahoo": "^RUT", "polygon": "I:RUT", "twelve-data": "RUT"},
    "VIX": {"yahoo": "^VIX", "polygon": "I:VIX", "twelve-data": "VIX"},
    "GER40": {"yahoo": "^GDAXI"},
    "UK100": {"yahoo": "^FTSE"},
    "JPN225": {"yahoo": "^N225"},
    "HK50": {"yahoo": "^HSI"},
}
INDEX_ALIASES = {"NDX": "NAS100", "US100": "NAS100", "NQ100": "NAS100", "SPX": "SPX500", "US500": "SPX500"}
_EXCHANGES = frozenset(
    words("""
    SZ SS HK L T F V TO DE PA AS MI SW VI BR LS MC ST OL CO HE AX NZ KS KQ TW TWO NS BO SI KL JK BK SA
    MX IS TA
""")
)
"""Suffixes of stock exchanges; any other is a class of a share."""


def single(text: str) -> Name | None:
    """A share, or whatever else is called by one word. Shanghai's is SS."""
    upper = text.upper()
    stem, dot, suffix = upper.partition(".")
    upper = f"{stem}.SS" if dot and suffix == "SH" else upper
    return Name(upper) if SINGLE.fullmatch(upper) else None


def word(text: str) -> Name | None:
    """A share, or a pair in one word where it has six letters or more: GBTC is a share."""
    return (joined(text, ANY_QUOTES) if len(text) > 5 else None) or single(text)


def exchange_suffix(name: Name) -> str:
    """Of a stock exchange abroad; "" for a share of the United States."""
    suffix = name.base.partition(".")[2]
    return suffix if suffix in _EXCHANGES else ""


def american(name: Name) -> str | None:
    return name.base if not name.quote and not exchange_suffix(name) and name.base not in INDICES else None


def index(place: str, spelled: str) -> Name | None:
    return next((Name(name) for name, places in INDICES.items() if places.get(place) == spelled), None)
