"""How venues and brokers spell what is traded there."""

from __future__ import annotations

from engine.spelling.listed import american, word
from engine.spelling.name import Name, Rule
from engine.spelling.pairs import ANY_QUOTES, joined, separated, spot, with_common_assets


def _read_binance_futures(text: str) -> Name | None:
    pair, _, day = text.partition("_")
    name = joined(pair)
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
    name = joined(upper)
    return name._replace(contract="PERP") if name is not None and name.quote == "USDT" else None


def _write_bybit_linear(name: Name) -> str | None:
    quotes = {"USDT": f"{name.base}USDT", "USDC": f"{name.base}PERP"}
    return quotes.get(name.quote) if name.contract == "PERP" else None


def _read_coinbase(text: str) -> Name | None:
    upper = text.upper()
    if upper.endswith("-PERP-INTX"):
        return Name(upper.removesuffix("-PERP-INTX"), "USDC", "PERP")
    return separated(upper, "-")


def _write_coinbase(name: Name) -> str | None:
    if name[1:] == ("USDC", "PERP"):
        return f"{name.base}-PERP-INTX"
    return spot(name, "-")


def _read_kraken(text: str) -> Name | None:
    if text not in (text.upper(), text.lower()):
        return None  # tokenised shares are AAPLx: case tells them apart
    name = separated(text, "/") or joined(text, ANY_QUOTES)
    return name and with_common_assets(name)


def _read_okx(text: str) -> Name | None:
    base, _, rest = text.upper().partition("-")
    quote, _, kind = rest.partition("-")
    if not kind:
        return separated(text, "-")
    contract = "PERP" if kind == "SWAP" else kind if len(kind) == 6 and kind.isdecimal() else ""
    return Name(base, quote, contract) if contract else None


def _write_okx(name: Name) -> str | None:
    if not name.quote:
        return None
    pair = f"{name.base}-{name.quote}"
    return f"{pair}-{'SWAP' if name.contract == 'PERP' else name.contract}" if name.contract else pair


def _read_alpaca(text: str) -> Name | None:
    return separated(text, "/") if "/" in text else word(text)


def _write_alpaca(name: Name) -> str | None:
    return spot(name, "/") or american(name)


def _read_sim(text: str) -> Name | None:
    return separated(text, "-") if "-" in text else word(text)


def _write_sim(name: Name) -> str | None:
    return None if name.contract else spot(name, "-") or name.base


def _read_ccxt(text: str) -> Name | None:
    """The unified names of ccxt: ``BTC/USDT``, ``BTC/USDT:USDT``, ``BTC/USD:BTC-241227``."""
    pair, colon, settled = text.upper().partition(":")
    name = separated(pair, "/")
    if name is None or not colon:
        return name
    currency, _, day = settled.partition("-")
    if currency != _settled_in(name) or (day and not (len(day) == 6 and day.isdecimal())):
        return None
    return name._replace(contract=day or "PERP")


def _write_ccxt(name: Name) -> str | None:
    if not name.quote or not name.contract:
        return spot(name, "/")
    day = "" if name.contract == "PERP" else f"-{name.contract}"
    return f"{name.base}/{name.quote}:{_settled_in(name)}{day}"


def _settled_in(name: Name) -> str:
    """Of futures in US dollars the base, as there are no such dollars on the venues that list them."""
    return name.base if name.quote == "USD" else name.quote


CONCATENATED = Rule(joined, lambda name: spot(name, ""))
BINANCE_FUTURES = Rule(_read_binance_futures, _write_binance_futures)
BYBIT_LINEAR = Rule(_read_bybit_linear, _write_bybit_linear)
COINBASE = Rule(_read_coinbase, _write_coinbase)
KRAKEN = Rule(_read_kraken, lambda name: spot(name, "/"))
OKX = Rule(_read_okx, _write_okx)
ALPACA = Rule(_read_alpaca, _write_alpaca)
SIM = Rule(_read_sim, _write_sim)
CCXT = Rule(_read_ccxt, _write_ccxt)
