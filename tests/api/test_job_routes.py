"""What is asked of jobs, and what is refused."""

from __future__ import annotations

import msgspec

from engine.api.protocol import JobRow
from tests.api import samples
from tests.api.conftest import Serve


async def test_jobs_are_listed_as_they_are_asked_for(serve: Serve) -> None:
    async with serve() as served:
        _, body = await served.request("GET", "/v1/jobs?state=running&name=one&limit=5")
        assert msgspec.json.decode(body, type=tuple[JobRow, ...]) == (samples.job(),)
        assert served.desk.asked[-1] == ("jobs", 5, "one", "running")
        await served.request("GET", "/v1/jobs")
        assert served.desk.asked[-1] == ("jobs", 100, "", "")


async def test_what_is_no_query_is_refused(serve: Serve) -> None:
    async with serve() as served:
        for query in ("state=lost", "limit=0", "limit=1001", "name=" + "n" * 65, "since=1"):
            status, body = await served.request("GET", f"/v1/jobs?{query}")
            assert status == 400 and msgspec.json.decode(body)["error"]
        assert not [asked for asked in served.desk.asked if asked[0] == "jobs"]
