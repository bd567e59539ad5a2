"""Which rule is whose, and what a person may mean by what was typed."""

from __future__ import annotations

from engine.spelling.data_services import ALPHA_VANTAGE, POLYGON, TWELVE_DATA, YAHOO
from engine.spelling.listed import INDEX_ALIASES, word
from engine.spelling.name import Name, Rule, parsed
from engine.spelling.pairs import separated, with_common_assets
from engine.spelling.venues import (
    ALPACA,
    BINANCE_FUTURES,
    BYBIT_LINEAR,
    CCXT,
    COINBASE,
    CONCATENATED,
    KRAKEN,
    OKX,
    SIM,
)


def read_any(text: str) -> Name | None:
    """What a person may mean by ``text``, in any of the spellings."""
    upper = text.strip().upper()
    if upper in INDEX_ALIASES:
        return Name(INDEX_ALIASES[upper])
    name = _read_marked(upper)
    return name and with_common_assets(name)


def _read_marked(upper: str) -> Name | None:
    head, colon, rest = upper.partition(":")
    if colon and head in ("X", "C", "I"):
        return POLYGON.read(upper)
    if colon and "/" not in head:
        rule = _RULES.get(head.lower())
        return rule.read(rest) if rule is not None else TWELVE_DATA.read(upper)
    if "/" in upper:
        return parsed(upper) or CCXT.read(upper)
    if "-" in upper:
        return (OKX.read if upper.count("-") == 2 and "PERP" not in upper else _read_dashed)(upper)
    if "=" in upper or upper.startswith("^"):
        return YAHOO.read(upper)
    if "_" in upper:
        return BINANCE_FUTURES.read(upper) or separated(upper, "_")
    return word(upper)


def _read_dashed(upper: str) -> Name | None:
    return COINBASE.read(upper) if upper.endswith("-INTX") else YAHOO.read(upper)


def _write_any(name: Name) -> str | None:
    return name.text


_RULES = {
    "": Rule(read_any, _write_any),
    "binance": CONCATENATED,
    "binance-futures": BINANCE_FUTURES,
    "bybit": CONCATENATED,
    "bybit-linear": BYBIT_LINEAR,
    "coinbase": COINBASE,
    "coinbase-advanced": COINBASE,
    "kraken": KRAKEN,
    "okx": OKX,
    "alpaca": ALPACA,
    "yahoo": YAHOO,
    "alpha-vantage": ALPHA_VANTAGE,
    "twelve-data": TWELVE_DATA,
    "polygon": POLYGON,
    "poll": Rule(parsed, _write_any),
    "sim": SIM,
}


def rule_of(place: str) -> Rule | None:
    return CCXT if place == "ccxt" or place.startswith("ccxt-") else _RULES.get(place)


def writes_no_slash(place: str) -> bool:
    rule = rule_of(place)
    return rule is not None and all("/" not in (rule.write(name) or "") for name in _EXAMPLES)


_EXAMPLES = Name("BTC", "USD"), Name("BTC", "USDT", "PERP")
