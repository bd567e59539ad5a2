"""A whole desk at one symbol that a test moves by hand."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.config import load
from engine.events import NS, Drop, Fill, Opportunity, OrderEvent, Purpose, Side, Verdict
from tests.opportunities.signals import blend
from tests.wiring.conftest import START_NS, Bench, calm, quote, trade

A = "sim:AAA-USD"


class Market:
    """One symbol, warmed up for a minute around 100, then moved by hand."""

    def __init__(self, *, hold: bool = False, overrides: tuple[str, ...] = ()) -> None:
        quiet = [f"strategies.{name}.enabled=false" for name in QUIET]
        self.bench = Bench(load(overrides=[*quiet, *overrides], environ={}), hold=hold)
        self.desk = self.bench.desk
        self.at_s = 60.0
        for events in calm(A, 100.0, 60):
            self.desk.on_events(events)
        self.next_id = 1000

    def tick(self, price: float = 100.0, seconds: float = 0.2) -> None:
        """A trade and a quote of 2 cents around ``price``, ``seconds`` later."""
        self.at_s += seconds
        self.next_id += 1
        self.desk.on_events(
            [trade(A, self.next_id, price, 1.0, self.at_s), quote(A, price - 0.01, price + 0.01, self.at_s)]
        )
        self.desk.advance(START_NS + int(self.at_s * NS))

    def opportunity(self, side: Side = Side.BUY, n: int = 1) -> Opportunity:
        row = self.desk.features.row(0)
        now = self.desk.now_ns
        score = 0.8 * side.sign
        mixed = msgspec.structs.replace(blend(score), symbol=A, ns=now)
        made = Opportunity(
            f"op-{n}", A, side, score, 0.9, 100.0, ("trend",), "why", now, now + 10 * NS, 0, mixed, row
        )
        return made

    def act(self, side: Side = Side.BUY, n: int = 1) -> None:
        self.desk.trading.act(self.opportunity(side, n))

    def states(self) -> list[str]:
        """States of all order events so far, fills as ``fill``."""
        found = []
        for event in self.bench.journal:
            if isinstance(event, OrderEvent):
                found.append(event.state.value)
            elif isinstance(event, Fill):
                found.append("fill")
        return found

    @property
    def held(self) -> Decimal:
        return self.desk.trading.ledger.quantity(A)

    def purposes(self) -> list[Purpose]:
        return [
            event.request.purpose
            for event in self.bench.journal
            if isinstance(event, OrderEvent) and event.request is not None
        ]

    def verdict(self) -> Verdict:
        """The newest one."""
        return [record for record in self.bench.records if isinstance(record, Verdict)][-1]

    def drops(self) -> list[str]:
        return [record.code for record in self.bench.records if isinstance(record, Drop)]


QUIET = ("rapid_rise", "golden_cross", "trend", "mean_reversion", "model")


def opened(side: Side = Side.BUY, **options: object) -> Market:
    market = Market(**options)  # type: ignore[arg-type]
    market.act(side)
    market.tick()
    market.tick()
    assert market.held * side.sign > 0
    return market
