"""Performance, notifications and the daily report of a real engine process, over a kill and a restart."""

from __future__ import annotations

import http.server
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.trading_protocol import EquityCurve, Performance
from engine.events import NS
from engine.store.read import DATABASE
from engine.store.rows import EquityPoint
from engine.store.store import Store
from tests.e2e.engine import RunningEngine, options, refused, run

SECRET = "hunter2"


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A service that takes notifications: its address, and what came."""
    told: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"json://user:{SECRET}@127.0.0.1:{server.server_address[1]}/", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(holds: Callable[[], object], timeout: float = 40.0) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_session_is_told_reported_and_remembered(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="tickdesk[notify] is not installed")
    where = tmp_path / "state"
    where.mkdir(mode=0o700)
    yesterday_ns = time.time_ns() - 86_400 * NS
    store = Store(where / DATABASE)
    store.start()
    store.behind(EquityPoint(yesterday_ns, "100000", "100000", "0"))
    assert store.close()
    with listening() as (address, told):
        urls = tmp_path / "urls"
        urls.write_text(address)
        urls.chmod(0o600)
        eager = options(
            notify__enabled="true",
            notify__url_file=f'"{urls}"',
            performance__every_s=1,
            simulated__history_s=120,
            opportunities__min_score=0.1,
            opportunities__min_confidence=0.1,
        )
        with RunningEngine(where, *eager) as engine:
            until(lambda: any(one["title"].startswith("tickdesk: daily report") for one in told))
            (page,) = (where / "reports").glob("*.html")
            assert page.read_text().startswith("<!DOCTYPE html>")
            until(lambda: any("fill" in one["title"] for one in told))
            until(lambda: len(performance(where).rows) > 1)
            assert ask(where, "POST", "/v1/risk", dict, body=b'{"state":"halted","reason":"enough"}')["ok"]
            until(lambda: any("ACTIVE → HALTED" in one["message"] for one in told), 10)
            before = performance(where)
            engine.signal(signal.SIGKILL)
            engine.wait()
        written = page.stat().st_mtime_ns
        with RunningEngine(where, *eager):
            after = performance(where)
            assert after.since_ns == before.since_ns == yesterday_ns
            assert [(row.kind, row.name) for row in after.rows] == [
                (row.kind, row.name) for row in before.rows
            ]
            trades = {row.name: row.trades for row in before.rows if row.kind == "desk"}
            assert {row.name: row.trades for row in after.rows if row.kind == "desk"} == trades
            curve = ask(where, "GET", "/v1/equity?points=20", EquityCurve)
            assert len(curve.ns) == 20 and curve.ns[0] == yesterday_ns
            shown = run("report", "--state-dir", str(where), "--format", "json")
            assert shown.returncode == 0
            assert json.loads(shown.stdout)["states"][0]["text"].endswith("enough")
        assert page.stat().st_mtime_ns == written
    logged = (where / "engine.log").read_text()
    assert SECRET not in logged and str(urls) not in logged


def test_an_engine_that_could_tell_nobody_does_not_start(tmp_path: Path) -> None:
    said = refused(
        *("--no-ui", "--state-dir", str(tmp_path / "state")), *options(notify__enabled="true"), code=2
    )
    assert "notify.enabled needs addresses: set TICKDESK_NOTIFY_URLS" in said


def performance(where: Path) -> Performance:
    return ask(where, "GET", "/v1/performance", Performance)
