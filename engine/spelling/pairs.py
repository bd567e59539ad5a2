"""Pairs: what stands before and behind the separator, where there is one."""

from __future__ import annotations

from collections.abc import Iterable

from engine.spelling.name import Name, words

_QUOTES = tuple(
    words("""
    FDUSD RLUSD USDT USDC TUSD BUSD USD1 USDE EURI DAI EUR GBP JPY TRY BRL ARS AUD CAD CHF PLN RON UAH
    ZAR MXN COP CZK IDR NZD BTC ETH BNB
""")
)
"""What pairs written in one word end with on venues that have no US dollars, the longest first."""
ANY_QUOTES = ("USDT", "USDC", "USD", *_QUOTES, "XBT")
"""Anywhere: BNBUSD is of dollars, not of BUSD."""
_ASSETS = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's own names of assets."""


def joined(text: str, quotes: Iterable[str] = _QUOTES) -> Name | None:
    """``BTCUSDT``, in whatever case."""
    upper = text.upper()
    if not upper.isalnum():
        return None
    quote = next((quote for quote in quotes if upper.endswith(quote) and len(upper) > len(quote)), "")
    return Name(upper[: -len(quote)], quote) if quote else None


def spot(name: Name, separator: str) -> str | None:
    return f"{name.base}{separator}{name.quote}" if name.quote and not name.contract else None


def separated(text: str, separator: str) -> Name | None:
    base, _, quote = text.upper().partition(separator)
    return Name(base, quote) if base.isalnum() and quote.isalnum() and len(quote) > 1 else None


def with_common_assets(name: Name) -> Name:
    """Under what everybody but Kraken calls its assets."""
    return name._replace(base=_ASSETS.get(name.base, name.base), quote=_ASSETS.get(name.quote, name.quote))
