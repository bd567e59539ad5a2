"""The gate: every order request gets a verdict here, with each check, its value and its limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from engine.config import AccountConfig, ExitsConfig, RiskConfig
from engine.events import (
    Amendment,
    OrderRequest,
    OrderType,
    Purpose,
    RiskChange,
    RiskState,
    Verdict,
)
from engine.risk.case import Case
from engine.risk.checks import (
    AMENDED_ENTRY,
    AMENDED_EXIT,
    ENTRY_CHECKS,
    EXIT_CHECKS,
    LESSENED,
    Outcome,
    PreTradeCheck,
)
from engine.risk.checks.allowed import bus_block
from engine.risk.cooldown import Cooldown
from engine.risk.judgement import CHECK_FAILED, Judgement, raised
from engine.risk.legs import LEG, LIST, exits, fits, seen_by
from engine.risk.limit_book import LimitBook
from engine.risk.pace import Pace
from engine.risk.plain_entry import PlainEntry
from engine.risk.plan import Plan, plan
from engine.risk.state import StateLatch
from engine.risk.stop_lock import StopLocks
from engine.risk.view import RiskView
from engine.slices import Work

__all__ = ["CHECK_FAILED", "Judgement", "RiskGate"]

_ENTRY, _MARKET = Purpose.ENTRY, OrderType.MARKET
_ZERO = Decimal(0)
_AS_CONFIGURED = ExitsConfig()


class RiskGate:
    """Pre-trade checks and the desk's trading state.

    Exits are judged by ``EXIT_CHECKS`` alone (is the order possible, does it reduce the position), in every
    state: stale data, a halt, losses or the throttle never keep a position open. A cancel is not judged.
    """

    def __init__(
        self,
        config: RiskConfig,
        account: AccountConfig,
        exits: ExitsConfig = _AS_CONFIGURED,
        bar_s: float = 1.0,
    ) -> None:
        """``bar_s``: length of a bar, in which locks after stop-losses and rests after exits are counted."""
        self.book = LimitBook(config, account)
        """The limits: read and changed there."""
        self.locks = StopLocks(exits, bar_s)
        self.cooldown = Cooldown(exits, bar_s)
        """When symbols were left: to be told by ``on_exit``."""
        self._limits = self.book.limits
        self._latch = StateLatch(self._limits)
        self._pace = Pace(self._limits)
        self._on_bus = False
        self._plan()
        self.book.on_change = self._plan

    def _plan(self) -> None:
        """Chosen once, since an order waits while checks are looked up."""
        self._market_entry = self._made_of(ENTRY_CHECKS, market=True)
        self._priced_entry = self._made_of(ENTRY_CHECKS, market=False)
        self._own_market_entry = self._made_of(ENTRY_CHECKS, market=True, scoped=True)
        self._own_priced_entry = self._made_of(ENTRY_CHECKS, market=False, scoped=True)
        self._market_exit = self._made_of(EXIT_CHECKS, market=True)
        self._priced_exit = self._made_of(EXIT_CHECKS, market=False)
        plain = PlainEntry(
            *(self._market_entry.checks, self._limits, self._latch, self._pace, self.locks, self.cooldown)
        )
        self._plain = plain if plain.usable else None

    def _made_of(self, checks: Iterable[PreTradeCheck], *, market: bool, scoped: bool = False) -> Plan:
        if not self._on_bus:
            checks = [one for one in checks if one is not bus_block]
        return plan(checks, self._limits, self.locks, self.cooldown, market=market, scoped=scoped)

    def rest_on_bus(self) -> None:
        """Workers stand behind the desk: how they are is a check of its own from now on."""
        if not self._on_bus:
            self._on_bus = True
            self._plan()

    # --- judging

    def check(self, request: OrderRequest, view: RiskView) -> Verdict:
        """Judge a request and say all of it at once: ``judge`` and ``Judgement.verdict`` in one."""
        return self.judge(request, view).verdict()

    def judge(self, request: OrderRequest, view: RiskView) -> Judgement:
        """Judge a request by every check, whatever the earlier ones said; changes nothing."""
        limits, scopes = self._limits, None
        market = request.type is _MARKET
        sized = request.purpose is _ENTRY and not request.reduce_only
        if not sized:
            checks, judges = self._market_exit if market else self._priced_exit
        elif not limits.own:
            checks, judges = self._market_entry if market else self._priced_entry
            if market and self._plain is not None:
                try:
                    plainly = self._plain.outcomes(request, view)
                except Exception:
                    plainly = None  # which check raises is told by each of them
                if plainly is not None:
                    return Judgement(request, True, checks, plainly, view.now_ns)
        else:
            limits = limits.of(request)
            scopes = limits.scopes
            checks, judges = self._own_market_entry if market else self._own_priced_entry
        approved = True
        try:
            case = Case(
                request, view, limits, self._latch, self._pace, self.locks, self.cooldown, sized=sized
            )
            outcomes = [judge(case) for judge in judges]
            for outcome in outcomes:
                if not outcome[0]:
                    approved = False
        except Exception:
            return self._judge_apart(request, view, Plan(checks, judges), sized=sized)
        return Judgement(request, approved, checks, outcomes, view.now_ns, scopes)

    def judging_list(
        self, requests: Sequence[OrderRequest], views: Sequence[RiskView]
    ) -> Work[list[Judgement]]:
        """Judge orders that leave together, a leg at a time: a bracket (the parent first), or siblings of
        which one fills.

        ``views``: of each by itself. Each leg sees the ones before it at work, and a child the position that
        its parent opens. When one is denied all are, but for exits without a parent: what reduces a position
        that is held is never kept back by another order.
        """
        judged = []
        for number, (request, view) in enumerate(zip(requests, views, strict=True)):
            try:
                judgement = self.judge(request, seen_by(requests, views, number))
                judgement.also(LEG, fits(requests, number))
            except Exception as error:  # numbers that are none: nothing is known of the leg
                outcomes: list[Outcome] = [(False, error, "LIST")]
                judgement = Judgement(request, False, [raised("LIST")], outcomes, view.now_ns)
            judged.append(judgement)
            yield
        denied = [f"{one.request.client_order_id}: {one.code()}" for one in judged if not one.approved]
        for one in judged:
            alone = exits(one.request) and not one.request.parent_id
            if denied and one.approved and not alone:
                one.also(LIST, (False, denied[0], "every leg approved"))
        return judged

    def judge_amendment(
        self, request: OrderRequest, amendment: Amendment, filled: Decimal, view: RiskView
    ) -> Judgement:
        """Judge an amendment as the order it would make, less what the order is.

        ``request``: the order as it is now, earlier amendments in; ``view``: without it among what works. An
        amendment that only makes an order smaller, or moves the prices of an exit, must be possible: no more
        is asked. An entry that grows or moves is judged like a new one, but for its id.
        """
        wanted = {name: value for name in _AMENDED if (value := getattr(amendment, name)) is not None}
        changed = msgspec.structs.replace(request, **wanted)
        quantity = amendment.quantity
        grows = quantity is not None and not (quantity.is_finite() and quantity <= request.quantity)
        moves = any(name != "quantity" for name in wanted)
        sized = False
        if exits(request):
            checks = AMENDED_EXIT if grows else LESSENED
        else:
            sized = grows or moves
            checks = AMENDED_ENTRY if sized else LESSENED
        limits = self._limits.of(changed) if sized else self._limits
        scoped = limits is not self._limits
        planned = self._made_of(checks, market=request.type is _MARKET, scoped=scoped)
        return self._judge_apart(changed, view, planned, sized=sized, filled=filled)

    def _judge_apart(
        self, request: OrderRequest, view: RiskView, planned: Plan, *, sized: bool, filled: Decimal = _ZERO
    ) -> Judgement:
        """Each check by itself, so that when one raises the others are heard all the same."""
        now = view.now_ns
        limits = self._limits.of(request) if sized else self._limits
        try:
            case = Case(
                *(request, view, limits, self._latch, self._pace, self.locks, self.cooldown),
                sized=sized,
                filled=filled,
            )
        except Exception as error:
            return Judgement(request, False, [raised("CASE")], [(False, error, "CASE")], now)
        made: list[PreTradeCheck] = []
        outcomes: list[Outcome] = []
        for check, judge in zip(*planned, strict=True):
            try:
                outcomes.append(judge(case))
                made.append(check)
            except Exception as error:
                outcomes.append((False, error, check.code))
                made.append(raised(check.code))
        approved = all(outcome[0] for outcome in outcomes)
        return Judgement(request, approved, made, outcomes, now, limits.scopes)

    # --- what happened

    def sent(self, request: OrderRequest, ns: int) -> None:
        """Count an approved order the moment it is sent, before anything comes back."""
        self._pace.sent(request, ns)

    def amended(self, request: OrderRequest, ns: int) -> None:
        """Count an approved amendment the moment it is sent; ``request``: as the judgement has it."""
        self._pace.amended(request, ns)

    def on_fill(self, request: OrderRequest, ns: int) -> int:
        """A fill of the order was booked, now or in the journal that is folded. Returns until when (ns) its
        symbol is locked by it; 0: it is not."""
        locked = self.locks.any
        until = self.locks.on_fill(request, ns)
        if until and not locked:
            self._plan()  # the check of locks is in force from the first one on
        return until

    def on_exit(self, symbol: str, ns: int) -> None:
        """The symbol was left at ``ns``, as a whole or in part, now or in the journal that is folded."""
        resting = self.cooldown.any
        self.cooldown.exited_ns[symbol] = ns
        if not resting and self.cooldown.any:
            self._plan()

    def not_after(self, ns: int) -> None:
        """Once the journal is folded: no symbol rests, or is locked, for as long as an earlier clock was
        ahead of ``ns``."""
        self.cooldown.not_after(ns)
        self.locks.not_after(ns)

    def remember(self, client_order_ids: Iterable[str]) -> None:
        """Ids used before a restart: they stay used for ever."""
        self._pace.remember(client_order_ids)

    @property
    def disabled(self) -> dict[str, str]:
        """Strategies that were disabled for repeating themselves, and why."""
        return dict(self._pace.disabled)

    def disable(self, source: str, why: str) -> None:
        """Take up that a strategy was disabled when the engine ended."""
        self._pace.disable(source, why)

    def enable(self, source: str) -> bool:
        """A person lets a disabled strategy trade again; False when it was not disabled."""
        return self._pace.enable(source)

    # --- trading state

    @property
    def state(self) -> RiskState:
        return self._latch.state

    @property
    def reason(self) -> str:
        """Why the state is what it is; "" before the first change."""
        return self._latch.reason

    def request_state(self, state: RiskState, who: str, reason: str, ns: int) -> RiskChange | None:
        """Ask for a state: all may tighten, only a person (``who`` other than ``"risk"``) may loosen.

        None when nothing changes.
        """
        return self._latch.request(state, who, reason, ns)

    def restore(self, state: RiskState, reason: str = "") -> None:
        """Take up the state that was latched when the engine ended."""
        self._latch.restore(state, reason)

    def on_equity(
        self, day_pnl: Decimal, start_equity: Decimal, ns: int, high_equity: Decimal | None = None
    ) -> RiskChange | None:
        """Judge the day's loss and its fall from ``high_equity``; a change when a limit is reached."""
        return self._latch.on_equity(day_pnl, start_equity, ns, high_equity)

    @property
    def loss_limit_pct(self) -> Decimal:
        """The day's loss from which entries are denied now."""
        return self._latch.loss_limit_pct()

    @property
    def tripped(self) -> bool:
        """Whether a limit of the day was reached on the day that was judged last."""
        return self._latch.tripped is not RiskState.ACTIVE


_AMENDED = ("quantity", "price", "stop_price", "trail")
