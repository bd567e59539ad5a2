"""Tickets: orders as a person gives them, turned into requests, judged, and sent or only looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import msgspec

from engine import symbols
from engine.api.trading_protocol import AmendPatch, ListPreview, OrderList, OrderPreview, OrderTicket
from engine.errors import OrderError, SymbolError
from engine.events import NS, Amendment, OrderRequest, OrderType, Side, TimeInForce, TriggerSource, Verdict
from engine.execution.ids import ticket_order_id
from engine.execution.order_list import one_cancels_other, order_list
from engine.execution.ticket import Ticket, TicketView, order_requests
from engine.instruments import Instrument
from engine.plain_number import is_plain
from engine.slices import Work
from engine.text import clean
from engine.wiring.decimal_text import money, plain, small_money
from engine.wiring.desk import Desk
from engine.wiring.own_exits import exit_words, is_stop, is_target, own_level

_LONGEST_NUMBER = 64
_LONGEST_S = 366 * 86_400.0


class Tickets:
    """Makes orders of one desk from tickets. Every method raises OrderError, one line, for what cannot be."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def requests(self, wire: OrderTicket, who: str) -> list[OrderRequest]:
        """The orders that the ticket is: one, or a bracket's."""
        instrument = find(self._desk, wire.symbol)
        return order_requests(self._ticket(wire, instrument, who), self._view(instrument))

    def list_requests(self, wanted: OrderList, who: str) -> list[OrderRequest]:
        """The orders of a list, ticket by ticket, each followed by its children."""
        tickets = list(self._listed(wanted, who))
        return one_cancels_other(tickets) if wanted.kind == "oco" else order_list(tickets)

    def _listed(self, wanted: OrderList, who: str) -> Iterator[tuple[Ticket, TicketView]]:
        for number, wire in enumerate(wanted.tickets):
            if wire.token:
                raise OrderError("a list has one token for all of it: leave the tickets' own out")
            instrument = find(self._desk, wire.symbol)
            ticket = self._ticket(wire, instrument, who)
            yield (
                msgspec.structs.replace(ticket, token=_list_token(wanted, number)),
                self._view(instrument),
            )

    def placed(self, wanted: OrderTicket | OrderList) -> list[str]:
        """The ids of the orders that a ticket or list with this token made already; [] when none did.

        Raises OrderError where these are others than it asks for: it would be answered, and never placed.
        """
        if not wanted.token:
            return []
        if isinstance(wanted, OrderTicket):
            asked = {ticket_order_id(_token(wanted)): wanted}
        else:
            asked = {ticket_order_id(_list_token(wanted, n)): one for n, one in enumerate(wanted.tickets)}
        first, work = next(iter(asked), ""), self._desk.trading.work
        if not work.known(first):
            return []
        placed = work.list_ids(first)
        requests = [request for name in placed if (request := work.request(name)) is not None]
        parents = {request.client_order_id: request for request in requests if not request.parent_id}
        if parents.keys() != asked.keys() or any(
            self._is_another(wire, parents[name], [one for one in requests if one.parent_id == name])
            for name, wire in asked.items()
        ):
            what = words(parents[first])
            raise OrderError(
                f"this token (Idempotency-Key) was used for another order, {what}: take a new one"
            )
        return placed

    def _is_another(self, wire: OrderTicket, placed: OrderRequest, children: Sequence[OrderRequest]) -> bool:
        """Whether the ticket says another order than the placed one. A size in money may have come to any
        quantity."""
        given = {"price": wire.price, "stop_price": wire.stop_price, "trail": wire.trail}
        if wire.quantity is not None:
            given["quantity"] = wire.quantity
        levels = {number("level", text) for text in (wire.stop_loss, wire.take_profit) if text is not None}
        return (
            (wire.side, wire.type, wire.time_in_force) != (placed.side, placed.type, placed.time_in_force)
            or find(self._desk, wire.symbol).symbol != placed.symbol
            or any(
                getattr(placed, name) != (None if text is None else number(name, text))
                for name, text in given.items()
            )
            or levels != {own_level(child) for child in children}
        )

    def preview(self, requests: Sequence[OrderRequest]) -> OrderPreview:
        """What a ticket's orders would do, judged now; nothing is sent."""
        return self._with_exits(requests, self._preview(requests, self._desk.trading.judge(requests)))

    def preview_amendment(self, client_order_id: str, patch: AmendPatch) -> OrderPreview:
        """What would still fill of the changed order, judged now; nothing is asked for."""
        rest, verdict = self._desk.trading.judge_amendment(client_order_id, self.amendment(patch))
        return self._preview([rest], [verdict])

    def previewing_list(self, requests: Sequence[OrderRequest]) -> Work[ListPreview]:
        """The same of a list's orders, judged as a whole; that of a long one takes so long that no tick is to
        wait for it."""
        verdicts = yield from self._desk.trading.judging(requests)
        starts = [number for number, request in enumerate(requests) if not request.parent_id]
        previews = []
        for start, end in zip(starts, [*starts[1:], len(requests)], strict=True):
            preview = self._preview(requests[start:end], verdicts[start:end])
            previews.append(self._with_exits(requests[start:end], preview))
            yield
        denied = sum(not verdict.approved for verdict in verdicts)
        said = f"{denied} denied" if denied else "approved"
        return ListPreview(tuple(previews), not denied, f"{len(requests)} orders: {said}")

    def _with_exits(self, requests: Sequence[OrderRequest], preview: OrderPreview) -> OrderPreview:
        """It says, too, where the position that the order makes would be left."""
        entry, watch = requests[0], self._desk.trading.watch
        if entry.reduce_only or not preview.approved:
            return preview
        after = self._desk.trading.ledger.quantity(entry.symbol) + entry.side.sign * entry.quantity
        if not after:
            return preview
        covers = watch.covers(entry.symbol, after, requests[1:])
        exits = exit_words(covers, watch.distances(entry.symbol))
        return msgspec.structs.replace(preview, text=f"{preview.text}; {exits}")

    def _preview(self, requests: Sequence[OrderRequest], verdicts: Sequence[Verdict]) -> OrderPreview:
        desk, entry = self._desk, requests[0]
        instrument = find(desk, entry.symbol)
        ledger = desk.trading.ledger
        position = ledger.quantity(entry.symbol)
        signed = entry.side.sign * entry.quantity
        price, taker = self._estimate(entry, instrument)
        denied = next((verdict for verdict in verdicts if not verdict.approved), None)
        said = "approved" if denied is None else f"denied:{denied.code} {denied.detail}".rstrip()
        notional = fee = cash = ""
        currency = ledger.balances.unit(instrument.quote_currency)
        told = small_money if currency else money
        if price is not None:
            worth = price * entry.quantity
            bps = desk.config.paper.taker_fee_bps if taker else desk.config.paper.maker_fee_bps
            paid = worth * Decimal(repr(bps)) / 10_000
            notional, fee = told(worth), told(paid)
            cash = money(self._cash_after(instrument, entry.side.sign * worth + paid))
        return OrderPreview(
            loss=_outcome(entry, price, filter(is_stop, requests[1:]), told),
            gain=_outcome(entry, price, filter(is_target, requests[1:]), told),
            quantity=plain(entry.quantity),
            price="" if price is None else plain(price),
            notional=notional,
            fee=fee,
            position_after=plain(position + signed),
            cash_after=cash,
            verdicts=tuple(verdicts),
            approved=denied is None,
            text=f"{words(entry)}: {said}",
            currency=currency,
        )

    def _cash_after(self, instrument: Instrument, spent: Decimal) -> Decimal | None:
        """The account's cash less what is spent in the quote currency; None: unknown."""
        ledger = self._desk.trading.ledger
        rate, cash = ledger.balances.rate(instrument.quote_currency), ledger.cash
        return None if rate is None or cash is None else cash - spent * rate

    def amendment(self, patch: AmendPatch) -> Amendment:
        wanted = {name: getattr(patch, name) for name in patch.__struct_fields__}
        return Amendment(
            **{name: None if text is None else number(name, text) for name, text in wanted.items()}
        )

    def _estimate(self, request: OrderRequest, instrument: Instrument) -> tuple[Decimal | None, bool]:
        """(price it would fill at or None, whether it takes liquidity)."""
        view = self._view(instrument)
        touch = view.touch(request.side)
        if request.price is not None:
            crossing = touch is not None and (touch - request.price) * request.side.sign <= 0
            marketable = crossing and not request.type.triggered
            return (touch if marketable else request.price), marketable and not request.post_only
        if request.stop_price is not None:
            return request.stop_price, True
        return (None if touch is None else instrument.price(touch)), True

    def _view(self, instrument: Instrument) -> TicketView:
        desk = self._desk
        bid, _, ask, _, last = desk.features.live_quote(instrument.index)
        ledger = desk.trading.ledger
        equity, rate = ledger.equity(), ledger.balances.rate(instrument.quote_currency)
        return TicketView(
            instrument=instrument,
            now_ns=desk.now_ns,
            bid=bid,
            ask=ask,
            last=last,
            position=ledger.quantity(instrument.symbol),
            equity=None if equity is None or rate is None else equity / rate,
        )

    def _ticket(self, wire: OrderTicket, instrument: Instrument, who: str) -> Ticket:
        def given(name: str) -> Decimal | None:
            text: str | None = getattr(wire, name)
            return None if text is None else number(name, text)

        return Ticket(
            symbol=instrument.symbol,
            side=Side(wire.side),
            type=OrderType(wire.type),
            quantity=given("quantity"),
            notional=given("notional"),
            equity_pct=None if wire.equity_pct is None else number("equity_pct", repr(wire.equity_pct)),
            price=given("price"),
            stop_price=given("stop_price"),
            trail=given("trail"),
            trigger=TriggerSource(wire.trigger),
            time_in_force=TimeInForce(wire.time_in_force),
            expire_ns=self._expire_ns(wire),
            post_only=wire.post_only,
            reduce_only=wire.reduce_only,
            stop_loss=given("stop_loss"),
            take_profit=given("take_profit"),
            token=_token(wire),
            who=who,
            reason=f"asked for by {who}",
        )

    def _expire_ns(self, wire: OrderTicket) -> int:
        if wire.expire_s is None:
            return 0
        if not (math.isfinite(wire.expire_s) and 0 < wire.expire_s <= _LONGEST_S):
            raise OrderError(f"expire_s {wire.expire_s} is not from 0 to a year: give seconds from now")
        return self._desk.now_ns + int(wire.expire_s * NS)


def _token(wire: OrderTicket) -> str:
    return clean(wire.token, 300)


def _list_token(wanted: OrderList, number: int) -> str:
    """Of one ticket of a list, unlike any that a person can give; "" when the list has none."""
    token = clean(wanted.token, 300)
    return f"{token}\n{number}" if token else ""


def number(name: str, text: str) -> Decimal:
    """A decimal that a person wrote. Raises OrderError."""
    if len(text) > _LONGEST_NUMBER or not is_plain(text):
        raise OrderError(f"{name} {clean(text, 40)!r} is no number")
    return Decimal(text)


def find(desk: Desk, text: str) -> Instrument:
    """The instrument of that symbol, or the only one that is called so by its venue or canonically. Raises
    OrderError."""
    try:
        symbol = symbols.find(text, (one.symbol for one in desk.instruments), desk.config.symbols)
    except SymbolError as error:
        raise OrderError(str(error)) from None
    found = desk.instruments.get(symbol)
    assert found is not None  # it is one of them
    return found


def words(request: OrderRequest) -> str:
    """An order in a few words."""
    text = f"{request.side.value} {plain(request.quantity)} {request.symbol}"
    if request.type is OrderType.MARKET:
        return f"{text} at market"
    text += f" {request.type.value.replace('_', ' ')}"
    if request.stop_price is not None:
        text += f" {plain(request.stop_price)}"
    if request.price is not None:
        text += f" at {plain(request.price)}"
    if request.trail is not None:
        text += f" trailing by {plain(request.trail)}"
    return text


def _outcome(
    entry: OrderRequest, price: Decimal | None, exits: Iterator[OrderRequest], told: Callable[[Decimal], str]
) -> str:
    """What the entry, filled at ``price``, earns when the exit fills at its level; "" where none has one."""
    one = next(exits, None)
    level = None if one is None else own_level(one)
    if price is None or level is None:
        return ""
    return told((level - price) * entry.side.sign * entry.quantity)


def denied_words(verdict: Verdict) -> str:
    return f"denied:{verdict.code} {verdict.detail}".rstrip()
