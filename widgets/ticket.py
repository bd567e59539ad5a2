"""The order ticket: which values an order of a type has, how they become a ticket, what it would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.api.protocol import TickRow
from engine.api.trading_protocol import OrderPreview, OrderTicket
from widgets import figures
from widgets.cells import Cell
from widgets.form import FormField
from widgets.lines import Line
from widgets.market.prices import decimals_needed, price_text
from widgets.opportunities import SIDES
from widgets.symbol_names import short_name

Values = Mapping[str, str]

TYPES = {
    "market": "market",
    "limit": "limit",
    "stop": "stop",
    "stop_limit": "stop limit",
    "trailing_stop": "trailing stop",
    "take_profit": "take profit",
}
SIZINGS = {"quantity": "quantity", "notional": "notional", "equity_pct": "% of equity"}
FORCES = {"gtc": "GTC", "gtd": "GTD", "ioc": "IOC", "fok": "FOK"}
TRIGGERS = {"last": "last trade", "quote": "bid/ask", "mark": "mid"}
GROSS = "GROSS_LIMIT"
"""The check whose value and limit are the desk's whole exposure."""
_ON = {"": "no", "on": "yes"}
BEGIN: Values = {
    "side": "buy",
    "type": "limit",
    "sizing": "quantity",
    "time_in_force": "gtc",
    "trigger": "last",
}
LIMITED = frozenset({"limit", "stop_limit"})
_STOPPED = frozenset({"stop", "stop_limit", "take_profit"})


def ticket_fields(values: Values, symbols: Sequence[str]) -> list[FormField]:
    """What an order of the chosen type is made of; all else is not asked for."""

    def of(
        key: str, label: str, column: int, choices: Mapping[str, str] | None = None, hint: str = ""
    ) -> Any:
        pairs = tuple((choices or {}).items())
        return FormField(key, label, values.get(key, ""), pairs, hint, column)

    kind = values["type"]
    fields = [
        of("symbol", "symbol", 0, {symbol: short_name(symbol) for symbol in symbols}),
        of("side", "side", 0, {side: text for side, (text, _) in SIDES.items()}),
        of("type", "type", 0, TYPES),
        of("sizing", "size by", 0, SIZINGS),
        of(
            "size",
            "size",
            0,
            hint={"equity_pct": "percent", "notional": "worth"}.get(values["sizing"], "units"),
        ),
    ]
    if kind in LIMITED:
        fields.append(of("price", "limit", 0, hint="price"))
    if kind in _STOPPED:
        fields.append(of("stop_price", "trigger", 0, hint="price"))
    if kind == "trailing_stop":
        fields.append(of("trail", "trail", 0, hint="distance"))
    fields.append(of("time_in_force", "in force", 1, FORCES))
    if values["time_in_force"] == "gtd":
        fields.append(of("expire_s", "expires", 1, hint="in seconds"))
    if kind in _STOPPED or kind == "trailing_stop":
        fields.append(of("trigger", "watches", 1, TRIGGERS))
    if kind in LIMITED:
        fields.append(of("post_only", "post-only", 1, _ON))
    fields.append(of("reduce_only", "reduce", 1, _ON))
    fields.append(of("stop_loss", "stop loss", 1, hint="none"))
    fields.append(of("take_profit", "target", 1, hint="none"))
    return fields


def ticket_of(values: Values, token: str = "") -> OrderTicket:
    """The ticket that the shown fields say. Raises ValueError, one line, for a size that is no number."""
    shown = {field.key: field.value for field in ticket_fields(values, ())}
    size, sizing = values.get("size", ""), values["sizing"]
    if figures.decimal(size) is None:
        raise ValueError("give the size")
    wanted: dict[str, Any] = {sizing: float(size) if sizing == "equity_pct" else size}
    for key in ("price", "stop_price", "trail", "stop_loss", "take_profit"):
        if shown.get(key):
            wanted[key] = shown[key]
    if expires := shown.get("expire_s"):
        if figures.decimal(expires) is None:
            raise ValueError(f"{expires} is no number of seconds")
        wanted["expire_s"] = float(expires)
    return OrderTicket(
        symbol=values["symbol"],
        side=values["side"],  # type: ignore[arg-type]
        type=values["type"],  # type: ignore[arg-type]
        trigger=shown.get("trigger", "last"),  # type: ignore[arg-type]
        time_in_force=values["time_in_force"],  # type: ignore[arg-type]
        post_only=bool(shown.get("post_only")),
        reduce_only=bool(shown.get("reduce_only")),
        token=token,
        **wanted,
    )


def passive_price(tick: TickRow | None, side: str) -> str:
    """The touch on the order's own side, to begin with; "" when it is unknown or stale."""
    price = None if tick is None or tick.stale else tick.bid if side == "buy" else tick.ask
    return "" if price is None else f"{Decimal(repr(price)).normalize():f}"


def market_line(tick: TickRow | None, position: str) -> Line:
    """What the market shows now, and what is held."""
    if tick is None:
        return (("the market of this symbol is not known", "warn"),)
    style, tilde = ("stale", "~") if tick.stale else ("text", "")
    cells: list[Cell] = []
    decimals = decimals_needed(tick.bid, tick.ask)
    for label, price in (("bid", tick.bid), ("ask", tick.ask)):
        shown = figures.UNKNOWN if price is None else price_text(price, decimals)
        cells += [(f"{label} ", "muted"), (f"{tilde}{shown}  ", style)]
    return (
        *cells,
        ("held ", "muted"),
        (figures.amount(position), "text"),
        (" stale" if tilde else "", "warn"),
    )


def ticket_lines(ticket: OrderTicket, preview: OrderPreview) -> list[Line]:
    """The order in words, and below it what else was asked for."""
    side, style = SIDES[ticket.side]
    native = short_name(ticket.symbol)
    kind = TYPES[ticket.type]
    levels = [
        f"{label} {figures.amount(value)}"
        for label, value in (("at", ticket.price), ("trigger", ticket.stop_price), ("trail", ticket.trail))
        if value is not None
    ]
    waits = ticket.type in _STOPPED or ticket.type == "trailing_stop"
    more = [
        *([f"watches {TRIGGERS[ticket.trigger]}"] if waits else []),
        *([f"for {ticket.expire_s:g} s"] if ticket.expire_s is not None else []),
        *(["post-only"] if ticket.post_only else []),
        *(["reduce only"] if ticket.reduce_only else []),
        *([f"stop loss {figures.amount(ticket.stop_loss)}"] if ticket.stop_loss is not None else []),
        *([f"target {figures.amount(ticket.take_profit)}"] if ticket.take_profit is not None else []),
    ]
    lines: list[Line] = [
        (
            (side, style),
            (f" {figures.amount(preview.quantity)} {native} ", "bold"),
            (" ".join((kind, *levels, ticket.time_in_force.upper())), "text"),
        )
    ]
    return lines + ([((" · ".join(more), "text"),)] if more else [])


def preview_lines(preview: OrderPreview) -> list[Line]:
    """Cost, what is held and left afterwards, and risk's answer for every leg."""
    price = figures.amount(preview.price)
    lines: list[Line] = [
        (
            (figures.amount(preview.quantity), "bold"),
            (" at ", "muted"),
            (f"≈{price}", "text"),
            ("  cost ", "muted"),
            (_worth(preview.notional, preview), "text"),
            ("  fee ", "muted"),
            (_worth(preview.fee, preview), "text"),
        ),
        (
            ("then held ", "muted"),
            (figures.amount(preview.position_after), "text"),
            ("  cash ", "muted"),
            (figures.money(preview.cash_after), "text"),
            *_gross(preview),
        ),
    ]
    outcomes: list[tuple[str, str]] = []
    for words, amount in (("at its stop ", preview.loss), ("  at its target ", preview.gain)):
        if amount:
            outcomes += [(words, "muted"), (_worth(amount, preview), "text")]
    if outcomes:
        lines.append(tuple(outcomes))
    return [*lines, verdict_line(preview)]


def _worth(text: str, preview: OrderPreview) -> str:
    """In the quote currency, which is named where it is not the account's: cash is told beside it."""
    if not preview.currency or not text:
        return figures.money(text)
    return f"{figures.amount(text)} {preview.currency}"


def _gross(preview: OrderPreview) -> Line:
    """How much of what the desk may hold altogether is in use with it: no venue of paper lends a margin."""
    checks = preview.verdicts[0].checks if preview.verdicts else ()
    check = next((one for one in checks if one.code == GROSS), None)
    if check is None or not preview.cash_after:
        return ()  # without a rate it would be told in one currency, and its limit in another
    ink = "text" if check.passed else "bad"
    most = check.limit.removeprefix("<= ")
    return (("  gross ", "muted"), (f"{_whole(check.value)} of {_whole(most)}", ink))


def _whole(text: str) -> str:
    return figures.money(text.replace(",", ""), decimals=0)


def verdict_line(preview: OrderPreview) -> Line:
    """Approved, or the first check that fails with its value and limit."""
    legs = len(preview.verdicts)
    denied = next(((n, v) for n, v in enumerate(preview.verdicts, 1) if not v.approved), None)
    if denied is None:
        checks = sum(len(verdict.checks) for verdict in preview.verdicts)
        of = f" of {legs} legs" if legs > 1 else ""
        return (("risk ", "muted"), ("✓ approved", "good"), (f"  {checks} checks{of}", "muted"))
    leg, verdict = denied
    return (
        ("risk ", "muted"),
        (f"✗ {verdict.code}", "bad"),
        (f" leg {leg}" if legs > 1 else "", "muted"),
        (f"  {verdict.detail}", "warn"),
    )
