"""The engine as a service manager and an operator have it: told of its life, asked for its metrics, and ended
in time, whatever does not answer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector
from prometheus_client.parser import text_string_to_metric_families

from engine.api.address import socket_path
from engine.ops.exposition import CONTENT_TYPE
from engine.wiring.end_signals import SAME_S
from engine.wiring.shutdown import GRACE_S
from tests.e2e.engine import RunningEngine, options
from tests.e2e.test_broker import Desk, connected, engine_on, mid
from tests.execution.alpaca_server import AlpacaServer
from tests.notify_server import NotifyServer

SHUTDOWN_S = 2.5


async def scraped(state_dir: Path) -> tuple[str, str]:
    """(content type, page)"""
    connector = UnixConnector(str(socket_path(state_dir)))
    async with ClientSession(connector=connector) as session, session.get("http://engine/metrics") as answer:
        return answer.headers["Content-Type"], await answer.text()


def log_of(engine: RunningEngine) -> str:
    return engine.stderr.read_text()


async def said(engine: RunningEngine, text: str, times: int) -> None:
    """Until the engine's log has it so often."""
    async with asyncio.timeout(20):
        while log_of(engine).count(text) < times:
            await asyncio.sleep(0.005)


def test_a_service_from_ready_to_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with NotifyServer() as server:
        monkeypatch.setenv("NOTIFY_SOCKET", server.address)
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        settings = options(simulated__history_s=60, logging__format="json")
        with RunningEngine(tmp_path / "state", *settings) as engine:
            assert engine.process is not None
            for line in ("READY=1", "STATUS=running, ACTIVE", "WATCHDOG=1"):
                server.wait_for(line, more=0 if server.count(line) else 1)
            engine.wait_for(lambda health: any(feed.state == "up" for feed in health.feeds))
            content_type, page = asyncio.run(scraped(engine.state_dir))
            # Its loop does nothing any more: nor is the manager told that it lives.
            engine.signal(signal.SIGSTOP)
            server.read()
            alive = server.count("WATCHDOG=1")
            time.sleep(0.7)
            assert server.count("WATCHDOG=1") <= alive
            engine.signal(signal.SIGCONT)
            server.wait_for("WATCHDOG=1")
            engine.signal(signal.SIGTERM)
            assert engine.wait() == 0
            server.read()
        assert f"MAINPID={engine.process.pid}" in next(lines for lines in server.said if "READY=1" in lines)
        assert server.count("STOPPING=1") == 1 and server.said[-1][0] == "STOPPING=1"
    assert content_type == CONTENT_TYPE
    found = {family.name: family for family in text_string_to_metric_families(page)}
    assert found["tickdesk_ticks"].samples and found["tickdesk_feed_up"].samples[0].value == 1
    assert found["tickdesk_scrape_failures"].samples[0].value == 0
    lines = [json.loads(line) for line in log_of(engine).splitlines()]
    steps = [line["fields"]["step"] for line in lines if line["text"] == "shutdown"]
    assert steps == [
        *("stop entries", "cancel", "drain brokers", "end brokers", "drain", "commit", "clients", "seal")
    ]
    assert all(line["fields"]["outcome"] == "done" for line in lines if line["text"] == "shutdown")
    assert lines[-1]["text"] == "stopped"


@pytest.mark.timeout(120)
async def test_a_broker_that_does_not_answer_holds_up_no_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "state")
    async with AlpacaServer() as server:
        short = options(engine__at_stop="cancel_entries", engine__shutdown_s=SHUTDOWN_S)
        engine = engine_on(tmp_path / "state", server, *short)
        try:
            await asyncio.to_thread(engine.start)
            await connected(server)
            price = await mid(engine)
            identity = await desk.buy("one", price - 100)
            await desk.until(lambda states: states[identity] == "accepted", "the order's acceptance")
            server.faults.cancel = ["hang"] * 50
            server.faults.read = ["hang"] * 50
            server.faults.deaf = True
            began = time.monotonic()
            engine.signal(signal.SIGTERM)
            assert await asyncio.to_thread(engine.wait) == 0
            assert time.monotonic() - began < SHUTDOWN_S + GRACE_S
            told = log_of(engine)
            assert "step=cancel outcome=late" in told and "1 cancels are not answered" in told
            assert 'step="stop entries" outcome=done' in told and "step=seal outcome=done" in told
            assert server.order(identity)["status"] == "canceled"  # it was asked all the same

            # The next start asks what became of it. A second signal does not wait for anything.
            server.faults.cancel, server.faults.read, server.faults.deaf = [], [], False
            await asyncio.to_thread(engine.start)
            await desk.until(lambda states: states[identity] == "canceled", "the news of its cancel")
            identity = await desk.buy("two", price - 100)
            await desk.until(lambda states: states[identity] == "accepted", "the second's acceptance")
            server.faults.cancel = ["hang"] * 50
            server.faults.read = ["hang"] * 50
            server.faults.deaf = True
            engine.signal(signal.SIGTERM)
            await said(engine, 'step="stop entries"', 2)
            await asyncio.sleep(SAME_S)  # before, it would be the first once more
            began = time.monotonic()
            engine.signal(signal.SIGTERM)
            assert await asyncio.to_thread(engine.wait) == -signal.SIGTERM
            assert time.monotonic() - began < 0.5
        finally:
            if engine.process is not None and engine.process.poll() is None:
                os.kill(engine.process.pid, signal.SIGKILL)
                engine.process.wait(10)
