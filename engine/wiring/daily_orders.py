"""A daily run's orders: sent one by one, each under its key, and followed until their outcome is known.

Before an order is sent it is noted that it may be; after it, how it was taken. A kill between the two leaves
an order of which nobody knows whether it arrived: the engine is asked for the id that follows from its key,
and where it knows of none the same is sent again under the same key, which can be no second order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from urllib.parse import quote

import msgspec

from engine.api.idempotency import LOCAL, token_of
from engine.api.page import Page
from engine.api.rows import OrderRow
from engine.api.trading_protocol import LimitRow, OrderReply
from engine.errors import LinkError, NotReadyError, OutcomeUnknownError, RefusedError, StoreError
from engine.events import NS, OrderState
from engine.execution.ids import ticket_order_id
from engine.research.daily import too_old
from engine.risk.limits import DESK
from engine.store.daily import StoredOrder
from engine.text import clean
from engine.wiring.daily_context import MOST_TEXT, Context, Outcome, StepFailed
from engine.wiring.daily_ready import Readiness

STEP = "orders"
LOOK_S = 0.2
PAGES = 5
"""Of a symbol's orders, the newest, in which ours is looked for."""
MOST_TRIES = 60
TRY_AGAIN_S = 0.5
EARLIER_NS = 5 * NS
"""So much earlier than it was sent an order may seem to be, by a clock that was set meanwhile."""
UNKNOWN_SYMBOL = "HTTP_400"
"""What a list of orders of a symbol is refused with that the engine does not know."""
_UNKNOWN_CODES = frozenset((OutcomeUnknownError.__name__, "KEY_IN_USE", "INTERNAL"))
"""The order may have arrived."""
_AGAIN_CODES = _UNKNOWN_CODES | {NotReadyError.__name__, StoreError.__name__}
_TERMINAL = frozenset(state.value for state in OrderState if state.terminal)
_TOLD = 4


def send_orders(context: Context) -> Outcome:
    orders = context.store.orders(context.run.id)
    if not orders:
        return Outcome("nothing is to be traded", skipped=True)
    if context.run.dry:
        return Outcome(f"dry run: {len(orders)} orders were not sent", skipped=True)
    sending = _Sending(context, orders)
    sending.resolve()
    sending.phase("reduce")
    sending.phase("add")
    why = none_taken(sending.orders)
    if why:
        raise StepFailed(
            f"{told(sending.orders)}; most often: {why}",
            f"mend that, then `tickdesk {context.run.kind} --again targets` plans anew",
        )
    return Outcome(told(sending.orders))


def none_taken(orders: Iterable[StoredOrder]) -> str:
    """Of the newest plan, the commonest reason where all orders were denied by risk, or refused at the venue;
    else ""."""
    known = list(orders)
    newest = max((order.plan for order in known), default=0)
    mine = [order for order in known if order.plan == newest]
    refused = [order for order in mine if order.state == "denied" or _rejected(order)]
    # What is left was waiting for a reduction that was refused.
    if not refused or any(order.state != "left" and order not in refused for order in mine):
        return ""
    reasons = [order.text or "no reason was given" for order in refused]
    codes = Counter(reason.partition(" ")[0] for reason in reasons)
    ((code, _),) = codes.most_common(1)
    return next(reason for reason in reasons if reason.partition(" ")[0] == code)


def _rejected(order: StoredOrder) -> bool:
    return order.state == "done" and order.text.partition(" ")[0] == OrderState.REJECTED.value


def look_again(context: Context) -> None:
    """Orders that were still open when their step ended may have ended since: note how, and tell it there."""
    orders = context.store.orders(context.run.id)
    if context.run.dry or not any(order.state == "sent" for order in orders):
        return
    sending = _Sending(context, orders)
    sending.follow()
    context.store.retell_step(context.run.id, STEP, clean(told(sending.orders), MOST_TEXT))


def told(orders: Iterable[StoredOrder]) -> str:
    """How the orders stand, in a line."""
    known = list(orders)
    newest = max((order.plan for order in known), default=0)
    mine = [order for order in known if order.plan == newest]
    filled = sum(order.state == "done" and order.text == OrderState.FILLED.value for order in mine)
    parts = [f"{len(mine)} orders: {filled} filled"]
    ended = [order for order in mine if order.state == "done" and order.text != OrderState.FILLED.value]
    kinds = {
        "denied": [order for order in mine if order.state == "denied"],
        "ended unfilled": ended,
        "not sent": [order for order in mine if order.state == "left"],
        "still open": [order for order in mine if order.state == "sent"],
    }
    for words, some in kinds.items():
        if some:
            reasons = "; ".join(f"{one.symbol}: {one.text}" for one in some[:_TOLD] if one.text)
            parts.append(f"{len(some)} {words}" + (f" ({reasons})" if reasons else ""))
    return ", ".join(parts)


class _Sending:
    def __init__(self, context: Context, orders: list[StoredOrder]) -> None:
        self._context = context
        self._known = {order.number: order for order in orders}
        limits = {
            row.name: row.value
            for row in context.desk.ask("GET", "/v1/limits", tuple[LimitRow, ...])
            if row.scope == DESK
        }
        self._pause_ns = round(1.05e9 / max(float(limits.get("max_orders_per_s", "10")), 1e-3))
        self._apart_ns = round((float(limits.get("duplicate_window_s", "1")) + 0.1) * NS)
        self._newest = max(order.plan for order in orders)
        self._ready = Readiness(context, STEP)
        self._last_ns = 0

    @property
    def orders(self) -> list[StoredOrder]:
        return list(self._known.values())

    def _note(self, order: StoredOrder, **changes: object) -> StoredOrder:
        changed = msgspec.structs.replace(order, **changes)
        self._context.store.note_order(self._context.run.id, changed)
        self._known[order.number] = changed
        return changed

    # --- what is known already

    def follow(self) -> None:
        self._follow(self.orders)

    def resolve(self) -> None:
        """After a kill: which of those that may have left did."""
        for order in self.orders:
            if order.state != "sending":
                continue
            row = self._find(order)
            if row is not None:
                self._note(order, state="sent", order_id=row.id, text="")
            elif order.plan != self._newest:
                self._note(order, state="left", text="it never arrived", ended_ns=self._context.clock())
            else:
                self._note(order, state="planned", text="")
        self._follow(self.orders)

    def _find(self, order: StoredOrder) -> OrderRow | None:
        """The engine's order of its key; None: it has none."""
        identity = order.order_id or ticket_order_id(token_of(LOCAL, order.key))
        row = self._rows(order.symbol, {identity}).get(identity)
        if row is not None:
            self._refuse_another(order, row)
        return row

    def _refuse_another(self, order: StoredOrder, row: OrderRow) -> None:
        """One from before it was planned, and sent, is of a run whose notes are lost, under the same key."""
        if row.created_ns < min(order.planned_ns, order.sent_ns) - EARLIER_NS:
            raise self._reused(order)

    def _reused(self, order: StoredOrder) -> StepFailed:
        return StepFailed(f"{order.key} was used for another order", self._context.again("targets"))

    def _rows(self, symbol: str, wanted: set[str]) -> dict[str, OrderRow]:
        found: dict[str, OrderRow] = {}
        cursor = ""
        for _ in range(PAGES):
            path = f"/v1/orders?symbol={quote(symbol, safe='')}&limit=500"
            try:
                page = self._context.desk.ask("GET", f"{path}{cursor}", Page[OrderRow])
            except RefusedError as error:
                if error.code == UNKNOWN_SYMBOL:  # its feed has told none of it yet, and so it has no order
                    return found
                raise
            found |= {row.id: row for row in page.rows if row.id in wanted}
            if len(found) == len(wanted) or page.next is None:
                break
            cursor = f"&cursor={page.next}"
        return found

    # --- one phase after the other

    def phase(self, name: str) -> None:
        mine = [order for order in self.orders if order.phase == name and order.plan == self._newest]
        for number, order in enumerate(mine, 1):
            if order.state != "planned":
                continue
            self._context.progress(STEP, f"sending {number} of {len(mine)} ({name})")
            if name == "add":
                why = self._not_reduced(order)
                if why:
                    self._note(order, state="left", text=why, ended_ns=self._context.clock())
                    continue
                self._wait_for_those_before(order)
            self._refuse_an_old_plan(order)
            self._ready.wait(order, [one for one in self.orders if one.plan == self._newest])
            self._refuse_an_old_plan(order)
            self._pace(order)
            self._send(order)
        self._wait(lambda: [one for one in self.orders if one.phase == name and one.state == "sent"])

    def _not_reduced(self, order: StoredOrder) -> str:
        """Why nothing is added: what was to be reduced of the symbol first is not."""
        reductions = (
            one
            for one in self.orders
            if (one.plan, one.phase, one.symbol) == (order.plan, "reduce", order.symbol)
        )
        for one in reductions:
            if one.state != "done" or one.text != OrderState.FILLED.value:
                return f"its reduction did not fill: {one.text or one.state}"
        return ""

    def _refuse_an_old_plan(self, order: StoredOrder) -> None:
        config = self._context.config.daily
        if too_old(order.planned_ns, self._context.clock(), config.plan_s):
            left = sum(one.state in ("planned", "sending") for one in self.orders)
            raise StepFailed(
                f"{left} orders were not sent, or not taken: their plan is older than daily.plan_s "
                f"({config.plan_s:g} s); {told(self.orders)}",
                f"`tickdesk {self._context.run.kind} --again data` plans anew, from what is held then",
            )

    def _wait_for_those_before(self, order: StoredOrder) -> None:
        """Of the same symbol: one at a time meets the market."""
        self._wait(lambda: [one for one in self.orders if one.symbol == order.symbol and one.state == "sent"])

    def _pace(self, order: StoredOrder) -> None:
        """No faster than risk lets orders pass, and none that looks like the one before it."""
        alike = [
            one.sent_ns
            for one in self.orders
            if (one.symbol, one.side, one.quantity) == (order.symbol, order.side, order.quantity)
        ]
        due_ns = max(self._last_ns + self._pause_ns, max(alike, default=0) + self._apart_ns)
        wait_ns = min(due_ns - self._context.clock(), max(self._pause_ns, self._apart_ns))  # clocks step back
        if wait_ns > 0:
            self._context.sleep(wait_ns / NS)
        self._last_ns = self._context.clock()

    # --- one order

    def _send(self, order: StoredOrder) -> None:
        order = self._note(order, state="sending", sent_ns=self._context.clock())
        try:
            reply = self._asked(order)
        except RefusedError as error:
            if error.code == "KEY_REUSED":
                raise self._reused(order) from None
            self._note(order, state="denied", text=str(error), ended_ns=self._context.clock())
            return
        identity = reply.ids[0] if reply.ids else ""
        if reply.ok:
            self._note(order, state="sent", order_id=identity)
            return
        verdict = reply.verdict
        why = reply.text if verdict is None else f"{verdict.code} {verdict.detail}".strip()
        self._note(order, state="denied", order_id=identity, text=why, ended_ns=self._context.clock())

    def _asked(self, order: StoredOrder) -> OrderReply:
        """Sent until it is answered: the same again under the same key is the same order."""
        unknown = False
        for number in range(1, MOST_TRIES + 1):
            try:
                return self._context.desk.ask(
                    "POST", "/v1/orders", OrderReply, body=order.body, key=order.key
                )
            except RefusedError as error:
                unknown = unknown or error.code in _UNKNOWN_CODES
                if error.code not in _AGAIN_CODES:
                    raise
                if number == MOST_TRIES:
                    if not unknown:
                        raise
                    raise _not_known(order, error) from None
            except LinkError as error:
                unknown = True
                if number == MOST_TRIES:
                    raise _not_known(order, error) from None
            self._context.sleep(TRY_AGAIN_S)
            self._refuse_an_old_plan(order)
        raise AssertionError("the last try returns or raises")

    # --- outcomes

    def _wait(self, open_ones: Callable[[], list[StoredOrder]]) -> None:
        """Until these have ended, at most ``daily.fill_s``."""
        deadline = self._context.deadline(self._context.config.daily.fill_s)
        while True:
            still = open_ones()
            if still:
                self._follow(still)
                still = open_ones()
            if not still or self._context.clock() >= deadline:
                return
            self._context.sleep(LOOK_S)

    def _follow(self, orders: Iterable[StoredOrder]) -> None:
        """Note how those that were sent stand now."""
        by_symbol: dict[str, list[StoredOrder]] = {}
        for order in orders:
            if order.state == "sent":
                by_symbol.setdefault(order.symbol, []).append(order)
        for symbol, mine in by_symbol.items():
            rows = self._rows(symbol, {order.order_id for order in mine})
            for order in mine:
                row = rows.get(order.order_id)
                if row is not None:
                    self._refuse_another(order, row)
                if row is None or row.state not in _TERMINAL:
                    continue
                text = row.state if row.state == OrderState.FILLED.value else f"{row.state} {row.reason}"
                self._note(
                    order,
                    state="denied" if row.state == OrderState.DENIED.value else "done",
                    filled=row.filled,
                    price=row.average_price,
                    text=text.strip(),
                    ended_ns=row.updated_ns,
                )


def _not_known(order: StoredOrder, error: LinkError) -> StepFailed:
    return StepFailed(
        f"{error}; whether order {order.number} arrived is not known",
        "start it again: the engine is asked about this order before anything is sent",
    )
