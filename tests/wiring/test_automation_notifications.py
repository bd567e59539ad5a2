"""Notifications of automations beyond the desk: delivered, or told without their address."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.wiring.hook import serving
from tests.wiring.running_automations import NOTIFY, Running


async def test_apprise_delivers(database: Path) -> None:
    pytest.importorskip("apprise", reason="tickdesk[notify] is not installed")
    async with serving() as hook:
        environ = {"NOTIFY": hook.url.replace("http://", "json://")}
        async with Running(database, environ=environ) as running:
            await running.put("one", {**NOTIFY, "urls": ["env:NOTIFY"], "level": "error"})
            running.signal(at_s=1)
            assert (await running.ended(1)).error == ""
            ((_, body),) = hook.calls
            assert body["title"] == "tickdesk: one" and body["message"].endswith("up it goes")
            assert body["type"] == "failure"
            hook.answers = [500]
            running.signal(at_s=2)
            assert "not delivered" in (await running.ended(2)).error
            await running.put("one", {**NOTIFY, "urls": ["nonsense"]})
            running.signal(at_s=3)
            assert "urls[0] is no address" in (await running.ended(3)).error


async def test_apprise_logs_no_address(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("apprise")
    environ = {"NOTIFY": "hunter2"}
    async with Running(database, environ=environ) as running:
        await running.put("one", {**NOTIFY, "urls": ["env:NOTIFY"]})
        running.signal()
        row = await running.ended(1)
        assert "urls[0] is no address that Apprise knows" in row.error
        assert "hunter2" not in row.error + caplog.text


async def test_without_apprise(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    async with Running(database) as running:
        await running.put("one", {**NOTIFY, "urls": ["json://localhost"]})
        running.signal()
        assert "pip install 'tickdesk[notify]'" in (await running.ended(1)).error
