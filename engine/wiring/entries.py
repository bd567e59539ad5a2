"""Entries: from an opportunity to an order, or why not."""

from __future__ import annotations

from collections.abc import Callable

from engine.config import Config
from engine.events import Drop, Family, Opportunity, OrderRequest, Purpose, RiskState
from engine.execution.build import OrderBuilder
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.risk.state import originates
from engine.wiring.exits import ExitOrders
from engine.wiring.order_flow import OrderFlow

_ENTRY, _REVERSAL, _ACTIVE, _TECHNICAL = Purpose.ENTRY, Purpose.REVERSAL, RiskState.ACTIVE, Family.TECHNICAL
# An enum's members are looked up at a cost, which between a frame and its order counts.


class Entries:
    """Decides whether an opportunity becomes an order now."""

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        flow: OrderFlow,
        exits: ExitOrders,
        *,
        on_drop: Callable[[Drop], None],
        on_outcome: Callable[[str, str], None],
        on_held: Callable[[str, str], None],
    ) -> None:
        """``on_held(id, why)``: what stands in the way of an order of that opportunity."""
        self._instruments = instruments
        self._features = features
        self._flow = flow
        self._exits = exits
        self._on_drop = on_drop
        self._on_outcome = on_outcome
        self._on_held = on_held
        self._builder = OrderBuilder(config.account)
        self._cooldown = flow.gate.cooldown
        self._exited_ns = flow.gate.cooldown.exited_ns

    def act(self, opportunity: Opportunity) -> None:
        """Turn an opportunity into an order, or say why not.

        What only stands in the way for the moment leaves it live: it is tried again when it is merged anew.
        """
        flow, symbol = self._flow, opportunity.symbol
        held = flow.ledger.quantity(symbol)
        wanted = _REVERSAL if held and held * opportunity.side.sign < 0 else _ENTRY
        instrument = self._instruments.get(symbol)
        state = flow.gate.state
        if state is not _ACTIVE and not originates(state, wanted):
            # No order is built: a desk that is halted for hours must not journal a denial every few seconds.
            flow.denied["NOT_ACTIVE"] += 1
            self._on_held(opportunity.opportunity_id, f"NOT_ACTIVE: the desk is {state.value}")
            self._on_outcome(opportunity.opportunity_id, "denied:NOT_ACTIVE")
        elif instrument is None:
            self._drop(opportunity, "UNKNOWN_SYMBOL", symbol, final=True)
        elif flow.work.count(symbol) and flow.work.busy(symbol):
            self._drop(opportunity, "ORDER_WORKING", "an order of the symbol is at work")
        elif wanted is _REVERSAL:
            self._on_held(opportunity.opportunity_id, "REVERSAL: the position against it is closed first")
            self._on_outcome(opportunity.opportunity_id, "reversal")
            self._exits.send(symbol, Purpose.REVERSAL, f"opposite opportunity: {opportunity.reason}")
        elif held:
            self._drop(opportunity, "IN_POSITION", f"holds {held} that way already")
        else:
            exited_ns = self._exited_ns.get(symbol)
            if exited_ns is None or not self._rests(opportunity, exited_ns):
                self._enter(opportunity, instrument)

    def hold(self, opportunity: Opportunity) -> None:
        """In place of ``act``, of a desk that begins nothing by itself."""
        self._drop(opportunity, "HANDS_OFF", "this engine begins nothing by itself")

    def expect(self) -> None:
        """Positions were marked: make what the next order takes of it before one waits for it."""
        ledger = self._flow.ledger
        equity = ledger.equity()
        if equity is not None and equity.is_finite():
            self._builder.expect(equity)
            self._flow.gate.book.limits.shares(equity)
        ledger.drawdown_pct()

    def _rests(self, opportunity: Opportunity, exited_ns: int) -> bool:
        """Whether the symbol was left too lately for this one; it is dropped then."""
        if self._cooldown.bars and self._features.now_ns < self._cooldown.until_ns(opportunity.symbol):
            self._drop(opportunity, "COOLDOWN", "the symbol rests after an exit")
        elif _evidence_ns(opportunity) <= exited_ns:
            self._drop(opportunity, "SPENT", "its signals are older than the symbol's last exit")
        else:
            return False
        return True

    def _enter(self, opportunity: Opportunity, instrument: Instrument) -> None:
        quote = self._features.live_quote(instrument.index)
        bid, _, ask, _, last = quote
        mid = (bid + ask) / 2 if bid == bid else last
        ledger, score = self._flow.ledger, opportunity.score
        equity, rate = ledger.equity(), ledger.balances.rate(instrument.quote_currency)
        if equity is None:
            self._drop(opportunity, "NO_EQUITY", "a currency that is held has no rate")
            return
        if rate is None:
            self._drop(opportunity, "NO_RATE", f"of {instrument.quote_currency or 'its currency'}")
            return
        behind = [
            part.source
            for part in opportunity.blend.inputs
            if part.family is _TECHNICAL and part.score * score > 0.0
        ]
        request = self._builder.entry(
            opportunity,
            instrument,
            equity,
            self._features.now_ns,
            mid if mid == mid else None,
            tuple(behind),  # the strategies that spoke for its side, strongest first
            rate,
        )
        if isinstance(request, OrderRequest):
            self._flow.submit(request, instrument, quote)
        else:
            self._drop(opportunity, request.code, request.detail, final=True)

    def _drop(self, opportunity: Opportunity, code: str, detail: str, *, final: bool = False) -> None:
        self._on_held(opportunity.opportunity_id, f"{code}: {detail}")
        if final:
            self._on_outcome(opportunity.opportunity_id, f"dropped:{code}")
        if final or opportunity.merged == 0:
            self._on_drop(Drop("execution", opportunity.symbol, code, detail, self._features.now_ns))


def _evidence_ns(opportunity: Opportunity) -> int:
    """When the newest technical signal in it was given."""
    blend = opportunity.blend
    youngest = blend.ns
    for part in blend.inputs:
        if part.family is _TECHNICAL and part.age_ns < youngest:
            youngest = part.age_ns
    return blend.ns - youngest
