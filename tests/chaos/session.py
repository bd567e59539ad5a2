"""A desk under test: its disk may be slow, it may be killed at any moment and started from its journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from engine.config import Config, load
from engine.errors import OrderError
from engine.events import (
    NS,
    Fill,
    JournalEvent,
    MarketEvent,
    OrderEvent,
    OrderRequest,
    Quote,
    Trade,
    Verdict,
)
from engine.execution.order import PAPER
from engine.execution.ticket import Ticket, TicketView, order_requests
from engine.feeds.base import InstrumentSpec
from engine.instruments import Instruments
from engine.store.codec import decode_journal, encode
from engine.store.rows import Record
from engine.store.store import Store
from engine.store.verify import verify
from engine.wiring.desk import Desk
from engine.wiring.sources import adopt
from tests.chaos import invariants
from tests.chaos.invariants import Printed, Shown

START_NS = 1_700_000_000 * NS
SYMBOLS = ("sim:BTC-USD", "sim:ETH-USD")
SPECS = tuple(
    InstrumentSpec(symbol, Decimal("0.01"), Decimal("0.001"), Decimal(1), "USD") for symbol in SYMBOLS
)


def config() -> Config:
    """Wide limits, so that orders get through; what narrows them are the steps of a test."""
    return load(
        environ={},
        overrides=[
            "risk.max_orders_per_s=10000",
            "risk.order_burst=10000",
            "risk.repeat_limit=10000",
            "risk.duplicate_window_s=0.001",
            "risk.max_position_pct=500",
            "risk.max_gross_pct=1000",
            "risk.max_net_pct=1000",
            "risk.max_order_notional_pct=100",
            "risk.price_collar_pct=50",
        ],
    )


class Session:
    """The desk, the market it saw, and the journal as a disk would have it."""

    def __init__(self, configured: Config | None = None) -> None:
        self.config = config() if configured is None else configured
        self.now_ns = START_NS
        self.hold = False
        """The disk is slow: commits are acknowledged by ``release``."""
        self.journal: list[JournalEvent] = []
        """Acknowledged."""
        self.written: list[tuple[Sequence[JournalEvent], Callable[[], None]]] = []
        """On its way to the disk."""
        self.market: list[Shown | Printed] = []
        self.verdicts: list[Verdict] = []
        self.settings: dict[str, object] = {}
        self.trades = 0
        self.restarts = 0
        self.desk = self._start()

    # --- the disk

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        # What is read back is what was encoded, not the same objects.
        kept = [decode_journal(encode(event)) for event in events]
        self.written.append((kept, done))
        if not self.hold and len(self.written) == 1:
            self.release()

    def release(self) -> None:
        """Everything is on the disk, and what follows from it as well."""
        while self.written:
            events, done = self.written[0]
            self.journal.extend(events)
            done()
            self.written.pop(0)

    def _record(self, record: Record) -> None:
        if isinstance(record, Verdict):
            self.verdicts.append(record)

    def _keep(self, name: str, value: object) -> None:
        self.settings[name] = msgspec.json.decode(msgspec.json.encode(value))

    def _start(self) -> Desk:
        desk = Desk(self.config, Instruments(), commit=self._commit, record=self._record, keep=self._keep)
        adopt(desk, SPECS)
        return desk

    def restart(self, survive: int) -> None:
        """Kill the engine and start another; of the commits on their way ``survive`` reached the disk."""
        for events, _ in self.written[:survive]:
            self.journal.extend(events)
        self.written.clear()
        self._forget_lost_verdicts()
        self.hold = False
        self.restarts += 1
        self.desk = self._start()
        self.desk.restore(list(self.journal), self.now_ns)
        self.desk.take_up(self.settings)

    def _forget_lost_verdicts(self) -> None:
        """What the disk never had of an order did not happen: its id may be judged again."""
        kept = {event.client_order_id for event in self.journal if isinstance(event, OrderEvent)}
        self.verdicts = [verdict for verdict in self.verdicts if verdict.client_order_id in kept]

    # --- the market

    def advance(self, seconds: float) -> None:
        self.now_ns += max(int(seconds * NS), 1_000_000)
        self.desk.advance(self.now_ns)

    def quote(self, symbol: str, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal) -> None:
        self.advance(0.001)
        self.market.append(Shown(self.now_ns, symbol, {bid: bid_size}, {ask: ask_size}))
        numbers = float(bid), float(bid_size), float(ask), float(ask_size)
        self._feed(Quote(symbol, *numbers, self.now_ns, self.now_ns))

    def trade(self, symbol: str, price: Decimal, size: Decimal) -> None:
        self.advance(0.001)
        self.trades += 1
        self.market.append(Printed(self.now_ns, symbol, size))
        self._feed(Trade(symbol, self.trades, float(price), float(size), 1, self.now_ns, self.now_ns))

    def _feed(self, event: MarketEvent) -> None:
        self.desk.on_events([event])
        self.desk.advance(self.now_ns)

    # --- a person

    def place(self, ticket: Ticket) -> list[Verdict]:
        """Send a ticket as the order or the bracket that it is. Raises OrderError."""
        return self.send(order_requests(ticket, self.view(ticket.symbol)))

    def send(self, requests: Sequence[OrderRequest]) -> list[Verdict]:
        trading = self.desk.trading
        if len(requests) > 1:
            return trading.submit_list(requests)
        (request,) = requests
        instrument = self.desk.instruments.get(request.symbol)
        assert instrument is not None
        return [trading.submit(request, instrument)]

    def view(self, symbol: str) -> TicketView:
        desk = self.desk
        instrument = desk.instruments.get(symbol)
        assert instrument is not None
        bid, _, ask, _, last = desk.features.live_quote(instrument.index)
        return TicketView(
            instrument=instrument,
            now_ns=desk.now_ns,
            bid=bid,
            ask=ask,
            last=last,
            position=desk.trading.ledger.quantity(symbol),
            equity=desk.trading.ledger.equity(),
        )

    # --- what must hold

    def problems(self) -> list[str]:
        """Every invariant, of what is acknowledged and of what is written."""
        trading = self.desk.trading
        written = [*self.journal, *(event for events, _ in self.written for event in events)]
        requests = {
            event.client_order_id: event.request
            for event in written
            if isinstance(event, OrderEvent) and event.request is not None
        }
        fills = [event for event in written if isinstance(event, Fill)]
        found = [
            *invariants.journal_problems(written),
            *invariants.fold_problems(self.journal, trading.blotter),
            *invariants.order_problems(trading.blotter),
            *invariants.money_problems(self.journal, trading.ledger),
            *invariants.bracket_problems(written),
            *invariants.exit_problems(self.verdicts, requests),
            *self.market_problems(fills),
        ]
        try:
            invariants.fold(written)
        except OrderError as error:
            found.append(f"what is written contradicts itself: {error}")
        return found

    def market_problems(self, fills: Sequence[Fill]) -> list[str]:
        """Fills against the market as it was shown."""
        return [
            *invariants.liquidity_problems(fills, self.market),
            *invariants.stale_problems(fills, self.market, int(self.config.risk.stale_data_s * NS)),
        ]

    def quiet_problems(self) -> list[str]:
        """The same once the disk has caught up and no message is on its way any more."""
        self.hold = False
        self.release()
        for _ in range(3):
            self.advance(1.0)
        trading = self.desk.trading
        return self.problems() + invariants.venue_problems(trading.blotter, PAPER, trading.paper.waiting())

    def stored_problems(self) -> list[str]:
        """The journal through the store: its tables, and every invariant that it verifies itself."""
        store = Store(None, durable=False)
        store.start()
        try:
            if self.journal:
                store.commit_now(self.journal)
            found = [text for one in store._call(verify) for text in one.problems]
            rows = {row.client_order_id: row for row in store.reader().recent_orders(100_000)}
        finally:
            store.close()
        blotter = self.desk.trading.blotter
        if len(rows) != len(blotter):
            found.append(f"{len(rows)} orders are stored, {len(blotter)} shown")
        for order in blotter:
            row = rows.get(order.client_order_id)
            shown = order.state.value, order.filled, order.quantity
            if row is None or (row.state, Decimal(row.filled), Decimal(row.quantity)) != shown:
                found.append(f"order {order.client_order_id}: stored as {row}, shown as {shown}")
        return found
