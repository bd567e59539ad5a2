"""Portfolio targets at work: a model's scores become orders, a rebalance at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from engine.config import Config
from engine.events import (
    NS,
    Drop,
    Opportunity,
    OrderRequest,
    OrderType,
    Purpose,
    RiskState,
    Side,
)
from engine.execution.ids import client_order_id
from engine.features.engine import FeatureEngine
from engine.instruments import Instrument, Instruments
from engine.market.freshness import Freshness
from engine.portfolio.targets import STAGE, Change, Plan, plan
from engine.risk.state import originates
from engine.strategies.model import Model
from engine.wiring.target_assets import TargetAssets
from engine.wiring.trading import Trading


class Targets:
    """Follows the targets of the symbols that the model strategy sees; nothing else enters those.

    A rebalance is due every ``targets.every_bars``, at the first scores after it. Reductions leave at once;
    additions wait until all of them are done, and leave in orders no larger than risk allows, one at a time
    of each symbol. What has not left by the next rebalance is planned anew. A restart forgets a rebalance
    that was under way: the next one goes on from what is held.
    """

    def __init__(
        self,
        config: Config,
        instruments: Instruments,
        features: FeatureEngine,
        freshness: Freshness,
        trading: Trading,
        *,
        sees: Callable[[str], bool],
        on_drop: Callable[[Drop], None],
        on_outcome: Callable[[str, str], None],
        spoke: Callable[[], str] = lambda: "",
        mark: Callable[[str], None] = lambda symbol: None,
    ) -> None:
        """``sees(symbol)``: whether the model strategy is let see the symbol. ``spoke()``: the version of the
        model that the scores are of. ``mark(symbol)``: its newest score leads to an order."""
        self._config = config.targets
        self._instruments = instruments
        self._features = features
        self._trading = trading
        self._assets = TargetAssets(features, freshness, trading)
        self._sees = sees
        self._on_drop = on_drop
        self._on_outcome = on_outcome
        self._spoke = spoke
        self._mark = mark
        self._told = ""
        """Whose scores the rebalance rests on."""
        self._every_ns = int(config.targets.every_bars * config.features.bar_s * NS)
        self._again_ns = int(config.risk.duplicate_window_s * NS)
        self._period = -1
        self._scores: Mapping[str, float] = {}
        self._reduced: set[str] = set()
        """Symbols whose reductions the additions wait for."""
        self._additions: dict[str, Decimal] = {}
        """Signed quantity that is still to be added, by symbol."""
        self._sent_ns: dict[str, int] = {}
        self.last = Plan()
        """Of the last rebalance."""
        self.last_ns = 0
        """When it was, by the desk's clock; 0: none yet."""

    # --- in ---

    def act(self, opportunity: Opportunity) -> None:
        """Let an opportunity through to trading, unless its symbol follows a target."""
        if not self._sees(opportunity.symbol):
            self._trading.act(opportunity)
            return
        self._on_outcome(opportunity.opportunity_id, "dropped:UNDER_TARGET")
        if opportunity.merged == 0:
            self._drop(opportunity.symbol, "UNDER_TARGET", "its position follows the portfolio's targets")

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> None:
        """The model's scores of all symbols, normalised; at most one rebalance comes of them."""
        self._scores = {symbol: score for symbol, score in scores.items() if self._sees(symbol)}
        period = ns // self._every_ns
        due = self._period >= 0 and period > self._period
        self._period = period
        if due:
            self._rebalance()

    def on_time(self) -> None:
        """Each bar interval: go on with what waits."""
        if self._additions:
            self._add()

    def plan(self) -> Plan:
        """What a rebalance would do now, by the last scores; nothing is sent."""
        held = {
            position.symbol for position in self._trading.ledger.positions() if self._sees(position.symbol)
        }
        assets = {}
        for symbol in self._scores.keys() | held:
            instrument = self._instruments.get(symbol)
            if instrument is not None:
                assets[symbol] = self._assets.of(instrument)
        return plan(self._scores, assets, self._assets.equity(), self._config)

    @property
    def next_ns(self) -> int:
        """From when on scores lead to the next rebalance, by the desk's clock; 0 before the first scores."""
        return (self._period + 1) * self._every_ns

    def period(self, ns: int) -> tuple[int, int]:
        """From when to when (ns, without it) the first scores led to the rebalance that ``ns`` falls into."""
        start_ns = ns // self._every_ns * self._every_ns
        return start_ns, start_ns + self._every_ns

    # --- a rebalance ---

    def _rebalance(self) -> None:
        self.last, self.last_ns = self.plan(), self._features.now_ns
        version = self._spoke()
        self._told = f"model {version}: " if version else ""
        self._reduced.clear()
        self._additions.clear()
        for change in self.last.changes:
            if change.code:
                self._drop(change.symbol, change.code, change.detail)
            if change.addition:
                self._additions[change.symbol] = change.addition
            if change.reduction:
                self._reduce(change)
        self._add()
        for change in self.last.trades:
            self._mark(change.symbol)

    def _reduce(self, change: Change) -> None:
        """Send the reduction; without it, nothing is added either."""
        symbol, trading = change.symbol, self._trading
        held = trading.ledger.quantity(symbol)
        quantity = min(abs(change.reduction), abs(held))
        if not originates(trading.gate.state, Purpose.REBALANCE):
            self._refuse(symbol, "NOT_ACTIVE", trading.gate.state.value)
        elif not quantity or held * change.reduction > 0 or trading.work.busy(symbol):
            self._refuse(symbol, "ORDER_WORKING", "what is to be reduced is at work")
        else:
            request = self._request(change, -held, quantity, Purpose.REBALANCE)
            if trading.submit(request, self._instrument(symbol)).approved:
                self._reduced.add(symbol)
            else:
                self._refuse(symbol, "DENIED", "risk says why")

    def _add(self) -> None:
        """Send what may be added now."""
        trading, now = self._trading, self._features.now_ns
        if any(trading.work.exiting(symbol) for symbol in self._reduced):
            return
        self._reduced.clear()
        for symbol in list(self._additions):
            if trading.gate.state is not RiskState.ACTIVE:
                self._refuse(symbol, "NOT_ACTIVE", trading.gate.state.value)
            elif trading.ledger.quantity(symbol) * self._additions[symbol] < 0:
                self._refuse(symbol, "NOT_FLAT", "its reduction did not fill")
            elif not (trading.work.busy(symbol) or self._rests(symbol, now)):
                self._add_to(symbol, now)

    def _rests(self, symbol: str, now: int) -> bool:
        """After an exit; and after an order just like the next one, which would be taken for it."""
        sent_ns = self._sent_ns.get(symbol)
        if self._trading.rests(symbol):
            return True
        return sent_ns is not None and now <= sent_ns + self._again_ns

    def _add_to(self, symbol: str, now: int) -> None:
        (change,) = [row for row in self.last.changes if row.symbol == symbol]
        left = self._additions[symbol]
        wanted = self._request(change, left, abs(left), Purpose.ENTRY)
        instrument = self._instrument(symbol)
        asset = self._assets.of(instrument)
        quantity = self._assets.allowed(wanted, asset)
        if quantity is None or asset.price is None:
            return  # until it is known again, or planned anew
        if quantity <= 0 or quantity * asset.price < instrument.min_notional:
            self._refuse(symbol, "TOO_SMALL", f"{abs(left)} left, an order may be of {quantity}")
            return
        request = msgspec.structs.replace(wanted, quantity=quantity)
        if not self._trading.submit(request, instrument).approved:
            self._refuse(symbol, "DENIED", "risk says why")
            return
        self._sent_ns[symbol] = now
        rest = abs(left) - quantity
        if rest:
            self._additions[symbol] = rest.copy_sign(left)
        else:
            del self._additions[symbol]

    def _request(
        self, change: Change, direction: Decimal, quantity: Decimal, purpose: Purpose
    ) -> OrderRequest:
        """A market order; ``direction``: its sign is the side's."""
        symbol, now = change.symbol, self._features.now_ns
        side = Side.BUY if direction > 0 else Side.SELL
        mid = self._trading.watch.mid(self._instrument(symbol).index)
        entry = purpose is Purpose.ENTRY
        return OrderRequest(
            client_order_id=client_order_id(purpose, symbol, side, now, f"{STAGE}/{self._period}"),
            symbol=symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=quantity,
            purpose=purpose,
            reduce_only=not entry,
            decision_ns=now,
            decision_price=mid if math.isfinite(mid) and mid > 0 else 0.0,
            reason=f"{self._told}target {change.target:f}, held {change.held:f}, weight {change.weight:+.3f}",
            sources=(Model.name,) if entry else (),
        )

    def _instrument(self, symbol: str) -> Instrument:
        """Of a symbol that has a plan."""
        instrument = self._instruments.get(symbol)
        assert instrument is not None
        return instrument

    def _refuse(self, symbol: str, code: str, detail: str) -> None:
        """Nothing more of the symbol until the next rebalance."""
        self._additions.pop(symbol, None)
        self._drop(symbol, code, detail)

    def _drop(self, symbol: str, code: str, detail: str) -> None:
        self._on_drop(Drop(STAGE, symbol, code, detail, self._features.now_ns))
