"""A desk that a daily run asks, made up: it keeps what an engine keeps over its own end and the run's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from engine.api.daily_protocol import HistoryRow, OrderSize, ScoredPlan, TargetScores
from engine.api.idempotency import LOCAL, token_of
from engine.api.model_protocol import TrainingOrder, TrainingRow
from engine.api.page import Page
from engine.api.protocol import Health, Reply
from engine.api.rows import OrderRow, SymbolDataRow
from engine.api.trading_protocol import (
    OrderReply,
    OrderTicket,
    ReconciliationRow,
    TargetPlan,
    TargetRow,
)
from engine.config import Config
from engine.errors import RefusedError
from engine.events import Verdict
from engine.execution.ids import ticket_order_id
from engine.research.daily import STEPS, Calendar
from engine.store.daily import DailyStore, StoredRun
from engine.wiring.daily_context import Context
from engine.wiring.daily_orders import UNKNOWN_SYMBOL
from engine.wiring.daily_run import run_steps
from tests.console import sample_desk as sample

SYMBOLS = ("sim:A", "sim:B", "sim:C")
TARGETS = {"sim:A": Decimal(25), "sim:B": Decimal(-4), "sim:C": Decimal(0)}
HELD = {"sim:B": Decimal(3), "sim:C": Decimal(7)}
MOST = Decimal(10)
DAY = "2026-11-20"
NOON = 1_795_176_000 * 10**9


class Killed(BaseException):
    """In place of SIGKILL: nothing of the run's own handles it."""


class Life:
    """Ends the run at its ``left``-th point; a point lies on each side of everything that leaves it."""

    def __init__(self, left: int = 1 << 30) -> None:
        self.left = left
        self.points = 0

    def point(self) -> None:
        self.points += 1
        self.left -= 1
        if self.left <= 0:
            raise Killed


class Desk:
    """Implements ``DeskAt``."""

    def __init__(self) -> None:
        self.life = Life()
        self.now_ns = NOON
        self.held = dict(HELD)
        self.placed: dict[str, OrderTicket] = {}
        """By key, in the order in which they came."""
        self.rows: dict[str, OrderRow] = {}
        self.replies: dict[str, OrderReply] = {}
        self.deny: set[str] = set()
        """Symbols of which every order is denied."""
        self.hold: set[str] = set()
        """Symbols of which no order fills."""
        self.reject: set[str] = set()
        """Symbols of which the venue refuses every order."""
        self.stale: set[str] = set()
        self.knows_ns = 0
        """Before then its feed has told nothing: it knows no symbol."""
        self.away, self.away_until_ns = "", 0
        """Why its broker takes no entry, and until when."""
        self.fail: Callable[[str, str], None] = lambda method, path: None
        self.rounds = 1
        self.scored_ns = 0
        """Of the bar that its scores rest on; 0: now."""
        self.gateways: tuple[str, ...] = ("paper",)
        self.unreached = ""
        """Why no gateway can be compared with."""
        self.training = TrainingRow("none")
        self.follows = False
        self.state, self.state_reason = "active", ""
        """What risk lets it do."""
        self.drifts = ""

    def ask(
        self,
        method: str,
        path: str,
        reply: Any,
        *,
        body: bytes | None = None,
        key: str = "",
        timeout_s: float = 10.0,
    ) -> Any:
        self.life.point()
        self.fail(method, path)
        parts = urlsplit(path)
        name = f"{method} {parts.path}"
        answer = self._answers(name, parse_qs(parts.query), body or b"{}", key)
        self.life.point()
        # As over a wire: what is not told by the protocol is not there.
        return msgspec.json.decode(msgspec.json.encode(answer), type=reply)

    def _answers(self, name: str, query: dict[str, list[str]], body: bytes, key: str) -> Any:
        match name:
            case "GET /v1/history":
                return HistoryRow(True, False, self.rounds, stored=12, symbols=3, symbols_done=3)
            case "POST /v1/history/load":
                self.rounds += 1
                return Reply(True, "a load begins")
            case "GET /v1/data":
                return [_data(symbol, symbol in self.stale) for symbol in SYMBOLS if self._knows]
            case "GET /v1/training":
                return self.training
            case "POST /v1/training":
                msgspec.json.decode(body, type=TrainingOrder)
                self.training = TrainingRow("done", 1.0, "trained", self.now_ns, self.now_ns, "abc")
                return Reply(True, "begun")
            case "POST /v1/targets/plan":
                return self._plan(msgspec.json.decode(body, type=TargetScores).scores)
            case "GET /v1/health":
                status = sample.full_frame().status
                told = {"risk_state": self.state, "risk_reason": self.state_reason}
                return Health(True, 1, 1, msgspec.structs.replace(status, **told), ())
            case "GET /v1/limits":
                return []
            case "POST /v1/orders":
                return self._place(body, key)
            case "GET /v1/orders":
                (symbol,) = query["symbol"]
                if not self._knows:
                    raise RefusedError(f"unknown symbol {symbol}", UNKNOWN_SYMBOL)
                return Page(tuple(row for row in self.rows.values() if row.symbol == symbol), None)
            case "POST /v1/reconcile":
                return Reply(not self.drifts, self.drifts or "paper: agrees")
            case "GET /v1/reconciliation":
                away = self.away if self.now_ns < self.away_until_ns else ""
                return [ReconciliationRow(name, 1, self.unreached, (), away=away) for name in self.gateways]
        raise AssertionError(name)

    @property
    def _knows(self) -> bool:
        return self.now_ns >= self.knows_ns

    def _plan(self, given: dict[str, float]) -> ScoredPlan:
        rows, sizes = [], []
        scores = given or dict.fromkeys(SYMBOLS, 0.01)
        for symbol, target in TARGETS.items():
            held = self.held.get(symbol, Decimal(0))
            if symbol not in scores:
                rows.append(TargetRow(symbol, None, 0.0, str(held), str(held), "0", "0", "NO_SCORE", ""))
                continue
            change = target - held
            reduction = Decimal(0)
            if change * held < 0:
                reduction = max(change, -held, key=lambda quantity: quantity * held)
            code = "STALE" if symbol in self.stale else ""
            addition = Decimal(0) if code else change - reduction
            reduction = Decimal(0) if code else reduction
            told = map(str, (held, target, reduction, addition))
            rows.append(TargetRow(symbol, 0.01, 0.5, *told, code, ""))
            if reduction or addition:
                sizes.append(OrderSize(symbol, str(MOST), "1"))
        return ScoredPlan(
            version="" if given else "0123456789ab",
            ns=0 if given else self.scored_ns or self.now_ns,
            scores=scores,
            plan=TargetPlan(tuple(rows), "100.00"),
            sizes=tuple(sizes),
            follows=self.follows,
        )

    def _place(self, body: bytes, key: str) -> OrderReply:
        """Once for each key, as an engine does."""
        ticket = msgspec.json.decode(body, type=OrderTicket)
        if key in self.placed:
            assert self.placed[key] == ticket, "another order under the same key"
            return self.replies[key]
        self.placed[key] = ticket
        identity = ticket_order_id(token_of(LOCAL, key))
        assert self._knows and self.now_ns >= self.away_until_ns, "sent, and refused"
        if ticket.symbol in self.deny:
            verdict = Verdict(identity, ticket.symbol, False, "POSITION_LIMIT", "21 of 20 %", (), 0)
            reply = self.replies[key] = OrderReply(False, "denied", (identity,), verdict)
            return reply
        if ticket.symbol in self.reject:
            self.rows[identity] = _order(identity, ticket, "rejected", self.now_ns)
            reply = self.replies[key] = OrderReply(True, "sent", (identity,))
            return reply
        open_one = ticket.symbol in self.hold
        assert ticket.quantity is not None
        if not open_one:
            signed = Decimal(ticket.quantity) * (1 if ticket.side == "buy" else -1)
            self.held[ticket.symbol] = self.held.get(ticket.symbol, Decimal(0)) + signed
        self.rows[identity] = _order(identity, ticket, "accepted" if open_one else "filled", self.now_ns)
        reply = self.replies[key] = OrderReply(True, "sent", (identity,))
        return reply


class Store(DailyStore):
    """A point on each side of every transaction; what is written is not waited for."""

    def __init__(self, state_dir: Path, life: Life) -> None:
        super().__init__(state_dir)
        self._life = life
        self._connection.execute("PRAGMA synchronous = OFF")

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        self._life.point()
        with super()._writing() as db:
            yield db
        self._life.point()


def begun(store: DailyStore, *, dry: bool = False, day: str = DAY) -> StoredRun:
    return store.run(day, "daily", "paper", dry=dry, options="{}", steps=STEPS["daily"], now_ns=NOON)


def started(desk: Desk, state_dir: Path, config: Config, life: Life, *, dry: bool = False) -> bool:
    """One start of the run, as the command line does it."""
    desk.life = life
    store = Store(state_dir, life)
    try:
        return run_steps(context_of(desk, state_dir, config, store, begun(store, dry=dry)))
    finally:
        store.close()


def context_of(desk: Desk, state_dir: Path, config: Config, store: DailyStore, run: StoredRun) -> Context:
    def sleep(seconds: float) -> None:
        desk.now_ns += round(seconds * 1e9)

    return Context(
        config, state_dir, run, store, desk, Calendar(()), lambda: desk.now_ns, sleep, lambda text: None
    )


def refusing(code: str, times: int, path: str) -> Callable[[str, str], None]:
    """Refuses so many requests of a path."""
    left = [times]

    def fail(method: str, asked: str) -> None:
        if asked == path and method == "POST" and left[0] > 0:
            left[0] -= 1
            raise RefusedError(f"not now ({code})", code)

    return fail


def fill(desk: Desk) -> None:
    """What is open fills."""
    for identity, row in desk.rows.items():
        if row.state == "accepted":
            desk.rows[identity] = msgspec.structs.replace(
                row, state="filled", filled=row.quantity, average_price="100"
            )


def _data(symbol: str, stale: bool) -> SymbolDataRow:
    return SymbolDataRow(
        symbol, 1.0, 1.0, None, None, "no quote for 12 s" if stale else "", False, 0, "", False, None
    )


def _order(identity: str, ticket: OrderTicket, state: str, ns: int) -> OrderRow:
    filled = ticket.quantity if state == "filled" else "0"
    return OrderRow(
        *(identity, ticket.symbol, ticket.side, "market", ticket.quantity or "", filled or ""),
        *("100" if state == "filled" else "", state, "entry", "", ns, ns),
    )
