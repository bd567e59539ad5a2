"""Changes of working orders: judged by risk, durable, and only then asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from engine.errors import OrderError, UnknownOrderError
from engine.events import Amendment, ChangeKind, OrderChange, OrderRequest, Pending, Verdict
from engine.execution.amendment import amended
from engine.execution.gateway import Gateway
from engine.execution.order import Order
from engine.execution.ticket import TicketView
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.portfolio.ledger import Ledger
from engine.risk.gate import RiskGate
from engine.risk.judgement import Judgement
from engine.wiring.order_journal import OrderJournal
from engine.wiring.order_work import OrderWork
from engine.wiring.risk_view import RiskViews, as_it_is


class Amendments:
    def __init__(
        self,
        instruments: Instruments,
        features: FeatureEngine,
        ledger: Ledger,
        work: OrderWork,
        gate: RiskGate,
        views: RiskViews,
        journal: OrderJournal,
        gateways: Mapping[str, Gateway],
        *,
        judged: Callable[[Verdict], None],
        asked: Callable[[OrderRequest], None],
    ) -> None:
        """``judged``: risk has spoken. ``asked``: a gateway was asked about the order."""
        self._instruments = instruments
        self._features = features
        self._ledger = ledger
        self._work = work
        self._gate = gate
        self._views = views
        self._journal = journal
        self._gateways = gateways
        self._judged = judged
        self._asked = asked

    def ask(self, client_order_id: str, amendment: Amendment, who: str) -> Verdict:
        """Have a change of a working order judged; ask its gateway for it when that is durable.

        Raises OrderError when the order is unknown, not at work, or cannot become so.
        """
        order, judgement = self._found(client_order_id, amendment)
        verdict, now = judgement.verdict(), self._features.now_ns
        self._judged(verdict)
        if not verdict.approved:
            return verdict
        self._gate.amended(judgement.request, now)
        self._work.asked[client_order_id] = amendment
        asked = OrderChange(
            client_order_id, order.request.symbol, ChangeKind.UPDATE_ASKED, who, now, amendment, verdict
        )
        self._journal.write([asked], lambda: self._amend(order.request, amendment))
        return verdict

    def judge(self, client_order_id: str, amendment: Amendment) -> tuple[OrderRequest, Verdict]:
        """What would still fill of the changed order, and what risk would say now; nothing is asked for.

        Raises as ``ask``.
        """
        order, judgement = self._found(client_order_id, amendment)
        request = judgement.request
        rest = msgspec.structs.replace(request, quantity=request.quantity - order.filled)
        return rest, judgement.verdict()

    def _found(self, client_order_id: str, amendment: Amendment) -> tuple[Order, Judgement]:
        order = self._journal.order(client_order_id)
        if order is None:
            raise UnknownOrderError(f"no order {client_order_id}: `tickdesk orders --open` lists what works")
        instrument = self._instrument(order.request.symbol)
        now = self._features.now_ns
        quote = self._features.live_quote(instrument.index)
        bid, _, ask, _, last = quote
        held = self._ledger.quantity(instrument.symbol)
        market = TicketView(
            instrument=instrument, now_ns=now, bid=bid, ask=ask, last=last, position=held, equity=None
        )
        request = amended(order, amendment, market, self._children(order))
        view = self._views.view(request, instrument, quote, now)
        return order, self._gate.judge_amendment(as_it_is(order), amendment, order.filled, view)

    def _children(self, parent: Order) -> list[Order]:
        """Those that are open, as they are with everything written."""
        found = (
            self._journal.order(one.client_order_id)
            for one in self._work.open_orders(parent.request.symbol)
            if one.request.parent_id == parent.client_order_id
        )
        return [child for child in found if child is not None and not child.state.terminal]

    def _amend(self, request: OrderRequest, amendment: Amendment) -> None:
        """The change is durable: the gateway is asked, unless the order is over by now."""
        order = self._journal.order(request.client_order_id)
        if order is None or order.pending is not Pending.UPDATE:
            return
        now = self._features.now_ns
        self._journal.write(self._gateways[request.gateway].amend(request.client_order_id, amendment, now))
        self._asked(request)

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise OrderError(f"the desk has no {symbol}")
        return instrument
