"""What travels on the link about trading: tickets, amendments, limits, balances, performance.

Quantities, prices and money are decimal text.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.events import Verdict


class OrderTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An order as a person gives it. Exactly one of quantity, notional and equity_pct.

    With ``stop_loss`` or ``take_profit`` it becomes a bracket: the children wait for its fills.
    """

    symbol: str
    side: Literal["buy", "sell"]
    type: Literal["market", "limit", "stop", "stop_limit", "trailing_stop", "take_profit"] = "market"
    quantity: str | None = None
    notional: str | None = None
    """In the symbol's quote currency."""
    equity_pct: float | None = None
    price: str | None = None
    stop_price: str | None = None
    trail: str | None = None
    trigger: Literal["last", "quote", "mark"] = "last"
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] = "gtc"
    expire_s: float | None = None
    """Of gtd: from now."""
    post_only: bool = False
    reduce_only: bool = False
    stop_loss: str | None = None
    """Trigger price of the bracket's stop."""
    take_profit: str | None = None
    """Limit price of the bracket's target."""
    token: str = ""
    """A ticket with the same token is the same order: sent twice, it is placed once."""


class OrderList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Orders that are judged as a whole and sent together, or not at all."""

    tickets: tuple[OrderTicket, ...]
    """1 to 100, brackets among them; without tokens of their own."""
    kind: Literal["list", "oco"] = "list"
    """oco: two orders of one symbol and size that wait; what one fills, the other loses."""
    token: str = ""
    """Of the whole list: sent twice, it is placed once."""


class OrderReply(msgspec.Struct, frozen=True):
    ok: bool
    text: str
    ids: tuple[str, ...] = ()
    """Client order ids: the order, then its children; of a list in its order."""
    verdict: Verdict | None = None
    """The first denied leg's, or the order's own."""


class OrderPreview(msgspec.Struct, frozen=True):
    """What a ticket would do, judged now."""

    quantity: str
    price: str
    """What it would fill at, estimated; "" when unknown."""
    notional: str
    fee: str
    """Estimated."""
    position_after: str
    cash_after: str
    verdicts: tuple[Verdict, ...]
    """Of every leg, in order."""
    approved: bool
    text: str
    loss: str = ""
    """P&L of this order when its own stop fills at its level; quote currency, before fees; "": none."""
    gain: str = ""
    """The same at its own target."""
    currency: str = ""
    """Of ``notional``, ``fee``, ``loss`` and ``gain``; "" is the account's, in which ``cash_after`` always
    is."""


class ListPreview(msgspec.Struct, frozen=True):
    """What a list would do, judged now as a whole."""

    previews: tuple[OrderPreview, ...]
    """Of each ticket, as if it alone filled."""
    approved: bool
    text: str


class AmendPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """None stays. ``quantity`` is the whole one, what is filled included."""

    quantity: str | None = None
    price: str | None = None
    stop_price: str | None = None
    trail: str | None = None


class CancelPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All open orders, of one symbol when it is named."""

    symbol: str = ""


class FlattenPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: str = ""
    """"": every position."""
    percent: float = 100.0
    """Of the position, 0 to 100."""
    type: Literal["market", "limit"] = "market"
    """limit: at the touch on the other side, so that it is marketable but bounded."""


class LimitRow(msgspec.Struct, frozen=True):
    """One limit as it stands."""

    scope: str
    """``desk``, ``strategy:<name>`` or ``symbol:<symbol>``."""
    name: str
    value: str
    default: str
    """What the configuration says."""
    hard: str
    """The range beyond which it cannot be changed live, as text: ``> 0, <= 10``."""
    unit: str
    about: str
    used: str = ""
    """How much of it is used now; "" when that is not a number of the whole desk."""
    looser: Literal["", "up", "down"] = ""
    """Which way it allows more, so that a person is asked first; "": not known."""
    zero_is_none: bool = False
    """0 is no limit: looser than any other."""


class LimitPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scope: str
    name: str
    value: float | None
    """None: back to the configuration's, or to the scope above."""


class BalanceRow(msgspec.Struct, frozen=True):
    currency: str
    cash: str
    rate: str
    """Into the account's currency; "" when unknown."""
    value: str


class ExposureRow(msgspec.Struct, frozen=True):
    """Of a symbol, a strategy, a side or all, in the account's currency."""

    kind: Literal["total", "symbol", "strategy", "side"]
    name: str
    long: str
    short: str
    gross: str
    net: str
    gross_pct: float
    """Of equity."""


class PnlRow(msgspec.Struct, frozen=True):
    """What a strategy (or "" for the whole desk) earned. They, ``quant`` and ``manual`` add up to it."""

    name: str
    realized: str
    unrealized: str
    fees: str
    funding: str
    net: str
    trades: int
    """Closed round trips."""
    slippage_bps: float | None
    """Mean against the mid at the decision, weighted by notional; above 0 is worse."""


class AccountDetail(msgspec.Struct, frozen=True):
    currency: str
    equity: str
    balances: tuple[BalanceRow, ...]
    exposures: tuple[ExposureRow, ...]
    pnl: tuple[PnlRow, ...]


class PerformanceRow(msgspec.Struct, frozen=True):
    """Figures of the desk (name ""), a strategy or a signal source. None: not enough to tell."""

    name: str
    kind: Literal["desk", "strategy", "source"]
    net: str
    return_pct: float | None
    sharpe: float | None
    """Annualised, of daily returns where there are enough days, else of the equity curve's points."""
    sortino: float | None
    """Likewise, against the deviation of the losses alone."""
    max_drawdown_pct: float | None
    hit_rate: float | None
    """The part of the round trips that gained, 0 to 1."""
    profit_factor: float | None
    """Gains over losses, both as amounts."""
    exposure_pct: float | None
    """Mean gross exposure, percent of equity."""
    turnover: float | None
    """Traded notional a day, in multiples of equity."""
    trades: int


class Performance(msgspec.Struct, frozen=True):
    ns: int
    since_ns: int
    rows: tuple[PerformanceRow, ...]
    notes: tuple[str, ...]
    """What the figures rest on, and what is not modelled; one line each."""


class EquityCurve(msgspec.Struct, frozen=True):
    """The account over all its time, evenly spaced: numbers to draw, in the account's currency."""

    ns: tuple[int, ...]
    """When each point was, UTC, rising."""
    equity: tuple[float, ...]
    drawdown_pct: tuple[float, ...]
    """How far each point is below the highest before it (0 at the top)."""


class TargetRow(msgspec.Struct, frozen=True):
    """One symbol of a rebalance. Quantities are signed."""

    symbol: str
    score: float | None
    weight: float
    """Of its side: longs add up to 1, shorts to -1."""
    held: str
    target: str
    reduction: str
    """Traded towards flat, first."""
    addition: str
    """Traded away from flat, after all reductions."""
    code: str
    """Why less is traded than the target asks for; "" when all of it is."""
    detail: str


class TargetPlan(msgspec.Struct, frozen=True):
    rows: tuple[TargetRow, ...] = ()
    turnover: str = "0"
    """Worth of all that is traded, in the account's currency."""


class TargetsDetail(msgspec.Struct, frozen=True):
    enabled: bool
    now: TargetPlan
    """By the last scores; nothing is sent."""
    last: TargetPlan
    last_ns: int
    """Of the last rebalance; 0: none in this run."""
    next_ns: int
    """From when on the next scores lead to a rebalance; 0: no scores have come yet."""


class DriftRow(msgspec.Struct, frozen=True):
    """Where a gateway and the desk disagree."""

    kind: Literal["order", "fill", "position", "cash"]
    subject: str
    ours: str
    theirs: str
    since_ns: int


class AcceptCash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person knows what else changed a broker's cash: a deposit, a withdrawal."""

    gateway: str


class ReconciliationRow(msgspec.Struct, frozen=True):
    gateway: str
    ns: int
    """Of the last comparison; 0: never."""
    error: str
    """Why the last one could not be made."""
    drifts: tuple[DriftRow, ...]
    blocked: str = ""
    """What keeps it from taking any order, as it said last; "" where it takes them."""
    away: str = ""
    """Why no entry is sent to it now: nobody would hear of its fills; "" where they are."""
