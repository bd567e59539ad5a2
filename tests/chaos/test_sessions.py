"""Whole sessions on the simulated venue, each made by its seed alone: a feed that fails, an engine that is
killed, a disk that is slow, a person who trades, halts, flattens. Every invariant holds in all of them.
"""

from __future__ import annotations

import hashlib
import random
from decimal import Decimal

import msgspec
import pytest

from engine.errors import OrderError
from engine.events import (
    NS,
    Amendment,
    Depth,
    MarketEvent,
    OrderType,
    Quote,
    RiskState,
    Side,
    TimeInForce,
    Trade,
)
from engine.execution.ticket import Ticket
from engine.feeds.simulation.venue import SimulatedVenue
from engine.instruments import Instruments
from engine.store.codec import encode
from engine.wiring.desk import Desk
from engine.wiring.sources import adopt
from tests.chaos.amounts import SEEDS
from tests.chaos.invariants import Printed, Shown
from tests.chaos.session import START_NS, Session

_NAMES = ("BTC-USD", "XRP-USD")
_STEPS = 120
_STEP_NS = NS // 4


class SimulatedSession(Session):
    """A session whose market is the simulated venue, as a feed that fails brings it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.venue = SimulatedVenue(_NAMES, seed=seed, start_ns=START_NS)
        self.specs = self.venue.instruments()
        self.grids = {spec.symbol: spec for spec in self.specs}
        self.last: dict[str, Decimal] = {}
        self.silent = 0
        """Steps that the feed brings nothing for."""
        self.heard_ns = START_NS
        self.did: list[str] = []
        super().__init__()

    def _start(self) -> Desk:
        desk = Desk(self.config, Instruments(), commit=self._commit, record=self._record, keep=self._keep)
        adopt(desk, self.specs)
        return desk

    def run(self) -> None:
        """The whole of it. Raises AssertionError with what the seed did by then."""
        for _ in range(_STEPS):
            self.now_ns += _STEP_NS
            self._take(self._delivered(self.venue.advance(self.now_ns)))
            self.desk.advance(self.now_ns)
            self._act()
        assert self.problems() + self.quiet_problems() + self.stored_problems() == [], self.did

    # --- the feed

    def _delivered(self, events: list[MarketEvent]) -> list[MarketEvent]:
        """What the feed makes of what happened: nothing, some of it, some of it twice or late."""
        rng = self.rng
        if self.silent:
            self.silent -= 1
            return []
        fault = rng.random()
        if fault < 0.02:
            self.silent = rng.choice((1, 4, 20))
        elif fault < 0.05:
            events = [event for event in events if rng.random() < 0.5]
        elif fault < 0.07:
            events = [event for event in events for _ in range(rng.choice((1, 1, 2)))]
        elif fault < 0.08:
            rng.shuffle(events)
        return events

    def _take(self, events: list[MarketEvent]) -> None:
        """What comes at the same moment is told apart by a nanosecond: so are the fills between."""
        for number, event in enumerate(events):
            self.heard_ns = max(self.heard_ns + 1, event.recv_ns)
            events[number] = event = msgspec.structs.replace(event, recv_ns=self.heard_ns)
            if isinstance(event, Trade):
                self.last[event.symbol] = Decimal(repr(event.price))
                self.market.append(Printed(event.recv_ns, event.symbol, Decimal(repr(event.size))))
            elif isinstance(event, Quote):
                sides = ((event.bid, event.bid_size),), ((event.ask, event.ask_size),)
                self._showed(event.recv_ns, event.symbol, *sides)
            elif isinstance(event, Depth):
                self._showed(event.recv_ns, event.symbol, event.bids, event.asks)
        self.desk.on_events(events)

    def _showed(self, ns: int, symbol: str, *sides: tuple[tuple[float, float], ...]) -> None:
        bids, asks = ({Decimal(repr(p)): Decimal(repr(s)) for p, s in side} for side in sides)
        self.market.append(Shown(ns, symbol, bids, asks))

    # --- the person and the machine

    def _act(self) -> None:
        rng, trading = self.rng, self.desk.trading
        chance = rng.random()
        if chance < 0.25 and self.last:
            self._tell("order", self._order)
        elif chance < 0.35:
            self._tell("amend or cancel", self._change)
        elif chance < 0.37:
            self.did.append("cancel all")
            trading.cancel_all(rng.choice((None, *self.grids)), "ann")
        elif chance < 0.39:
            state = rng.choice([RiskState.ACTIVE, RiskState.ACTIVE, *RiskState])
            self.did.append(state.value)
            trading.set_state(state, "ann", "asked for")
        elif chance < 0.40:
            self._tell("flatten", trading.flatten)
        elif chance < 0.43:
            self.hold = not self.hold
            self.did.append(f"slow disk {self.hold}")
            if not self.hold:
                self.release()
        elif chance < 0.45:
            self.did.append("kill")
            self.restart(rng.randint(0, 4))
            assert self.problems() == [], self.did

    def _tell(self, what: str, act: object) -> None:
        self.did.append(what)
        try:
            act()  # type: ignore[operator]
        except OrderError:
            self.did[-1] += " (refused)"

    def _order(self) -> None:
        rng = self.rng
        symbol = rng.choice(sorted(self.last))
        side, last = rng.choice(list(Side)), self.last[symbol]
        kind = rng.random()
        quantity = self._lots(symbol, Decimal(rng.randint(100, 2_000)) / last)
        if kind < 0.35:
            ticket = Ticket(symbol=symbol, side=side, quantity=quantity)
        elif kind < 0.7:
            price = self._ticks(symbol, last * (1 - side.sign * Decimal(rng.randint(-20, 40)) / 10_000))
            force = rng.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
            ticket = Ticket(
                symbol=symbol, side=side, type=OrderType.LIMIT, quantity=quantity, price=price,
                time_in_force=force,
            )  # fmt: skip
        else:
            distance = last * Decimal(rng.randint(2, 30)) / 10_000 * side.sign
            ticket = Ticket(
                symbol=symbol, side=side, quantity=quantity,
                stop_loss=self._ticks(symbol, last - distance),
                take_profit=self._ticks(symbol, last + distance),
            )  # fmt: skip
        self.place(ticket)

    def _change(self) -> None:
        orders = self.desk.trading.blotter.open_orders()
        if not orders:
            return
        order = self.rng.choice(orders)
        if self.rng.random() < 0.5:
            self.desk.trading.cancel(order.client_order_id, "ann")
            return
        quantity = self._lots(order.request.symbol, order.quantity * self.rng.choice((1, 2, 3)) / 2)
        self.desk.trading.amend(order.client_order_id, Amendment(quantity=quantity), "ann")

    def _ticks(self, symbol: str, price: Decimal) -> Decimal:
        tick = self.grids[symbol].tick_size
        return price // tick * tick

    def _lots(self, symbol: str, quantity: Decimal) -> Decimal:
        lot = self.grids[symbol].lot_size
        return max(quantity // lot, Decimal(1)) * lot

    def digest(self) -> str:
        return hashlib.sha256("\n".join(encode(event) for event in self.journal).encode()).hexdigest()


@pytest.mark.timeout(120 + 3 * SEEDS)
def test_every_invariant_holds_in_every_session() -> None:
    events = fills = restarts = 0
    for seed in range(SEEDS):
        session = SimulatedSession(seed)
        try:
            session.run()
        except Exception as error:
            error.add_note(f"seed {seed}: SimulatedSession({seed}).run()")
            raise
        events += len(session.journal)
        fills += sum("Fill" in type(event).__name__ for event in session.journal)
        restarts += session.restarts
    print(f"{SEEDS} sessions: {events:,} events, {fills:,} fills, {restarts:,} restarts")
    assert fills > SEEDS and restarts


def test_a_session_is_made_by_its_seed_alone() -> None:
    one, two, other = SimulatedSession(11), SimulatedSession(11), SimulatedSession(12)
    for session in (one, two, other):
        session.run()
    assert one.digest() == two.digest() and one.did == two.did
    assert one.digest() != other.digest()
    assert msgspec.json.encode(one.settings) == msgspec.json.encode(two.settings)
