"""Routes of the account: balances, exposure, P&L and performance, and what the gateways say of it."""

from __future__ import annotations

from aiohttp import web

from engine.api.asked_by import who
from engine.api.http import body, json_response
from engine.api.protocol import Reply
from engine.api.query import Number
from engine.api.route import Route, desk_of
from engine.api.trading_protocol import (
    AcceptCash,
    AccountDetail,
    EquityCurve,
    Performance,
    ReconciliationRow,
    TargetsDetail,
)

POINTS = Number("points", "Of the curve, at most", 240, 2, 2_000)


async def account(request: web.Request) -> web.Response:
    return json_response(desk_of(request).trading.account())


async def performance(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).trading.performance())


async def equity(request: web.Request) -> web.Response:
    return json_response(desk_of(request).trading.equity(POINTS.of(request)))


async def targets(request: web.Request) -> web.Response:
    return json_response(desk_of(request).trading.targets())


async def reconciliation(request: web.Request) -> web.Response:
    return json_response(desk_of(request).trading.reconciliation())


async def reconcile(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).trading.reconcile(who(request)))


async def accept_cash(request: web.Request) -> web.Response:
    wanted = await body(request, AcceptCash)
    return json_response(await desk_of(request).trading.accept_cash(wanted.gateway, who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/account",
        handler=account,
        summary="Balances, exposure and P&L",
        tag="account",
        role="read",
        need="look",
        reply=AccountDetail,
    ),
    Route(
        method="GET",
        path="/v1/performance",
        handler=performance,
        summary="Figures of the desk, its strategies and signal sources, computed now",
        tag="account",
        role="read",
        need="look",
        reply=Performance,
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/equity",
        handler=equity,
        summary="The account's equity over all its time, oldest first",
        tag="account",
        role="read",
        need="look",
        query=(POINTS,),
        reply=EquityCurve,
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/targets",
        handler=targets,
        summary="A rebalance as it would be now, and the last one",
        tag="account",
        role="read",
        need="look",
        reply=TargetsDetail,
    ),
    Route(
        method="GET",
        path="/v1/reconciliation",
        handler=reconciliation,
        summary="Where the desk and each gateway disagree",
        tag="account",
        role="read",
        need="look",
        reply=tuple[ReconciliationRow, ...],
    ),
    Route(
        method="POST",
        path="/v1/reconcile",
        handler=reconcile,
        summary="Compare with the gateways now",
        tag="account",
        role="trade",
        need="safer",
        reply=Reply,
    ),
    Route(
        method="POST",
        path="/v1/reconcile/cash",
        handler=accept_cash,
        summary="What a gateway's cash differs by is counted in from now on",
        tag="account",
        role="admin",
        need="control",
        body=AcceptCash,
        reply=Reply,
    ),
)
