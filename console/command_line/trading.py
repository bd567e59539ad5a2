"""The commands of the trader: orders, positions, stops, limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import one_of
from console.command_line.order_words import WORDS, expected, number, ticket_values
from console.command_line.symbols import symbol_candidates, symbol_named, symbol_of_these
from console.loosening import beyond
from engine.api.protocol import OrderRow
from engine.api.trading_protocol import LimitPatch, LimitRow
from engine.config import OWN_LIMITS
from engine.plain_number import plain_number
from engine.text import clean
from widgets import figures
from widgets.orders import FINAL
from widgets.symbol_names import short_name
from widgets.ticket import passive_price

if TYPE_CHECKING:
    from console.trading import TradingApp

ALL, DEFAULT = "all", "default"
_PARTS = ("100%", "75%", "50%", "25%")
_LEAST_ID = 6
"""Characters of an order's id that tell it, as on the command line of the shell."""


def trading_commands(app: TradingApp) -> list[Command]:
    typed = _Trading(app)
    symbol = Argument("SYM", "the symbol", typed.symbols)
    size = Argument("SIZE", "0.5, $500 or 10% of equity", typed.sizes)
    more = Argument("WORDS", "@ PRICE, stop, sl, tp, gtc …", typed.order_words, optional=True, rest=True)
    which = Argument("ID|all|SYM", "an order, all, or those of a symbol", typed.cancelable)
    return [
        Command("buy", "The order ticket, filled in to buy", typed.buy, (symbol, size, more)),
        Command("sell", "The order ticket, filled in to sell", typed.sell, (symbol, size, more)),
        Command("cancel", "Cancel an order or several, at once", typed.cancel, (which,)),
        Command(
            "close",
            "Close a position, or a part of it (asks)",
            typed.close,
            (
                Argument("SYM", "whose position", typed.held),
                Argument("PART", "of it, as in 50%", typed.parts, optional=True),
            ),
        ),
        Command("reduce", "Entries off: exits only", typed.reduce),
        Command(
            "limit",
            "Change a risk limit; looser asks",
            typed.limit,
            (
                Argument("NAME", "of the limit", typed.limits),
                Argument("VALUE", "a number, or default", typed.values),
                Argument("SCOPE", "desk, exits, strategy:NAME or symbol:SYM", typed.scopes, optional=True),
            ),
        ),
    ]


class _Trading:
    def __init__(self, app: TradingApp) -> None:
        self._app = app

    # --- orders ----------------------------------------------------------------------------------

    def buy(self, words: Sequence[str]) -> None:
        self._ticket("buy", words)

    def sell(self, words: Sequence[str]) -> None:
        self._ticket("sell", words)

    def _ticket(self, side: str, words: Sequence[str]) -> None:
        symbol = symbol_named(words[0], self._app.view.ticks)
        self._app.open_ticket(ticket_values(side, symbol, words[1], words[2:]))

    def cancel(self, words: Sequence[str]) -> None:
        app, text = self._app, words[0]
        if text.lower() == ALL:
            app.action_cancel_all()
            return
        row = self._order(text)
        if row is not None:
            app.cancel_order(row)
            return
        at_work = {row.symbol for row in self._open()}
        symbol = symbol_of_these(text, at_work, app.view.ticks, "no order of it is at work")
        native = short_name(symbol)
        app.command(f"CANCEL ALL of {native}", lambda: app.link.cancel_all(symbol), safer=True)

    def _order(self, text: str) -> OrderRow | None:
        """By its id, or six or more of its first characters. Raises CommandError when it is done."""
        found = self._app.view.orders.get(text)
        if found is not None and found.state in FINAL:
            raise CommandError(
                f"order {clean(text, 40)} is {found.state.replace('_', ' ')}: nothing to cancel"
            )
        if found is not None or len(text) < _LEAST_ID:
            return found
        begun = [row for row in self._open() if text in (row.id[: len(text)], row.id[3 : 3 + len(text)])]
        return begun[0] if len(begun) == 1 else None

    def _open(self) -> list[OrderRow]:
        return [row for row in self._app.view.orders.values() if row.state not in FINAL]

    def close(self, words: Sequence[str]) -> None:
        view = self._app.view
        row = view.positions[symbol_of_these(words[0], view.positions, view.ticks, "nothing of it is held")]
        percent = float(number(words[1].rstrip("%"), "part")) if len(words) > 1 else None
        if percent is not None and percent > 100:
            raise CommandError("part: give 1% to 100%")
        self._app.close_position(row, percent)

    def reduce(self, words: Sequence[str]) -> None:
        """Never upwards: from HALTED the key resumes."""
        state = self._app.view.risk_state
        if state in ("reducing", "halted"):
            raise CommandError(f"the desk is {state.upper()} already: no entry leaves")
        self._app.action_entries_off()

    # --- limits ----------------------------------------------------------------------------------

    async def limit(self, words: Sequence[str]) -> None:
        name, text, scope = words[0], words[1], self._scope(words[2] if len(words) > 2 else "desk")
        known = await self._app.link.limits()
        rows = {row.name: row for row in known if row.scope == scope}
        desk = {row.name: row for row in known if row.scope == "desk"}
        own = scope.startswith(("strategy:", "symbol:"))
        name = one_of(name, OWN_LIMITS if own else rows, f"limit of {scope}")
        row = rows.get(name) or desk.get(name)
        if row is None:
            raise CommandError(f"{name} is no limit of this desk")
        if text.lower() == DEFAULT:
            value = None
        else:
            try:
                value = plain_number(text)
            except ValueError as error:
                raise CommandError(f"{error}; give one, or default") from None
        before = rows.get(name) or LimitRow(scope, name, "", "", row.hard, row.unit, row.about)
        patch = LimitPatch(scope, name, value)
        if why_not := beyond(before, patch):
            raise CommandError(why_not)
        self._app.change_limit(before, patch)

    def _scope(self, text: str) -> str:
        kind, _, name = text.partition(":")
        if kind == "symbol" and name:
            return f"symbol:{symbol_named(name, self._app.view.ticks)}"
        return one_of(text, (one.text for one in self.scopes(())), "scope")

    # --- what a word may become ------------------------------------------------------------------

    def symbols(self, before: Sequence[str]) -> Iterable[Candidate]:
        return symbol_candidates(self._app.view.ticks)

    def held(self, before: Sequence[str]) -> Iterable[Candidate]:
        rows = self._app.view.positions
        return [
            Candidate(one.text, f"{figures.amount(row.quantity)}")
            for one, row in zip(symbol_candidates(rows), (rows[key] for key in sorted(rows)), strict=True)
        ]

    def sizes(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate("5%", "of equity"), Candidate("10%", "of equity"), Candidate("$1000", "worth")]

    def order_words(self, before: Sequence[str]) -> Iterable[Candidate]:
        asked = expected(before[2:])
        if asked == "@":
            return self._prices(before[0])
        if asked == "by":
            return [Candidate("last"), Candidate("quote"), Candidate("mark")]
        if asked == "gtd":
            return [Candidate("60s"), Candidate("10m"), Candidate("1h")]
        return [] if asked else [Candidate(word, about) for word, about in WORDS.items()]

    def _prices(self, symbol: str) -> Iterable[Candidate]:
        try:
            tick = self._app.view.tick(symbol_named(symbol, self._app.view.ticks))
        except CommandError:
            return
        for side, about in (("buy", "bid"), ("sell", "ask")):
            if price := passive_price(tick, side):
                yield Candidate(price, about)

    def cancelable(self, before: Sequence[str]) -> Iterable[Candidate]:
        rows = self._open()
        yield Candidate(ALL, f"{len(rows)} open")
        yield from symbol_candidates({row.symbol for row in rows})
        for row in rows:
            words = f"{row.side} {figures.amount(row.quantity)} {short_name(row.symbol)}"
            yield Candidate(row.id, words)

    def parts(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate(part) for part in _PARTS]

    def limits(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [
            Candidate(row.name, f"{row.value} {row.unit}: {row.about}")
            for row in (self._app.view.limits or ())
            if row.scope == "desk"
        ]

    def values(self, before: Sequence[str]) -> Iterable[Candidate]:
        now = [row for row in (self._app.view.limits or ()) if (row.scope, row.name) == ("desk", before[0])]
        return [Candidate(DEFAULT, "as configured"), *(Candidate(row.value, "now") for row in now)]

    def scopes(self, before: Sequence[str]) -> Iterable[Candidate]:
        view = self._app.view
        yield Candidate("desk")
        yield Candidate("exits")
        for name in sorted(view.strategies):
            yield Candidate(f"strategy:{name}")
        for text, venue in symbol_candidates(view.ticks):
            yield Candidate(f"symbol:{text}", venue)
