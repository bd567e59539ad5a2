"""What travels on the link about daily runs: how they went, and what they ask a desk for.

Quantities and prices are decimal text. Times are ns since the epoch, UTC; 0: not yet.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rows import Row
from engine.api.trading_protocol import TargetPlan

Score = Annotated[float, Meta(ge=-1e9, le=1e9)]
Symbol = Annotated[str, Meta(min_length=1, max_length=80)]


class DailyStepRow(Row, frozen=True):
    name: str
    """data, gate, features, train, targets, orders, reconcile, report, notify; of a paper run: open, trade,
    stop and flatten in place of targets and orders."""
    state: str
    """waiting, running, killed (its process ended in the middle), done, skipped or failed."""
    attempt: int
    """How often it was begun."""
    started_ns: int
    ended_ns: int
    text: str
    """What it came to, or does now; the reason of a failure."""
    todo: str
    """What to do about a failure; "" without one."""


class DailyOrderRow(Row, frozen=True):
    number: int
    plan: int
    """Which plan of the run it is of, from 1."""
    key: str
    """The ``Idempotency-Key`` it is sent with."""
    phase: str
    """reduce or add"""
    symbol: str
    side: str
    quantity: str
    state: str
    """planned, sending (nobody knows whether it arrived), sent, done, denied or left (it is not sent)."""
    order_id: str
    filled: str
    price: str
    """Mean of its fills."""
    text: str
    planned_ns: int
    sent_ns: int
    ended_ns: int


class DailyRow(Row, frozen=True):
    """A run: one for each trading day, kind and account; dry ones apart."""

    day: str
    kind: str
    """daily or paper-run"""
    account: str
    dry: bool
    state: str
    """running, killed, done or failed"""
    text: str
    """What it came to, one line."""
    started_ns: int
    ended_ns: int
    steps: tuple[DailyStepRow, ...]


class DailyDetail(Row, frozen=True):
    run: DailyRow
    orders: tuple[DailyOrderRow, ...]
    report: tuple[str, ...]
    """The day in a few lines; empty before its report."""


class TargetScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scores: Annotated[dict[Symbol, Score], Meta(max_length=10_000)] = {}
    """By symbol, as the desk spells them; none: the newest ones of its model."""


class OrderSize(Row, frozen=True):
    """What bounds the orders of a symbol that a plan trades."""

    symbol: str
    most: str
    """The largest addition that one order may be of; "0": none may be."""
    lot: str


class ScoredPlan(Row, frozen=True):
    """What a rebalance to these scores would do now; nothing is sent."""

    version: str
    """Of the model that the scores are of, where they are the desk's own; "": it has none, or they were
    given."""
    ns: int
    """Of the bar close that they rest on."""
    scores: dict[str, float]
    plan: TargetPlan
    sizes: tuple[OrderSize, ...]
    """Of the symbols that are traded."""
    follows: bool
    """The desk follows targets by itself (``targets.enabled``): orders of others would be undone."""


class HistoryRow(Row, frozen=True):
    """How far stored bars are loaded."""

    enabled: bool
    """There are symbols whose bars are loaded."""
    loading: bool
    rounds: int
    """So many loads have ended since the engine's start."""
    symbols: int = 0
    """Of the load at work, or the last one: of which something was missing."""
    symbols_done: int = 0
    share: float = 1.0
    """Of the load, 0 to 1."""
    stored: int = 0
    """Bars."""
    refused: int = 0
    """Bars that were not believed: see ``/v1/quarantine``."""
    faults: dict[str, str] = msgspec.field(default_factory=dict)
    """By symbol, why its bars could not be loaded."""
    error: str = ""
    """Why they could not be stored; "" when they could."""
