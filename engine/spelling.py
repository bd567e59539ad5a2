"""How venues, brokers and data services spell instruments: a rule for each, both ways.

A rule is a pair of functions between a place's spelling and the parts of a canonical name; see
``engine.symbols``, where they are asked for, and where what the configuration says of a name comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
_SINGLE = re.compile(rf"{_LETTERS}{{1,20}}(?:\.{_LETTERS}{{1,4}})?")


def _words(text: str) -> list[str]:
    return text.split()


def never_closes(name: Name) -> bool:
    """Whether it is traded at every hour of the week: coins are, currencies, metals and shares are not."""
    return bool(name.quote) and name.base not in _FIAT


_FIAT = frozenset(
    _words("""
    USD EUR GBP JPY CHF AUD CAD NZD CNY CNH HKD SGD SEK NOK DKK PLN CZK HUF TRY ZAR MXN BRL INR KRW THB
    ILS XAU XAG XPT XPD
""")
)
"""Currencies, and the metals that are traded beside them."""
_QUOTES = tuple(
    _words("""
    FDUSD RLUSD USDT USDC TUSD BUSD USD1 USDE EURI DAI EUR GBP JPY TRY BRL ARS AUD CAD CHF PLN RON UAH
    ZAR MXN COP CZK IDR NZD BTC ETH BNB
""")
)
"""What pairs written in one word end with on venues that have no US dollars, the longest first."""
_ANY_QUOTES = ("USDT", "USDC", "USD", *_QUOTES, "XBT")
"""Anywhere: BNBUSD is of dollars, not of BUSD."""
_ASSETS = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's own names of assets."""

_INDICES = {
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
_INDEX_ALIASES = {"NDX": "NAS100", "US100": "NAS100", "NQ100": "NAS100", "SPX": "SPX500", "US500": "SPX500"}
_YAHOO_METALS = {"GC=F": "XAU", "SI=F": "XAG", "PL=F": "XPT", "PA=F": "XPD"}
"""Yahoo has no spot prices of metals any more: the nearest future stands in."""

_EXCHANGES = frozenset(
    _words("""
    SZ SS HK L T F V TO DE PA AS MI SW VI BR LS MC ST OL CO HE AX NZ KS KQ TW TWO NS BO SI KL JK BK SA
    MX IS TA
""")
)
"""Suffixes of stock exchanges; any other is a class of a share."""
_ALPHA_VANTAGE = {"SZ": "SHZ", "SS": "SHH", "L": "LON", "DE": "DEX", "TO": "TRT", "V": "TRV", "BO": "BSE"}
_TWELVE_DATA = {"SZ": "SZSE", "SS": "SSE", "HK": "HKEX", "L": "LSE", "DE": "XETR", "TO": "TSX", "NS": "NSE"}


def parsed(text: str) -> Name | None:
    """A canonical name in parts; None for what is none."""
    if text != text.upper() or len(text) > 60:
        return None
    pair = _PAIR.fullmatch(text)
    if pair is not None:
        return Name(pair[1], pair[2], pair[3] or "")
    return Name(text) if _SINGLE.fullmatch(text) else None


def _joined(text: str, quotes: Iterable[str] = _QUOTES) -> Name | None:
    """``BTCUSDT``, in whatever case."""
    upper = text.upper()
    if not upper.isalnum():
        return None
    quote = next((quote for quote in quotes if upper.endswith(quote) and len(upper) > len(quote)), "")
    return Name(upper[: -len(quote)], quote) if quote else None


def _spot(name: Name, separator: str) -> str | None:
    return f"{name.base}{separator}{name.quote}" if name.quote and not name.contract else None


def _separated(text: str, separator: str) -> Name | None:
    base, _, quote = text.upper().partition(separator)
    return Name(base, quote) if base.isalnum() and quote.isalnum() and len(quote) > 1 else None


def _single(text: str) -> Name | None:
    """A share, or whatever else is called by one word. Shanghai's is SS."""
    upper = text.upper()
    stem, dot, suffix = upper.partition(".")
    upper = f"{stem}.SS" if dot and suffix == "SH" else upper
    return Name(upper) if _SINGLE.fullmatch(upper) else None


def _word(text: str) -> Name | None:
    """A share, or a pair in one word where it has six letters or more: GBTC is a share."""
    return (_joined(text, _ANY_QUOTES) if len(text) > 5 else None) or _single(text)


def _suffix(name: Name) -> str:
    """Of a stock exchange abroad; "" for a share of the United States."""
    suffix = name.base.partition(".")[2]
    return suffix if suffix in _EXCHANGES else ""


def _american(name: Name) -> str | None:
    return name.base if not name.quote and not _suffix(name) and name.base not in _INDICES else None


def _read_binance_futures(text: str) -> Name | None:
    pair, _, day = text.partition("_")
    name = _joined(pair)
    if name is None or (day and not (len(day) == 6 and day.isdecimal())) or text.endswith("_"):
        return None
    return name._replace(contract=day or "PERP")


def _write_binance_futures(name: Name) -> str | None:
    if not name.quote or not name.contract:
        return None
    return f"{name.base}{name.quote}" + ("" if name.contract == "PERP" else f"_{name.contract}")


def _read_bybit_linear(text: str) -> Name | None:
    """Perpetuals: settled in USDT by their pair, in USDC as ``BTCPERP``."""
    upper = text.upper()
    if upper.endswith("PERP") and upper.isalnum() and len(upper) > 4:
        return Name(upper.removesuffix("PERP"), "USDC", "PERP")
    name = _joined(upper)
    return name._replace(contract="PERP") if name is not None and name.quote == "USDT" else None


def _write_bybit_linear(name: Name) -> str | None:
    quotes = {"USDT": f"{name.base}USDT", "USDC": f"{name.base}PERP"}
    return quotes.get(name.quote) if name.contract == "PERP" else None


def _read_coinbase(text: str) -> Name | None:
    upper = text.upper()
    if upper.endswith("-PERP-INTX"):
        return Name(upper.removesuffix("-PERP-INTX"), "USDC", "PERP")
    return _separated(upper, "-")


def _write_coinbase(name: Name) -> str | None:
    if name[1:] == ("USDC", "PERP"):
        return f"{name.base}-PERP-INTX"
    return _spot(name, "-")


def _read_kraken(text: str) -> Name | None:
    if text not in (text.upper(), text.lower()):
        return None  # tokenised shares are AAPLx: case tells them apart
    name = _separated(text, "/") or _joined(text, _ANY_QUOTES)
    return name and name._replace(
        base=_ASSETS.get(name.base, name.base), quote=_ASSETS.get(name.quote, name.quote)
    )


def _read_okx(text: str) -> Name | None:
    base, _, rest = text.upper().partition("-")
    quote, _, kind = rest.partition("-")
    if not kind:
        return _separated(text, "-")
    contract = "PERP" if kind == "SWAP" else kind if len(kind) == 6 and kind.isdecimal() else ""
    return Name(base, quote, contract) if contract else None


def _write_okx(name: Name) -> str | None:
    if not name.quote:
        return None
    pair = f"{name.base}-{name.quote}"
    return f"{pair}-{'SWAP' if name.contract == 'PERP' else name.contract}" if name.contract else pair


def _read_alpaca(text: str) -> Name | None:
    return _separated(text, "/") if "/" in text else _word(text)


def _write_alpaca(name: Name) -> str | None:
    return _spot(name, "/") or _american(name)


def _read_yahoo(text: str) -> Name | None:
    upper = text.upper()
    if upper in _YAHOO_METALS:
        return Name(_YAHOO_METALS[upper], "USD")
    if upper.startswith("^"):
        return _index("yahoo", upper)
    if upper.endswith("=X"):
        pair = upper.removesuffix("=X")
        pair = f"USD{pair}" if len(pair) == 3 else pair
        return Name(pair[:3], pair[3:]) if len(pair) == 6 and pair.isalnum() else None
    stem, dash, rest = upper.partition("-")
    if dash:
        return _separated(upper, "-") if len(rest) > 1 else _single(f"{stem}.{rest}")
    return _word(upper)


def _write_yahoo(name: Name) -> str | None:
    if name.contract:
        return None
    if name.quote:
        metal = next((future for future, base in _YAHOO_METALS.items() if name == (base, "USD", "")), None)
        if metal is not None:
            return metal
        fiat = name.base in _FIAT and name.quote in _FIAT
        return f"{name.base}{name.quote}=X" if fiat else f"{name.base}-{name.quote}"
    if name.base in _INDICES:
        return _INDICES[name.base].get("yahoo")
    return name.base if _suffix(name) else name.base.replace(".", "-")


def _read_alpha_vantage(text: str) -> Name | None:
    if "/" in text:
        return _separated(text, "/")
    stem, dash, suffix = text.upper().replace("-", ".").partition(".")
    known = next((ours for ours, theirs in _ALPHA_VANTAGE.items() if theirs == suffix), suffix)
    return _single(f"{stem}.{known}") if dash else _word(stem)


def _write_alpha_vantage(name: Name) -> str | None:
    if name.quote or not _suffix(name):
        return _spot(name, "/") or (_american(name) or "").replace(".", "-") or None
    stem, _, suffix = name.base.partition(".")
    return f"{stem}.{_ALPHA_VANTAGE[suffix]}" if suffix in _ALPHA_VANTAGE else None


def _read_twelve_data(text: str) -> Name | None:
    if "/" in text:
        return _separated(text, "/")
    stem, colon, exchange = text.upper().partition(":")
    if colon:
        known = next((ours for ours, theirs in _TWELVE_DATA.items() if theirs == exchange), None)
        return _single(f"{stem}.{known}") if known is not None else None
    return _index("twelve-data", stem) or _word(stem)


def _write_twelve_data(name: Name) -> str | None:
    if name.base in _INDICES and not name.quote:
        return _INDICES[name.base].get("twelve-data")
    if name.quote or not _suffix(name):
        return _spot(name, "/") or _american(name)
    stem, _, suffix = name.base.partition(".")
    return f"{stem}:{_TWELVE_DATA[suffix]}" if suffix in _TWELVE_DATA else None


def _read_polygon(text: str) -> Name | None:
    upper = text.upper()
    kind, colon, rest = upper.partition(":")
    if not colon:
        return _word(upper)
    if kind == "I":
        return _index("polygon", upper)
    if kind == "C":
        return Name(rest[:3], rest[3:]) if len(rest) == 6 and rest.isalnum() else None
    # Pairs of crypto end with a currency of three letters there, whatever they begin with.
    return _joined(rest, sorted(_FIAT)) if kind == "X" else None


def _write_polygon(name: Name) -> str | None:
    if name.contract:
        return None
    if name.quote:
        fiat = name.base in _FIAT and name.quote in _FIAT
        return f"{'C' if fiat else 'X'}:{name.base}{name.quote}"
    return _INDICES[name.base].get("polygon") if name.base in _INDICES else _american(name)


def _index(place: str, spelled: str) -> Name | None:
    return next((Name(name) for name, places in _INDICES.items() if places.get(place) == spelled), None)


def _read_sim(text: str) -> Name | None:
    return _separated(text, "-") if "-" in text else _word(text)


def _write_sim(name: Name) -> str | None:
    return None if name.contract else _spot(name, "-") or name.base


def _read_ccxt(text: str) -> Name | None:
    """The unified names of ccxt: ``BTC/USDT``, ``BTC/USDT:USDT``, ``BTC/USD:BTC-241227``."""
    pair, colon, settled = text.upper().partition(":")
    name = _separated(pair, "/")
    if name is None or not colon:
        return name
    currency, _, day = settled.partition("-")
    if currency != _settled_in(name) or (day and not (len(day) == 6 and day.isdecimal())):
        return None
    return name._replace(contract=day or "PERP")


def _write_ccxt(name: Name) -> str | None:
    if not name.quote or not name.contract:
        return _spot(name, "/")
    day = "" if name.contract == "PERP" else f"-{name.contract}"
    return f"{name.base}/{name.quote}:{_settled_in(name)}{day}"


def _settled_in(name: Name) -> str:
    """Of futures in US dollars the base, as there are no such dollars on the venues that list them."""
    return name.base if name.quote == "USD" else name.quote


def read_any(text: str) -> Name | None:
    """What a person may mean by ``text``, in any of the spellings above."""
    upper = text.strip().upper()
    if upper in _INDEX_ALIASES:
        return Name(_INDEX_ALIASES[upper])
    name = _read_marked(upper)
    return name and name._replace(
        base=_ASSETS.get(name.base, name.base), quote=_ASSETS.get(name.quote, name.quote)
    )


def _read_marked(upper: str) -> Name | None:
    head, colon, rest = upper.partition(":")
    if colon and head in ("X", "C", "I"):
        return _read_polygon(upper)
    if colon and "/" not in head:
        rule = _RULES.get(head.lower())
        return rule.read(rest) if rule is not None else _read_twelve_data(upper)
    if "/" in upper:
        pair = _PAIR.fullmatch(upper)
        return Name(pair[1], pair[2], pair[3] or "") if pair is not None else _read_ccxt(upper)
    if "-" in upper:
        return (_read_okx if upper.count("-") == 2 and "PERP" not in upper else _read_dashed)(upper)
    if "=" in upper or upper.startswith("^"):
        return _read_yahoo(upper)
    if "_" in upper:
        return _read_binance_futures(upper) or _separated(upper, "_")
    return _word(upper)


def _read_dashed(upper: str) -> Name | None:
    return _read_coinbase(upper) if upper.endswith("-INTX") else _read_yahoo(upper)


def _write_any(name: Name) -> str | None:
    return name.text


_CONCATENATED = Rule(_joined, lambda name: _spot(name, ""))
_DASHED = Rule(_read_coinbase, _write_coinbase)
_RULES = {
    "": Rule(read_any, _write_any),
    "binance": _CONCATENATED,
    "binance-futures": Rule(_read_binance_futures, _write_binance_futures),
    "bybit": _CONCATENATED,
    "bybit-linear": Rule(_read_bybit_linear, _write_bybit_linear),
    "coinbase": _DASHED,
    "coinbase-advanced": _DASHED,
    "kraken": Rule(_read_kraken, lambda name: _spot(name, "/")),
    "okx": Rule(_read_okx, _write_okx),
    "alpaca": Rule(_read_alpaca, _write_alpaca),
    "yahoo": Rule(_read_yahoo, _write_yahoo),
    "alpha-vantage": Rule(_read_alpha_vantage, _write_alpha_vantage),
    "twelve-data": Rule(_read_twelve_data, _write_twelve_data),
    "polygon": Rule(_read_polygon, _write_polygon),
    "poll": Rule(parsed, _write_any),
    "sim": Rule(_read_sim, _write_sim),
}
_CCXT = Rule(_read_ccxt, _write_ccxt)


def rule_of(place: str) -> Rule | None:
    return _CCXT if place == "ccxt" or place.startswith("ccxt-") else _RULES.get(place)


def writes_no_slash(place: str) -> bool:
    rule = rule_of(place)
    return rule is not None and all("/" not in (rule.write(name) or "") for name in _EXAMPLES)


_EXAMPLES = Name("BTC", "USD"), Name("BTC", "USDT", "PERP")
