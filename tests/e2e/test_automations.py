"""Automations of a real engine: put over the link, started by a strategy's signal, heard by a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from console.cli.client import ask
from engine.api.protocol import AutomationRow, SignalStatistics
from engine.events import Alert
from engine.store.read import Reader
from tests.e2e.engine import RunningEngine, call, options, refused, run

STRATEGY = '''
from engine.strategies.base import Strategy


class Metronome(Strategy):
    """Says the same at every bar."""

    name = "metronome"
    description = "speaks at every bar"

    def on_bar(self, row):
        return self.signal(row.symbol, row.ns, 0.9, 0.8, "tick tock")
'''


def soon(holds: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("never came")


def test_from_a_signal_to_a_webhook(tmp_path: Path, hook: ThreadingHTTPServer) -> None:
    calls: list[tuple[str, dict[str, Any]]] = hook.calls  # type: ignore[attr-defined]
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "metronome.py").write_text(STRATEGY, encoding="utf-8")
    file = tmp_path / "hook.toml"
    file.write_text(
        f"""
[trigger]
type = "signal"
sources = ["metronome"]
min_score = 0.5

[[steps]]
type = "webhook"
url = "http://127.0.0.1:{hook.server_port}/"
text = "{{symbol}} {{side}} {{score}}: {{reason}}"

[[steps]]
type = "notify"
text = "heard of {{symbol}}"
""",
        encoding="utf-8",
    )
    state = tmp_path / "state"
    where = ("--state-dir", str(state))
    settings = options(strategies_dir=folder, simulated__history_s=60)
    engine = RunningEngine(state, *settings)
    with engine:
        assert "no automations" in call("automations", *where).stdout
        done = call("automations", "put", str(file), *where)
        assert done.returncode == 0, done.stderr
        assert done.stdout == (
            "hook on: signal of metronome |score| ≥ 0.5 on all symbols → call webhook, notify\n"
        )
        soon(lambda: calls)
        key, body = calls[0]
        assert body["automation"] == "hook" and key == f"{body['run_id']}-1"
        assert body["signal"]["source"] == "metronome" and body["signal"]["reason"] == "tick tock"
        assert body["text"] == f"{body['signal']['symbol']} buy +0.90: tick tock"
        (statistics,) = [
            row
            for row in ask(state, "GET", "/v1/automations/statistics", tuple[SignalStatistics, ...])
            if row.signal == "metronome"
        ]
        assert 0 < statistics.started <= statistics.matched <= statistics.seen
        assert statistics.latency_p50_us is not None and 0 < statistics.latency_p50_us < 5e6
        reader = Reader(state / "tickdesk.db")
        (row,) = soon(lambda: [row for row in engine.state().automations if row.succeeded])
        assert (row.name, row.active, row.failed, row.error) == ("hook", True, 0, "")
        alerts = [event for _, event in reader.events_since(0) if isinstance(event, Alert)]
        assert ("automation:hook", "heard of " + body["signal"]["symbol"]) in {
            (alert.source, alert.text) for alert in alerts
        }

        assert call("automations", "off", "hook", *where).stdout == "hook off\n"
        heard = json.loads(call("automations", "show", "hook", *where).stdout)
        assert heard["active"] is False and heard["trigger"]["sources"] == ["metronome"]
        runs = reader.automation_runs()
        reader.close()
        assert {run.state for run in runs} <= {"succeeded", "started"} and key[:24] in {
            run.run_id for run in runs
        }
        assert "metronome" in call("automations", "statistics", *where).stdout
        error = refused("automations", "show", "nothing", *where, code=1, by=call)
        assert "unknown automation nothing" in error
        assert run("stop", *where).returncode == 0
        assert engine.wait() == 0

    assert len({key for key, _ in calls}) == len(calls), "no run called twice"
    with RunningEngine(state, *settings):
        (row,) = ask(state, "GET", "/v1/automations", tuple[AutomationRow, ...])
        assert row.name == "hook" and not row.active and row.last_ns > 0
        assert call("automations", "remove", "hook", *where).stdout == "hook removed\n"
        assert json.loads(call("automations", "list", "--json", *where).stdout) == []


def test_files_that_are_refused_before_they_are_sent(tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "state"))
    file = tmp_path / "wrong.toml"
    assert "say which file" in refused("automations", "put", *where, code=1, by=call)
    assert "cannot read" in refused("automations", "put", str(file), *where, code=1, by=call)
    file.write_text("[trigger\n", encoding="utf-8")
    assert "wrong.toml" in refused("automations", "put", str(file), *where, code=1, by=call)
    file.write_text('steps = []\n[trigger]\ntype = "signal"\n', encoding="utf-8")
    assert "automation wrong: steps" in refused("automations", "put", str(file), *where, code=1, by=call)
    assert "automation other: steps" in refused(
        "automations", "put", "other", str(file), *where, code=1, by=call
    )
    assert "say which" in refused("automations", "off", *where, code=1, by=call)
