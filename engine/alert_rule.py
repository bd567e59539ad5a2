"""What a person wants to be told of: rules, as they travel and as they are kept."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from engine.errors import AlertError
from engine.text import clean

What = Literal[
    "last",
    "bid",
    "ask",
    "change",
    "score",
    "opportunity",
    "day_pnl",
    "drawdown",
    "unrealized",
    "feed",
]
PRICES = frozenset({"last", "bid", "ask"})
OF_PRICES = PRICES | {"change"}
OF_SYMBOL = frozenset({*OF_PRICES, "score", "unrealized"})
"""These need a symbol; an opportunity may have one."""
ONLY_ABOVE = frozenset({"opportunity", "drawdown", "feed"})
MOST_RULES = 200
MOST_S = 86_400.0
LEAST_PAUSE_S = 5.0
"""Between two alerts of one rule: a flood tells nothing."""
_LONGEST = 80


class AlertRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Tell when ``what`` goes to or beyond ``value``."""

    what: What
    """``last``, ``bid``, ``ask``: a symbol's price, when it gets there from the other side. ``change``: of
    its last price, percent within ``window_s``. ``score``: its blended score. ``opportunity``: one comes up
    with a score of at least ``value``, either way. ``day_pnl``: of the account, its currency. ``drawdown``:
    percent. ``unrealized``: of a symbol's position, in the account's currency. ``feed``: seconds without
    data."""
    value: float
    beyond: Literal["above", "below"] = "above"
    symbol: str = ""
    source: str = ""
    """Of an opportunity: a strategy or module behind it. Of a feed: the venue. "": any."""
    window_s: float = 0.0
    """Of a change, 1 to 86,400."""
    repeat: bool = False
    """Again and again; else once, and the rule is off."""
    rearm: float = 0.0
    """How far it must come back from ``value``, in its unit, before it counts anew."""
    pause_s: float = 60.0
    """Least time between two alerts, 5 to 86,400."""
    note: str = ""


def checked(rule: AlertRule) -> AlertRule:
    """``rule`` with its texts cleaned. Raises AlertError, one line that says what would do."""
    for name in ("value", "window_s", "rearm", "pause_s"):
        if not math.isfinite(getattr(rule, name)):
            raise AlertError(f"{name}: give a number")
    if rule.what in OF_SYMBOL and not rule.symbol:
        raise AlertError(f"an alert on {rule.what} needs a symbol")
    if rule.what in ONLY_ABOVE and rule.beyond != "above":
        raise AlertError(f"an alert on {rule.what} tells of what is above its value")
    least, most, unit = _range(rule)
    if not least <= rule.value <= most:
        raise AlertError(f"value {rule.value:g}: {unit} from {least:g} to {most:g}")
    if rule.what == "change" and not 1.0 <= rule.window_s <= MOST_S:
        raise AlertError(f"window_s {rule.window_s:g}: seconds from 1 to {MOST_S:g}")
    if not 0.0 <= rule.rearm <= 1e15:
        raise AlertError(f"rearm {rule.rearm:g}: 0 or more, in the unit of the value")
    if not LEAST_PAUSE_S <= rule.pause_s <= MOST_S:
        raise AlertError(f"pause_s {rule.pause_s:g}: seconds from {LEAST_PAUSE_S:g} to {MOST_S:g}")
    return msgspec.structs.replace(
        rule,
        symbol=clean(rule.symbol, _LONGEST),
        source=clean(rule.source, _LONGEST),
        note=clean(rule.note, _LONGEST),
        window_s=rule.window_s if rule.what == "change" else 0.0,
    )


def _range(rule: AlertRule) -> tuple[float, float, str]:
    if rule.what in PRICES:
        return 1e-15, 1e15, "a price"
    if rule.what == "change":
        return -100.0, 1e6, "percent"
    if rule.what == "score":
        return -1.0, 1.0, "a score"
    if rule.what == "opportunity":
        return 0.0, 1.0, "a score"
    if rule.what == "drawdown":
        return 1e-6, 100.0, "percent"
    if rule.what == "feed":
        return 1.0, MOST_S, "seconds"
    return -1e15, 1e15, "an amount"


def words(rule: AlertRule) -> str:
    """The rule as a person says it: ``BTC-USD last above 70,000``."""
    value = f"{rule.value:,.12g}"
    if rule.what == "feed":
        return f"feed {rule.source or 'any'} silent for {value} s"
    if rule.what == "opportunity":
        of = " ".join(part for part in (rule.symbol, rule.source) if part) or "any"
        return f"opportunity of {of}, score from {value}"
    name = {"change": f"change in {rule.window_s:g} s", "day_pnl": "day P&L"}.get(rule.what, rule.what)
    unit = " %" if rule.what in ("change", "drawdown") else ""
    return f"{rule.symbol} {name} {rule.beyond} {value}{unit}".lstrip()
