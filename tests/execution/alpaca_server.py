"""A local server that speaks Alpaca's wire format: REST for orders, binary frames for ``trade_updates``.

Its messages have the fields of the captured ones (``tests/execution/test_alpaca_wire.py`` compares them). It
keeps the venue's truth (orders, executions, cash, positions), and misbehaves as its ``Faults`` say.

    async with AlpacaServer() as server:
        config = AlpacaConfig(rest_url=server.rest_url, ...)
        server.fill(client_order_id, "0.5", "100")
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.execution.alpaca_stream import KEY, SECRET, UpdateStream, now

OPEN = frozenset({"new", "accepted", "pending_new", "partially_filled", "held"})


class AlpacaServer(UpdateStream):
    def __init__(self, *, crypto: bool = True, seed: int = 1) -> None:
        super().__init__(seed)
        self.crypto = crypto
        self.auto_fill: Callable[[dict[str, Any]], list[tuple[str, str]]] | None = None
        """Of an order that was placed: its executions (quantity, price), told at once."""
        self.orders: dict[str, dict[str, Any]] = {}
        self.executions: list[dict[str, Any]] = []
        self.fees: list[dict[str, Any]] = []
        self.cash = Decimal(100_000)
        self.blocks: dict[str, bool] = {}
        """Fields of the account that say that it takes no orders."""
        self.positions: dict[str, Decimal] = {}
        self.requests: Counter[str] = Counter()
        self.placed: Counter[str] = Counter()
        """Client order ids of the POSTs that came."""
        self.forms: list[dict[str, Any]] = []
        self.fee_share: Decimal | None = None
        """Kept of what a trade brings; and what is not there cannot be sold. None: no fees, no checks."""
        self.reserved = Decimal(0)
        """Of each position, for other orders."""

    async def __aenter__(self) -> AlpacaServer:
        app = web.Application()
        app.router.add_get("/stream", self._stream)
        app.router.add_post("/v2/orders", self._place)
        app.router.add_get("/v2/orders", self._list)
        app.router.add_get("/v2/orders:by_client_order_id", self._by_client_id)
        app.router.add_get("/v2/orders/{id}", self._get)
        app.router.add_delete("/v2/orders/{id}", self._cancel)
        app.router.add_patch("/v2/orders/{id}", self._amend)
        app.router.add_get("/v2/account", self._account)
        app.router.add_get("/v2/positions", self._positions)
        app.router.add_get("/v2/positions/{symbol}", self._position)
        app.router.add_get("/v2/account/activities/FILL", self._activities)
        app.router.add_get("/v2/account/activities", self._fees)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.hang_up()
        for task in self._outgoing:
            task.cancel()
        await self._runner.cleanup()

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- the venue

    def order(self, client_order_id: str) -> dict[str, Any]:
        """The newest of this id: a replaced order gives its replacement."""
        row = next(o for o in self.orders.values() if o["client_order_id"] == client_order_id)
        while row["replaced_by"]:
            row = self.orders[row["replaced_by"]]
        return row

    def fill(self, client_order_id: str, quantity: str, price: str) -> None:
        self._fill(self.order(client_order_id), quantity, price)

    def replace(self, client_order_id: str, price: str, *, counts: bool) -> None:
        """A person amends it. ``counts``: the replacement goes on with what was filled."""
        row = self.order(client_order_id)
        by = self._row({**row, "limit_price": price}, self._uuid())
        if counts:
            by["filled_qty"] = row["filled_qty"]
        by["replaces"], row["replaced_by"], row["status"] = row["id"], by["id"], "replaced"
        by["status"] = "new"
        self.tell("replaced", row)
        self.tell("new", by)

    def _fill(self, row: dict[str, Any], quantity: str, price: str) -> None:
        size, at = Decimal(quantity), Decimal(price)
        filled = Decimal(row["filled_qty"]) + size
        whole = filled >= Decimal(row["qty"])
        row.update(
            filled_qty=str(filled),
            filled_avg_price=price,
            status="filled" if whole else "partially_filled",
            updated_at=now(),
        )
        sign = 1 if row["side"] == "buy" else -1
        symbol = row["symbol"].replace("/", "")
        kept = self.fee_share or Decimal(0)
        bought, sold = (size * (1 - kept), size * at) if sign > 0 else (-size, -size * at * (1 - kept))
        self.cash -= sold
        self.positions[symbol] = self.positions.get(symbol, Decimal(0)) + bought
        execution = self._uuid()
        stamp = now()
        self.executions.append(
            {
                "id": f"{stamp[:23].translate(str.maketrans('', '', '-:T.'))}::{execution}",
                "activity_type": "FILL",
                "transaction_time": stamp,
                "type": "fill" if whole else "partial_fill",
                "price": price,
                "qty": quantity,
                "side": row["side"],
                "symbol": row["symbol"],
                "leaves_qty": str(Decimal(row["qty"]) - filled),
                "order_id": row["id"],
                "cum_qty": str(filled),
                "order_status": row["status"],
            }
        )
        self.tell(
            "fill" if whole else "partial_fill",
            row,
            execution_id=execution,
            price=price,
            qty=quantity,
            position_qty=str(self.positions[symbol]),
            timestamp=stamp,
        )
        if whole:
            for leg in row["legs"] or ():
                if leg["status"] == "held":  # else it was canceled before
                    leg["status"] = "new"
                    self.tell("new", leg)

    def end(self, client_order_id: str, status: str) -> None:
        row = self.order(client_order_id)
        row["status"] = status
        self.tell(status, row)

    # --- REST

    async def _place(self, request: web.Request) -> web.StreamResponse:
        form = await request.json()
        self.requests["place"] += 1
        identity = form["client_order_id"]
        self.placed[identity] += 1
        return await self._faulty(request, "place", lambda: self._accept(form))

    def _accept(self, form: dict[str, Any]) -> tuple[int, Any]:
        self.forms.append(form)
        if any(o["client_order_id"] == form["client_order_id"] for o in self.orders.values()):
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        held = self.positions.get(form["symbol"].replace("/", ""), Decimal(0))
        free = held - self.reserved
        if self.fee_share is not None and form["side"] == "sell" and Decimal(form["qty"]) > free:
            asked = f"(requested: {form['qty']}, available: {free})"
            return 403, {"code": 40310000, "message": f"insufficient balance for BTC {asked}"}
        row = self._row(form, form["client_order_id"])
        legs = []
        for key, kind in (("take_profit", "limit"), ("stop_loss", "stop")):
            if key in form and not (form["order_class"] == "oco" and kind == "limit"):
                side = form["side"] if form["order_class"] == "oco" else _other(form["side"])
                leg = self._row({**form, **form[key], "type": kind, "side": side}, self._uuid())
                if kind == "limit":
                    leg["stop_price"] = None
                leg["status"] = "held"
                legs.append(leg)
        row["legs"] = legs or None
        self.tell("pending_new", row)
        row["status"] = "new"
        answer = json.loads(json.dumps({**row, "status": "pending_new"}))
        self.tell("new", row)
        for quantity, price in self.auto_fill(row) if self.auto_fill else ():
            self._fill(row, quantity, price)
        return 200, answer

    def _row(self, form: dict[str, Any], client_order_id: str) -> dict[str, Any]:
        stamp = now()
        row = {
            "id": self._uuid(),
            "client_order_id": client_order_id,
            "created_at": stamp,
            "updated_at": stamp,
            "submitted_at": stamp,
            "filled_at": None,
            "expired_at": None,
            "cancel_requested_at": None,
            "canceled_at": None,
            "failed_at": None,
            "replaced_at": None,
            "replaced_by": None,
            "replaces": None,
            "asset_id": self._uuid(),
            "symbol": form["symbol"],
            "asset_class": "crypto" if "/" in form["symbol"] else "us_equity",
            "notional": None,
            "qty": form["qty"],
            "filled_qty": "0",
            "filled_avg_price": None,
            "order_class": form.get("order_class", ""),
            "order_type": form["type"],
            "type": form["type"],
            "side": form["side"],
            "position_intent": "buy_to_open" if form["side"] == "buy" else "sell_to_close",
            "time_in_force": form["time_in_force"],
            "limit_price": form.get("limit_price"),
            "stop_price": form.get("stop_price"),
            "status": "pending_new",
            "extended_hours": False,
            "legs": None,
            "trail_percent": None,
            "trail_price": form.get("trail_price"),
            "hwm": None,
            "expires_at": "2027-02-16T21:00:00Z",
        }
        self.orders[row["id"]] = row
        return row

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        self.requests["cancel"] += 1

        def cancel() -> tuple[int, Any]:
            row = self.orders.get(request.match_info["id"])
            if row is None:
                return 404, {"code": 40410000, "message": "order not found"}
            if row["status"] not in OPEN:
                return 422, {"code": 42210000, "message": f'order is already in "{row["status"]}" state'}
            for one in (row, *(row["legs"] or ())):
                if one["status"] in OPEN:
                    one.update(status="canceled", canceled_at=now())
                    self.tell("canceled", one)
            return 204, None

        return await self._faulty(request, "cancel", cancel)

    async def _amend(self, request: web.Request) -> web.StreamResponse:
        form = await request.json()
        self.requests["amend"] += 1

        def amend() -> tuple[int, Any]:
            row = self.orders.get(request.match_info["id"])
            if row is None:
                return 404, {"code": 40410000, "message": "order not found"}
            if row["status"] not in ("new", "partially_filled"):
                return 422, {"code": 42210000, "message": f"cannot replace order in {row['status']} status"}
            wanted = {k: v for k, v in form.items() if k != "client_order_id"}
            by = self._row({**row, **wanted}, form["client_order_id"])
            by["replaces"], row["replaced_by"], row["status"] = row["id"], by["id"], "replaced"
            by["status"] = "new"
            self.tell("replaced", row)
            self.tell("new", by)
            return 200, {**by, "status": "accepted"}

        return await self._faulty(request, "amend", amend)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.requests["get"] += 1
        row = self.orders.get(request.match_info["id"])
        missing = {"code": 40410000, "message": "order not found"}
        return await self._faulty(request, "read", lambda: (200, row) if row else (404, missing))

    async def _by_client_id(self, request: web.Request) -> web.StreamResponse:
        self.requests["lookup"] += 1
        wanted = request.query["client_order_id"]

        def find() -> tuple[int, Any]:
            row = next((o for o in self.orders.values() if o["client_order_id"] == wanted), None)
            if row is None:
                return 404, {"code": 40410000, "message": "order not found"}
            return 200, {**row, "legs": None}

        return await self._faulty(request, "read", find)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        rows = [o for o in self.orders.values() if request.query["status"] != "open" or o["status"] in OPEN]
        return await self._faulty(request, "read", lambda: (200, rows))

    async def _account(self, request: web.Request) -> web.StreamResponse:
        body = {
            "id": self._uuid(),
            "cash": str(self.cash),
            "currency": "USD",
            "status": "ACTIVE",
            **self.blocks,
        }
        return await self._faulty(request, "read", lambda: (200, body))

    async def _positions(self, request: web.Request) -> web.StreamResponse:
        rows = [
            {"symbol": symbol, "qty": str(quantity), "side": "long" if quantity > 0 else "short"}
            for symbol, quantity in self.positions.items()
            if quantity
        ]
        return await self._faulty(request, "read", lambda: (200, rows))

    async def _position(self, request: web.Request) -> web.StreamResponse:
        symbol = request.match_info["symbol"]
        held = self.positions.get(symbol, Decimal(0))
        row = {"symbol": symbol, "qty": str(held), "qty_available": str(held - self.reserved), "side": "long"}
        missing = {"code": 40410000, "message": "position does not exist"}
        return await self._faulty(request, "read", lambda: (200, row) if held else (404, missing))

    async def _activities(self, request: web.Request) -> web.StreamResponse:
        self.requests["executions"] += 1
        return await self._faulty(request, "read", lambda: (200, _page(self.executions, request)))

    async def _fees(self, request: web.Request) -> web.StreamResponse:
        return await self._faulty(request, "read", lambda: (200, _page(self.fees, request)))

    async def _faulty(
        self, request: web.Request, kind: str, act: Callable[[], tuple[int, Any]]
    ) -> web.StreamResponse:
        keys = request.headers.get("APCA-API-KEY-ID"), request.headers.get("APCA-API-SECRET-KEY")
        if keys != (KEY, SECRET) or self.refuse_keys:
            return web.json_response(
                {"code": 40110000, "message": "access key verification failed"}, status=401
            )
        fault = self.faults.next(kind)
        if fault == "limit":
            return web.json_response(
                {"message": "too many requests."}, status=429, headers={"Retry-After": "1"}
            )
        if fault == "error":
            return web.json_response({"message": "internal server error occurred"}, status=500)
        if fault.isdigit():
            return web.json_response(
                {"code": 40310000, "message": f"refused \x1b[31m{fault}"}, status=int(fault)
            )
        if fault == "cut":
            return _cut(request)
        status, body = act()
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "slow":
            await asyncio.sleep(0.02)
        if fault == "error_after":
            return web.json_response({"message": "internal server error occurred"}, status=500)
        if fault == "cut_after":
            return _cut(request)
        if fault == "garbage":
            return web.Response(body=b'{"id": 5, ', status=200)
        if body is None:
            return web.Response(status=status)
        return web.json_response(body, status=status)


def _other(side: str) -> str:
    return "sell" if side == "buy" else "buy"


def _page(rows: list[dict[str, Any]], request: web.Request) -> list[dict[str, Any]]:
    token = request.query.get("page_token", "")
    start = next((n + 1 for n, row in enumerate(rows) if row["id"] == token), 0)
    return rows[start : start + int(request.query["page_size"])]


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)
