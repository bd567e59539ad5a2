"""The typed events that flow between the stages, with their units.

Every arrow of the desk is one of these. Times are integers, nanoseconds since the Unix epoch, UTC:
``event_ns`` is the venue's clock, ``recv_ns`` and every other ``*_ns`` is ours. Market numbers are
float64; from an order on, prices, quantities and money are ``Decimal``.

A symbol is ``"<venue>:<NATIVE>"`` (``"binance:BTCUSDT"``, ``"kraken:BTC/USD"``) everywhere in the engine.
"""

from __future__ import annotations

from engine.events.base import NS, Event
from engine.events.desk import Alert, JournalEvent, LimitChange, Quarantined, RiskChange, RiskState
from engine.events.market import (
    BookStatus,
    Candle,
    ContextEvent,
    Depth,
    FeedState,
    FeedStatus,
    Gap,
    GridChange,
    Malformed,
    MarketEvent,
    OpenInterest,
    OptionsFlow,
    OtherEvent,
    Quote,
    Sentiment,
    Trade,
)
from engine.events.orders import (
    Amendment,
    ChangeKind,
    Check,
    Fill,
    Funding,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Pending,
    Purpose,
    TimeInForce,
    TriggerSource,
    Verdict,
)
from engine.events.signals import Blend, BlendInput, Drop, Family, FeatureRow, Opportunity, Side, Signal

__all__ = [
    "NS",
    "Alert",
    "Amendment",
    "Blend",
    "BlendInput",
    "BookStatus",
    "Candle",
    "ChangeKind",
    "Check",
    "ContextEvent",
    "Depth",
    "Drop",
    "Event",
    "Family",
    "FeatureRow",
    "FeedState",
    "FeedStatus",
    "Fill",
    "Funding",
    "Gap",
    "GridChange",
    "JournalEvent",
    "LimitChange",
    "Malformed",
    "MarketEvent",
    "OpenInterest",
    "Opportunity",
    "OptionsFlow",
    "OrderChange",
    "OrderEvent",
    "OrderRequest",
    "OrderState",
    "OrderType",
    "OtherEvent",
    "Pending",
    "Purpose",
    "Quarantined",
    "Quote",
    "RiskChange",
    "RiskState",
    "Sentiment",
    "Side",
    "Signal",
    "TimeInForce",
    "Trade",
    "TriggerSource",
    "Verdict",
]
