"""Orders, their verdicts, transitions and fills."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.events.base import Event
from engine.events.signals import Side


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """A market order once the market reached ``stop_price`` against the position."""
    STOP_LIMIT = "stop_limit"
    """A limit order at ``price`` once the market reached ``stop_price``."""
    TRAILING_STOP = "trailing_stop"
    """A stop that follows the market at the distance ``trail``, one way only."""
    TAKE_PROFIT = "take_profit"
    """A market order once the market reached ``stop_price`` in the position's favour."""

    limited: bool
    """It has a limit price."""
    triggered: bool
    """It waits for a trigger before it may fill."""

    def __init__(self, text: str) -> None:
        self.limited = text in ("limit", "stop_limit")
        self.triggered = text not in ("market", "limit")


class TimeInForce(StrEnum):
    GTC = "gtc"
    """Until it is filled or canceled."""
    GTD = "gtd"
    """Until ``expire_ns``."""
    IOC = "ioc"
    """What does not fill on arrival is canceled."""
    FOK = "fok"
    """All of it fills on arrival, or none."""


class TriggerSource(StrEnum):
    """Which price sets a stop off."""

    LAST = "last"
    """The last trade."""
    QUOTE = "quote"
    """What the order would meet: the ask for a buy, the bid for a sell."""
    MARK = "mark"
    """The mid."""


class Purpose(StrEnum):
    """Why an order exists. Everything but ENTRY reduces a position."""

    ENTRY = "entry"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    TIME_EXIT = "time_exit"
    REVERSAL = "reversal"
    REBALANCE = "rebalance"
    """Towards a smaller portfolio target."""
    FLATTEN = "flatten"
    """A person asks for it."""


class OrderRequest(Event, frozen=True, gc=False):
    """What the desk wants done. Quantity and prices are on the instrument's grid."""

    client_order_id: str
    """Deterministic: the same inputs give the same id."""
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    purpose: Purpose
    reduce_only: bool
    decision_ns: int
    decision_price: float
    """Mid at the decision: slippage is measured against it."""
    opportunity_id: str = ""
    reason: str = ""
    sources: tuple[str, ...] = ()
    """The strategies behind an entry: those that spoke for its side. The whole order counts for each."""
    price: Decimal | None = None
    """Limit price of LIMIT and STOP_LIMIT."""
    stop_price: Decimal | None = None
    """Trigger of STOP, STOP_LIMIT and TAKE_PROFIT; a TRAILING_STOP may begin with one."""
    trail: Decimal | None = None
    """Distance of a TRAILING_STOP, price units."""
    trigger: TriggerSource = TriggerSource.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_ns: int = 0
    """Of GTD: from then on it is expired."""
    post_only: bool = False
    """Rejected when it would take liquidity on arrival."""
    list_id: str = ""
    """Of the list it was sent in (bracket, one-cancels-other); "" when alone."""
    parent_id: str = ""
    """A bracket's child: HELD until the order of this id fills, and then as large as its filled quantity."""
    siblings: tuple[str, ...] = ()
    """One cancels the other: what one fills, the others lose."""
    gateway: str = "paper"
    """Name of the gateway that executes it."""
    who: str = ""
    """The person or client that asked for it; "" when the desk decided."""


class Check(Event, frozen=True, gc=False):
    """One pre-trade check as it was made."""

    code: str
    """Reason code when it fails, e.g. ``STALE_DATA``."""
    passed: bool
    value: str
    limit: str


class Verdict(Event, frozen=True, gc=False):
    """Risk's answer to an order request. ``code`` is "" when approved, else the first failed check's."""

    client_order_id: str
    symbol: str
    approved: bool
    code: str
    detail: str
    checks: tuple[Check, ...]
    ns: int


class OrderState(StrEnum):
    INITIALIZED = "initialized"
    DENIED = "denied"
    HELD = "held"
    """A bracket's child whose parent has not filled yet."""
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TRIGGERED = "triggered"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"

    terminal: bool

    def __init__(self, text: str) -> None:
        self.terminal = text in ("denied", "rejected", "filled", "canceled", "expired")


class OrderEvent(Event, frozen=True, gc=False):
    """A transition of an order. Fills travel as ``Fill``; the order's state follows from them."""

    client_order_id: str
    symbol: str
    state: OrderState
    reason: str
    ns: int
    request: OrderRequest | None = None
    """Given on the first event of an order (INITIALIZED), so that the journal alone can rebuild it."""
    verdict: Verdict | None = None
    """Given on HELD, SUBMITTED and DENIED: no order without a recorded verdict."""
    venue_order_id: str = ""
    """The venue's own id of the order, when the event tells it."""


class Pending(StrEnum):
    """What was asked of a working order and is not answered yet; beside its state, not in place of it."""

    NONE = "none"
    UPDATE = "update"
    CANCEL = "cancel"


class ChangeKind(StrEnum):
    UPDATE_ASKED = "update_asked"
    UPDATED = "updated"
    """Also without being asked for: a bracket's child grows with its parent, a sibling shrinks."""
    UPDATE_REFUSED = "update_refused"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_REFUSED = "cancel_refused"


class Amendment(msgspec.Struct, frozen=True, gc=False):
    """What an order is to become; None stays. ``quantity`` is the whole one, what is filled included."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None


class OrderChange(Event, frozen=True, gc=False):
    """An amendment or a cancel of a working order, asked for or answered. Its base state stays."""

    client_order_id: str
    symbol: str
    kind: ChangeKind
    reason: str
    ns: int
    amendment: Amendment | None = None
    """Given on UPDATE_ASKED (what is wanted) and UPDATED (what is so now)."""
    verdict: Verdict | None = None
    """Given on UPDATE_ASKED: amendments are judged like orders."""
    venue_order_id: str = ""
    """On UPDATED, where the venue replaces an order by another."""


class Fill(Event, frozen=True, gc=False):
    """An execution. Signed notional is ``-side.sign * price * quantity``; fee is positive when paid."""

    trade_id: str
    """Deterministic hash of order id and fill number: a replay after a restart dedupes on it."""
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    liquidity: str
    """``"taker"`` or ``"maker"``."""
    decision_price: float
    ns: int
    currency: str = ""
    """In which price and fee are; "" is the account's own."""


class Funding(Event, frozen=True, gc=False):
    """Paid for, or earned by, holding a position overnight or through a funding hour."""

    funding_id: str
    """Deterministic: the same payment is booked once."""
    symbol: str
    amount: Decimal
    """Above zero is received."""
    currency: str
    rate: float
    """Share of the position's notional; a long pays when above zero."""
    ns: int
