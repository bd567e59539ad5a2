"""Routes of daily runs: how they went, and what they ask the desk for: bars, and a plan of targets."""

from __future__ import annotations

import re

from aiohttp import web

from engine.api.asked_by import who
from engine.api.daily_protocol import DailyDetail, DailyRow, HistoryRow, ScoredPlan, TargetScores
from engine.api.http import body, json_response, name_of, not_found
from engine.api.protocol import Reply
from engine.api.query import Number
from engine.api.route import Route, desk_of

LIMIT = Number("limit", "Runs at most", 30, 1, 500)
MOST_SCORES = 1 << 20
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


async def runs(request: web.Request) -> web.Response:
    return json_response(await desk_of(request).daily.runs(LIMIT.of(request)))


async def day(request: web.Request) -> web.Response:
    wanted = name_of(request, "day")
    if not _DAY.fullmatch(wanted):
        raise web.HTTPBadRequest(reason="day: write it as in 2026-01-31")
    found = await desk_of(request).daily.day(wanted)
    return json_response(found) if found else not_found(f"no daily run of {wanted}: /v1/daily lists them")


async def plan(request: web.Request) -> web.Response:
    wanted = await body(request, TargetScores, MOST_SCORES)
    return json_response(await desk_of(request).daily.plan_targets(wanted.scores))


async def history(request: web.Request) -> web.Response:
    return json_response(desk_of(request).daily.history())


async def load_history(request: web.Request) -> web.Response:
    return json_response(desk_of(request).daily.load_history(who(request)))


ROUTES = (
    Route(
        method="GET",
        path="/v1/daily",
        handler=runs,
        summary="Daily runs and their steps, the newest day first",
        tag="daily",
        role="read",
        need="look",
        query=(LIMIT,),
        reply=tuple[DailyRow, ...],
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/daily/{day}",
        handler=day,
        summary="The runs of a day with their orders and the day's figures",
        tag="daily",
        role="read",
        need="look",
        reply=tuple[DailyDetail, ...],
        statuses=(404,),
        slow=True,
    ),
    Route(
        method="POST",
        path="/v1/targets/plan",
        handler=plan,
        summary="What a rebalance to given scores would do now; nothing is sent",
        about="Without scores: to the newest ones of the desk's model. Sizes are those of [targets].",
        tag="account",
        role="read",
        need="look",
        body=TargetScores,
        optional=True,
        most_body=MOST_SCORES,
        reply=ScoredPlan,
        statuses=(409,),
        slow=True,
    ),
    Route(
        method="GET",
        path="/v1/history",
        handler=history,
        summary="How far stored bars are loaded, and of which symbols they could not be",
        tag="market",
        role="read",
        need="look",
        reply=HistoryRow,
    ),
    Route(
        method="POST",
        path="/v1/history/load",
        handler=load_history,
        summary="Load what is missing of the stored bars now, not within the next minute",
        tag="market",
        role="trade",
        need="control",
        reply=Reply,
    ),
)
