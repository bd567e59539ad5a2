"""Daily runs are read, and bars and a plan of targets asked for."""

from __future__ import annotations

import json

import msgspec

from engine.api.daily_protocol import DailyDetail, DailyRow, HistoryRow, ScoredPlan
from tests.api import fake_daily
from tests.api.conftest import Serve


async def test_runs_and_the_day_of_one(serve: Serve) -> None:
    async with serve() as served:
        _, body = await served.request("GET", "/v1/daily?limit=5")
        assert msgspec.json.decode(body, type=tuple[DailyRow, ...]) == (fake_daily.RUN,)
        assert served.desk.asked[-1] == ("daily runs", 5)
        _, body = await served.request("GET", f"/v1/daily/{fake_daily.DAY}")
        (found,) = msgspec.json.decode(body, type=tuple[DailyDetail, ...])
        assert found.run == fake_daily.RUN and found.orders == (fake_daily.ORDER,)
        assert found.report == ("Net P&L: 12",)
        status, body = await served.request("GET", "/v1/daily/2026-11-19")
        assert status == 404 and "no daily run of 2026-11-19" in json.loads(body)["error"]
        status, body = await served.request("GET", "/v1/daily/today")
        assert status == 400 and "as in 2026-01-31" in json.loads(body)["error"]


async def test_a_plan_of_given_scores_and_of_the_desks_own(serve: Serve) -> None:
    async with serve() as served:
        _, body = await served.request("POST", "/v1/targets/plan", b'{"scores": {"sim:A": 0.02}}')
        assert msgspec.json.decode(body, type=ScoredPlan) == fake_daily.PLAN
        assert served.desk.asked[-1] == ("plan targets", {"sim:A": 0.02})
        await served.request("POST", "/v1/targets/plan")
        assert served.desk.asked[-1] == ("plan targets", {})
        for wrong in (b'{"scores": {"": 1}}', b'{"scores": {"a": 1e10}}', b'{"scores": {"a": null}}'):
            assert (await served.request("POST", "/v1/targets/plan", wrong))[0] == 400


async def test_bars_are_loaded_when_asked(serve: Serve) -> None:
    async with serve() as served:
        _, body = await served.request("GET", "/v1/history")
        row = msgspec.json.decode(body, type=HistoryRow)
        assert row.enabled and row.stored == 12 and row.faults == {"sim:A": "no source has it"}
        status, _ = await served.request("POST", "/v1/history/load")
        assert status == 200 and served.desk.asked[-1][0] == "load history"
