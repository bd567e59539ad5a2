"""What the codes mean with which something fell on its way to an order, in a trader's words."""

from __future__ import annotations

MEANINGS: dict[str, str] = {
    # of the market's data
    "BAD_PRICE": "a price that is missing, not finite or not above zero",
    "NOT_FINITE": "a price or a size that is no number",
    "NOT_POSITIVE": "a price or a size that is not above zero",
    "CROSSED": "a bid at or above the ask",
    "OUTLIER": "a price too far from the market to be believed",
    "OUT_OF_ORDER": "older than what came before it",
    # of the blend and the opportunities
    "BELOW_MIN_SCORE": "the blended score is too weak",
    "LOW_CONFIDENCE": "the sources agree too little",
    "FILLED_BAR": "nothing was traded in the bar: its close is a copy",
    "NO_PRICE": "no price is known",
    "WIDE_SPREAD": "bid and ask are too far apart",
    "ILLIQUID": "too little is traded",
    "OUT_OF_SESSION": "outside the hours that are traded",
    "DUPLICATE": "the same was said a moment ago",
    "EXPIRED": "it was not acted upon in time",
    # of what acts on them
    "UNKNOWN_SYMBOL": "the desk has no such instrument",
    "ORDER_WORKING": "an order of the symbol is at work",
    "IN_POSITION": "the symbol is held that way already",
    "SPENT": "its signals are older than the symbol's last exit",
    "NO_EQUITY": "what the account is worth is not known",
    "NO_RATE": "a currency has no rate",
    "NO_CONFIDENCE": "without confidence there is no size",
    "TOO_SMALL": "the size comes to less than the least order",
    "UNDER_TARGET": "the position follows the portfolio's targets",
    "NOT_FLAT": "the other side has to be closed first",
    "DENIED": "risk denied it",
    "STALE": "its score is too old",
    "BELOW_MIN_TRADE": "the change is less than the least trade",
    "TURNOVER": "scaled down to the turnover that is allowed",
    # of the pre-trade checks
    "NOT_ACTIVE": "entries are off: the desk is REDUCING or HALTED",
    "QUANT_BLOCK": "a quant module, a server or the bus blocks entries",
    "STRATEGY_DISABLED": "a strategy behind it was switched off for repeating itself",
    "SYMBOL_LOCKED": "the symbol's stops were hit too often: it rests",
    "COOLDOWN": "the symbol was left just now: it rests for some bars",
    "MODEL_TOO_OLD": "the model behind it is older than allowed",
    "EQUITY_UNKNOWN": "what the account is worth is not known, or not above zero",
    "DAILY_LOSS": "the day's loss is at its limit",
    "DRAWDOWN": "too far below the highest equity",
    "STALE_DATA": "the symbol's data is old or wrong",
    "CLOCK_SKEW": "our clock and the venue's are too far apart",
    "MARKET_PROTECTION": "the market moved away since the decision, or is too thin",
    "PRICE_COLLAR": "a price too far from the mid",
    "CURRENCY_UNKNOWN": "the quote currency has no rate",
    "OFF_GRID": "the quantity is no whole number of lots",
    "OFF_TICK": "a price is no whole number of ticks",
    "MIN_NOTIONAL": "worth less than the venue's least order",
    "SHORT_NOT_ALLOWED": "the instrument cannot be sold short",
    "ORDER_QUANTITY": "larger than one order may be, in units",
    "ORDER_NOTIONAL": "larger than one order may be, in money",
    "POSITION_LIMIT": "the symbol's position would be too large",
    "GROSS_LIMIT": "longs and shorts together would be too large",
    "NET_LIMIT": "longs less shorts would be too large",
    "STRATEGY_BUDGET": "a strategy behind it would hold more than its budget",
    "OPEN_ORDERS_SYMBOL": "too many open orders of the symbol",
    "OPEN_ORDERS": "too many open orders",
    "THROTTLE": "too many orders in a short time",
    "DUPLICATE_ORDER": "the same order was sent a moment ago",
    "SELF_TRADE": "it would meet a working order of ours",
    "BAD_NUMBER": "a quantity that is no number, or not above zero",
    "DUPLICATE_ID": "the order was sent before",
    "NOT_REDUCING": "an exit that would not make the position smaller",
    "BAD_LEG": "a leg of the list cannot be",
    "LIST_DENIED": "another leg of its list was denied",
    "CHECK_FAILED": "a check could not be made: what cannot be judged is denied",
}


def meaning(code: str) -> str:
    """One line; "" for a code that says all there is to say."""
    return MEANINGS.get(code, "")
