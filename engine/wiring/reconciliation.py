"""The desk's books against each gateway's: at the start, on a reconnect, every minute, and when asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.api.protocol import Reply
from engine.api.trading_protocol import DriftRow, ReconciliationRow
from engine.events import NS, Fill, Funding
from engine.execution.blotter import Blotter
from engine.execution.gateway import Report, VenueAccount
from engine.execution.order import Order
from engine.execution.reconcile import (
    Baseline,
    Drift,
    Holdings,
    Reconciler,
    accepted,
    baseline,
    differences,
)
from engine.task_group import TaskGroup
from engine.text import clean
from engine.wiring.broker import BrokerError

log = logging.getLogger("engine.reconciliation")

GRACE_S = 5.0
"""A difference that stands for so long is drift; before that it may only be on its way."""
SOURCE = "reconciliation"


Account = Callable[[int], Awaitable[VenueAccount]]
"""account(first_ns): what a gateway has, or BrokerError. ``first_ns``: of the first contact, 0 before it."""


class _Side:
    """One gateway's side of the comparison."""

    def __init__(
        self,
        account: Account,
        currency: Callable[[str], str],
        unresolved: Callable[[], frozenset[str]],
        fee_share: Callable[[str], Decimal],
        away: Callable[[], str],
        *,
        broker: bool,
        grace_ns: int,
    ) -> None:
        self.account = account
        self.away = away
        self.currency = currency
        self.unresolved = unresolved
        self.broker = broker
        self.holdings = Holdings(fee_share)
        self.start: Baseline | None = None
        self.first: Baseline | None = None
        """Seen once; the start when it is the same a grace later."""
        self.reconciler = Reconciler(grace_ns)
        self.drifts: tuple[Drift, ...] = ()
        self.ns = 0
        self.error = ""
        self.blocked = ""
        """What keeps it from taking any order."""
        self.bug = ""
        """Of ours, that kept the last look from its end; told once."""
        self.wake = asyncio.Event()
        self.looking = asyncio.Lock()


class Reconciliation:
    """Compares, shows, alerts; never mends. Drift of a broker takes entries off: its books are not to be
    trusted until a person has looked."""

    def __init__(
        self,
        blotter: Blotter,
        *,
        every_s: float,
        clock: Callable[[], int],
        alert: Callable[[str, str, str], None],
        restrict: Callable[[str], None],
        keep: Callable[[str, object], None],
        settings: Mapping[str, Any],
        grace_s: float = GRACE_S,
    ) -> None:
        """``restrict(reason)`` takes entries off; ``keep(name, value)`` keeps a setting for the next run."""
        self._blotter = blotter
        self._every_s = every_s
        self._clock = clock
        self._alert = alert
        self._restrict = restrict
        self._keep = keep
        self._settings = settings
        self._grace_s = grace_s
        self._sides: dict[str, _Side] = {}

    def add(
        self,
        gateway: str,
        account: Account,
        *,
        currency: Callable[[str], str],
        unresolved: Callable[[], frozenset[str]] = frozenset,
        fee_share: Callable[[str], Decimal] = lambda symbol: Decimal(0),
        away: Callable[[], str] = lambda: "",
        paper: VenueAccount | None = None,
    ) -> None:
        """Compare with this gateway too. After the journal was folded, before anything trades.

        ``currency(symbol)``: in which its fills are. ``fee_share``: see ``Holdings``. ``away()``: why it
        takes no entry now. The cash of a broker when the desk first asked is kept over restarts. ``paper``:
        the account of the paper venue as the journal made it; with nothing on its way yet, the comparison
        starts there. None: it is a broker.
        """
        broker = paper is None
        grace_ns = int(self._grace_s * NS)
        side = _Side(account, currency, unresolved, fee_share, away, broker=broker, grace_ns=grace_ns)
        for order in self._blotter:
            if order.request.gateway == gateway:
                side.holdings.take_up(order, currency(order.request.symbol))
        if paper is None:
            side.start = _kept(self._settings.get(_setting(gateway)))
        else:
            side.start = baseline(paper, side.holdings)
        self._sides[gateway] = side

    def booked(self, event: Report, order: Order | None) -> None:
        """A report that is durable and folded: what a fill or funding changes is believed from now on."""
        if isinstance(event, Fill) and order is not None:
            side = self._sides.get(order.request.gateway)
            if side is not None:
                side.holdings.apply(event, event.currency or side.currency(event.symbol))
        elif isinstance(event, Funding):
            for side in self._sides.values():
                if not side.broker:
                    side.holdings.fund(event.amount, event.currency)

    def taken_in_kind(self, gateway: str, symbol: str) -> Decimal:
        """Most that fees may have taken out of a position since it was flat, untold."""
        return self._sides[gateway].holdings.untold_in_kind(symbol)

    def wake(self, gateway: str) -> None:
        """Compare soon: its line is back."""
        if gateway in self._sides:
            self._sides[gateway].wake.set()

    async def run(self) -> None:
        """Compare with every gateway, until canceled."""
        async with TaskGroup() as tasks:
            for gateway in self._sides:
                tasks.create_task(self._repeat(gateway), name=f"reconcile-{gateway}")

    async def _repeat(self, gateway: str) -> None:
        wake = self._sides[gateway].wake
        while True:
            wake.clear()
            try:
                again = await self.look(gateway)
                self._sides[gateway].bug = ""
            except Exception as error:  # our own bug: the next look comes all the same
                again = False
                self._tell_bug(gateway, error)
            try:
                # Woken early, a look follows; a second one at most a grace later tells whether it stands.
                async with asyncio.timeout(self._grace_s if again else self._every_s):
                    await wake.wait()
            except TimeoutError:
                pass

    def _tell_bug(self, gateway: str, error: Exception) -> None:
        text = clean(f"could not be compared: {type(error).__name__}: {error}", 160)
        log.error("%s: %s", gateway, text, exc_info=error)
        side = self._sides[gateway]
        side.error = text
        if side.bug != text:
            side.bug = text
            self._alert("error", SOURCE, f"{gateway}: {text}")

    async def compare(self) -> str:
        """Compare with all gateways now; the text says how it went."""
        again = [await self.look(gateway) for gateway in self._sides]
        if any(again):
            await asyncio.sleep(self._grace_s)
            for gateway in self._sides:
                await self.look(gateway)
        return "; ".join(_text(gateway, side) for gateway, side in self._sides.items()) or "no gateway"

    def rows(self) -> tuple[ReconciliationRow, ...]:
        return tuple(
            ReconciliationRow(
                gateway,
                side.ns,
                side.error,
                tuple(
                    DriftRow(drift.kind, drift.subject, drift.ours, drift.theirs, drift.since_ns)  # type: ignore[arg-type]
                    for drift in side.drifts
                ),
                side.blocked,
                side.away(),
            )
            for gateway, side in self._sides.items()
        )

    @property
    def drifts(self) -> int:
        """How many there are, over all gateways."""
        return sum(len(side.drifts) for side in self._sides.values())

    async def look(self, gateway: str) -> bool:
        """Compare once; True when it has to be looked at again to tell drift from what is on its way."""
        side = self._sides[gateway]
        async with side.looking:
            try:
                account = await side.account(0 if side.start is None else side.start.ns)
            except BrokerError as error:
                if side.error != str(error):
                    side.error = str(error)
                    log.warning("%s: %s", gateway, error)
                return False
            side.error = ""
            side.ns = self._clock()
            self._tell_blocked(gateway, side, account.blocked)
            start = side.start or baseline(account, side.holdings)
            found = self._found(gateway, side, account, start)
            if side.start is None:
                self._begin(gateway, side, start, found)
            drifts, again = side.reconciler.look(found, side.ns)
            if drifts or not again:  # else: what stood has changed, and is not known to be mended
                self._tell(gateway, side, drifts)
            return again or side.start is None

    def _found(self, gateway: str, side: _Side, account: VenueAccount, start: Baseline) -> list[Drift]:
        return differences(
            account,
            side.holdings,
            start,
            order=self._blotter.get,
            open_orders=self._blotter.open_at(gateway),
            unresolved=side.unresolved(),
            exact_cash=not side.broker,
        )

    async def accept_cash(self, gateway: str, who: str) -> Reply:
        """A person knows of what else changed a broker's cash (a deposit): what stands as drift is counted in
        from now on, and nothing but that. Entries stay off until a person lets them on again."""
        side = self._sides.get(gateway)
        if side is None or not side.broker:
            names = ", ".join(name for name, one in self._sides.items() if one.broker)
            return Reply(False, f"{clean(gateway, 40)} is no broker of this desk; {names or 'it has none'}")
        async with side.looking:
            start = side.start
            if start is None or not any(drift.kind == "cash" for drift in side.drifts):
                return Reply(False, f"{gateway}: no difference in cash stands: nothing to accept")
            try:
                account = await side.account(start.ns)
            except BrokerError as error:
                return Reply(False, f"{gateway}: {error}")
            found = self._found(gateway, side, account, start)
            cash = [drift for drift in found if drift.kind == "cash"]
            why = _unclear(side, found) or _unseen(side, cash)
            if why:
                return Reply(False, f"{gateway}: {why}")
            side.start = accepted(start, cash)
            self._keep(_setting(gateway), msgspec.to_builtins(side.start))
            amounts = ", ".join(f"{drift.difference} {drift.subject}" for drift in cash)
            text = f"{gateway}: {clean(who, 60)} accepts a difference in cash of {amounts}"
            log.warning("%s", text)
            self._alert("warning", SOURCE, text)
        await self.look(gateway)
        return Reply(True, text)

    def _begin(self, gateway: str, side: _Side, seen: Baseline, found: Sequence[Drift]) -> None:
        """Take a broker's baseline while nothing is on its way. A fill that it has told and that is not
        booked yet would be counted twice for ever; so every order of ours is as the broker says, and two
        looks a grace apart are the same."""
        ours = any(one.kind == "order" and self._blotter.get(one.subject) is not None for one in found)
        if ours or side.unresolved():
            side.first = None
            return
        first = side.first
        if first is None or first.cash != seen.cash:
            side.first = seen
            return
        if seen.ns - first.ns < self._grace_s * NS:
            return
        self._keep(_setting(gateway), msgspec.to_builtins(seen))
        log.info("%s: cash before the desk's first order %s", gateway, _amounts(seen))
        side.start = seen

    def _tell(self, gateway: str, side: _Side, drifts: tuple[Drift, ...]) -> None:
        """Alert once per change."""
        before = {_key(drift) for drift in side.drifts}
        had, side.drifts = bool(side.drifts), drifts
        new = [drift for drift in drifts if _key(drift) not in before]
        for drift in new:
            text = f"{gateway}: {drift.kind} {drift.subject}: ours {drift.ours}, theirs {drift.theirs}"
            log.error("%s", text)
            self._alert("error", SOURCE, text)
        if new and side.broker:
            self._restrict(f"{gateway} and the desk disagree: {new[0].kind} {new[0].subject}")
        if had and not drifts:
            self._alert("info", SOURCE, f"{gateway} and the desk agree again")

    def _tell_blocked(self, gateway: str, side: _Side, blocked: str) -> None:
        """Alert once per change. Entries go off: each would only be refused, and so would their stops."""
        had, side.blocked = side.blocked, blocked
        if blocked and blocked != had:
            text = f"{gateway} takes no orders: {blocked}"
            log.error("%s", text)
            self._alert("error", SOURCE, text)
            self._restrict(text)
        elif had and not blocked:
            self._alert("info", SOURCE, f"{gateway} takes orders again")


def _key(drift: Drift) -> tuple[str, str, str]:
    return drift.kind, drift.subject, drift.difference


def _unclear(side: _Side, found: Sequence[Drift]) -> str:
    """Why a difference in cash may be of something that the desk has yet to hear of; "" when it is not.

    A position that differs too is no obstacle once it stands: it may have come the same way.
    """
    stands = {_key(drift) for drift in side.drifts if drift.kind == "position"}
    rest = [drift for drift in found if drift.kind != "cash" and _key(drift) not in stands]
    open_ones = [f"{one.kind} {one.subject}" for one in rest] + [f"order {one}" for one in side.unresolved()]
    return f"{open_ones[0]} is open and may be of its cash: settle that first" if open_ones else ""


def _unseen(side: _Side, cash: Sequence[Drift]) -> str:
    """Why it is not what a person was shown; "" when it is."""
    shown = [_key(drift) for drift in side.drifts if drift.kind == "cash"]
    same = [_key(drift) for drift in cash] == shown
    return "" if same else "its cash has changed since it was compared: compare again first"


def _text(gateway: str, side: _Side) -> str:
    if side.error:
        return f"{gateway}: {side.error}"
    if side.start is None:
        return f"{gateway}: being asked for the first time"
    found = f"{gateway}: {len(side.drifts)} differences" if side.drifts else f"{gateway}: agrees"
    return f"{found}, but it takes no orders: {side.blocked}" if side.blocked else found


def _setting(gateway: str) -> str:
    return f"reconciliation:{gateway}"


def _kept(value: object) -> Baseline | None:
    if value is None:
        return None
    try:
        return msgspec.convert(value, Baseline)
    except msgspec.ValidationError as error:
        log.warning("the kept baseline is not taken up: %s", error)
        return None


def _amounts(start: Baseline) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in start.cash.items())
