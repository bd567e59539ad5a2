"""How services of data spell what they know the prices of."""

from __future__ import annotations

from engine.spelling.listed import INDICES, american, exchange_suffix, index, single, word
from engine.spelling.name import FIAT, Name, Rule
from engine.spelling.pairs import joined, separated, spot

_YAHOO_METALS = {"GC=F": "XAU", "SI=F": "XAG", "PL=F": "XPT", "PA=F": "XPD"}
"""Yahoo has no spot prices of metals any more: the nearest future stands in."""
_ALPHA_VANTAGE = {"SZ": "SHZ", "SS": "SHH", "L": "LON", "DE": "DEX", "TO": "TRT", "V": "TRV", "BO": "BSE"}
_TWELVE_DATA = {"SZ": "SZSE", "SS": "SSE", "HK": "HKEX", "L": "LSE", "DE": "XETR", "TO": "TSX", "NS": "NSE"}


def _read_yahoo(text: str) -> Name | None:
    upper = text.upper()
    if upper in _YAHOO_METALS:
        return Name(_YAHOO_METALS[upper], "USD")
    if upper.startswith("^"):
        return index("yahoo", upper)
    if upper.endswith("=X"):
        pair = upper.removesuffix("=X")
        pair = f"USD{pair}" if len(pair) == 3 else pair
        return Name(pair[:3], pair[3:]) if len(pair) == 6 and pair.isalnum() else None
    stem, dash, rest = upper.partition("-")
    if dash:
        return separated(upper, "-") if len(rest) > 1 else single(f"{stem}.{rest}")
    return word(upper)


def _write_yahoo(name: Name) -> str | None:
    if name.contract:
        return None
    if name.quote:
        metal = next((future for future, base in _YAHOO_METALS.items() if name == (base, "USD", "")), None)
        if metal is not None:
            return metal
        fiat = name.base in FIAT and name.quote in FIAT
        return f"{name.base}{name.quote}=X" if fiat else f"{name.base}-{name.quote}"
    if name.base in INDICES:
        return INDICES[name.base].get("yahoo")
    return name.base if exchange_suffix(name) else name.base.replace(".", "-")


def _read_alpha_vantage(text: str) -> Name | None:
    if "/" in text:
        return separated(text, "/")
    stem, dash, suffix = text.upper().replace("-", ".").partition(".")
    known = next((ours for ours, theirs in _ALPHA_VANTAGE.items() if theirs == suffix), suffix)
    return single(f"{stem}.{known}") if dash else word(stem)


def _write_alpha_vantage(name: Name) -> str | None:
    if name.quote or not exchange_suffix(name):
        return spot(name, "/") or (american(name) or "").replace(".", "-") or None
    stem, _, suffix = name.base.partition(".")
    return f"{stem}.{_ALPHA_VANTAGE[suffix]}" if suffix in _ALPHA_VANTAGE else None


def _read_twelve_data(text: str) -> Name | None:
    if "/" in text:
        return separated(text, "/")
    stem, colon, exchange = text.upper().partition(":")
    if colon:
        known = next((ours for ours, theirs in _TWELVE_DATA.items() if theirs == exchange), None)
        return single(f"{stem}.{known}") if known is not None else None
    return index("twelve-data", stem) or word(stem)


def _write_twelve_data(name: Name) -> str | None:
    if name.base in INDICES and not name.quote:
        return INDICES[name.base].get("twelve-data")
    if name.quote or not exchange_suffix(name):
        return spot(name, "/") or american(name)
    stem, _, suffix = name.base.partition(".")
    return f"{stem}:{_TWELVE_DATA[suffix]}" if suffix in _TWELVE_DATA else None


def _read_polygon(text: str) -> Name | None:
    upper = text.upper()
    kind, colon, rest = upper.partition(":")
    if not colon:
        return word(upper)
    if kind == "I":
        return index("polygon", upper)
    if kind == "C":
        return Name(rest[:3], rest[3:]) if len(rest) == 6 and rest.isalnum() else None
    # Pairs of crypto end with a currency of three letters there, whatever they begin with.
    return joined(rest, sorted(FIAT)) if kind == "X" else None


def _write_polygon(name: Name) -> str | None:
    if name.contract:
        return None
    if name.quote:
        fiat = name.base in FIAT and name.quote in FIAT
        return f"{'C' if fiat else 'X'}:{name.base}{name.quote}"
    return INDICES[name.base].get("polygon") if name.base in INDICES else american(name)


YAHOO = Rule(_read_yahoo, _write_yahoo)
ALPHA_VANTAGE = Rule(_read_alpha_vantage, _write_alpha_vantage)
TWELVE_DATA = Rule(_read_twelve_data, _write_twelve_data)
POLYGON = Rule(_read_polygon, _write_polygon)
