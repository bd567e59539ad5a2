"""Trading made up for the API."""

from __future__ import annotations

from collections.abc import Mapping

from engine.api.page_port import Part
from engine.api.protocol import Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    BalanceRow,
    EquityCurve,
    ExposureRow,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    ListPreview,
    OrderList,
    OrderPreview,
    OrderReply,
    OrderTicket,
    Performance,
    PerformanceRow,
    PnlRow,
    ReconciliationRow,
    TargetPlan,
    TargetRow,
    TargetsDetail,
)
from engine.errors import NotReadyError, OrderError

ROW = OrderRow(
    *("td-1", "sim:BTC-USD", "buy", "limit", "0.5", "0", "", "accepted", "entry", "", 1, 2),
    price="64000",
    leaves="0.5",
)
LIMIT = LimitRow("desk", "max_gross_pct", "100", "100", "> 0, <= 200", "% of equity", "all positions", "12.5")
ACCOUNT = AccountDetail(
    "USD",
    "100000.00",
    (BalanceRow("USD", "100000", "1", "100000.00"),),
    (ExposureRow("total", "", "0.00", "0.00", "0.00", "0.00", 0.0),),
    (PnlRow("", "0.00", "0.00", "0.00", "0.00", "0.00", 0, None),),
)

PERFORMANCE = Performance(
    2,
    1,
    (PerformanceRow("", "desk", "12.50", 0.0125, None, None, 0.5, 0.5, 1.25, 3.0, 0.4, 2),),
    ("points of the last day",),
)
TARGETS = TargetsDetail(
    True,
    TargetPlan((TargetRow("sim:BTC-USD", 0.02, 1.0, "0.5", "0.7", "0", "0.2", "", ""),), "12800.00"),
    TargetPlan(),
    0,
    5,
)
RECONCILIATION = (ReconciliationRow("paper", 1, "", ()),)


class FakeTrading:
    """Implements ``TradingPort``; ``asked`` keeps every command."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self.asked = asked

    async def place(self, ticket: OrderTicket, who: str) -> OrderReply:
        if ticket.symbol == "no:SUCH":
            raise OrderError("unknown symbol no:SUCH: write it as venue:NATIVE")
        if ticket.symbol == "too:EARLY":
            raise NotReadyError
        self.asked.append(("place", ticket, who))
        return OrderReply(True, "sent", ("td-1",))

    def preview(self, ticket: OrderTicket, who: str) -> OrderPreview:
        self.asked.append(("preview", ticket, who))
        return OrderPreview("1", "2", "2", "0.01", "1", "98", (), True, "approved")

    async def place_list(self, wanted: OrderList, who: str) -> OrderReply:
        self.asked.append(("place list", wanted, who))
        return OrderReply(True, "sent", ("td-1", "td-2"))

    async def preview_list(self, wanted: OrderList, who: str) -> ListPreview:
        self.asked.append(("preview list", wanted, who))
        return ListPreview(tuple(self.preview(each, who) for each in wanted.tickets), True, "approved")

    async def orders(self, symbol: str, state: str, limit: int, before: int) -> Part[OrderRow]:
        if state == "asleep":
            raise OrderError("no state asleep: there are open, filled")
        self.asked.append(("orders", symbol, state, limit))
        return (ROW,), None

    def order(self, client_order_id: str) -> OrderRow | None:
        return ROW if client_order_id == ROW.id else None

    def preview_amendment(self, client_order_id: str, patch: AmendPatch) -> OrderPreview:
        self.asked.append(("preview amendment", client_order_id, patch))
        return OrderPreview("1", "2", "2", "0.01", "1", "98", (), True, "approved")

    async def amend(self, client_order_id: str, patch: AmendPatch, who: str) -> Reply:
        self.asked.append(("amend", client_order_id, patch, who))
        return Reply(True, "change asked for")

    async def cancel(self, client_order_id: str, who: str) -> Reply:
        self.asked.append(("cancel", client_order_id, who))
        return Reply(True, "canceled")

    async def cancel_all(self, symbol: str, who: str) -> Reply:
        self.asked.append(("cancel all", symbol, who))
        return Reply(True, "canceled 1/1")

    async def flatten(self, patch: FlattenPatch, who: str) -> Reply:
        self.asked.append(("flatten", patch, who))
        return Reply(True, "verified flat")

    async def kill(self, who: str) -> Reply:
        self.asked.append(("kill", who))
        return Reply(True, "verified flat")

    def limits(self) -> tuple[LimitRow, ...]:
        return (LIMIT,)

    async def set_limit(self, patch: LimitPatch, who: str) -> Reply:
        self.asked.append(("limit", patch, who))
        return Reply(True, "set")

    def account(self) -> AccountDetail:
        return ACCOUNT

    async def performance(self) -> Performance:
        return PERFORMANCE

    def equity(self, points: int) -> EquityCurve:
        return EquityCurve((1, 2), (100_000.0, 99_000.0), (0.0, float(points)))

    def targets(self) -> TargetsDetail:
        return TARGETS

    def reconciliation(self) -> tuple[ReconciliationRow, ...]:
        return RECONCILIATION

    async def reconcile(self, who: str) -> Reply:
        self.asked.append(("reconcile", who))
        return Reply(True, "no drift")

    async def accept_cash(self, gateway: str, who: str) -> Reply:
        self.asked.append(("accept cash", gateway, who))
        return Reply(True, "accepted")

    def order_update(self, gateway: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        if headers.get("X-Signature") != "good":
            return 401, "the signature is wrong"
        self.asked.append((gateway, body))
        return 200, "taken"
