"""A dry run's own engine sends nothing: no exit, no automation, no message, whatever is due."""

from __future__ import annotations

from http.server import ThreadingHTTPServer
from pathlib import Path

from engine.api.protocol import StateFrame
from engine.events import Fill, OrderEvent
from engine.store.read import Reader
from tests.e2e.engine import RunningEngine, options, run
from tests.e2e.test_automations import STRATEGY, soon

AUTOMATION = """
[trigger]
type = "signal"
sources = ["metronome"]
min_score = 0.5
cooldown_s = 1

[[steps]]
type = "webhook"
url = "{url}"

[[steps]]
type = "order"
side = "signal"
symbol = "sim:ETH-USD"
notional = 100
"""


def journaled(state: Path) -> list[object]:
    reader = Reader(state / "tickdesk.db")
    try:
        return [event for _, event in reader.events_since(0) if isinstance(event, (Fill, OrderEvent))]
    finally:
        reader.close()


def held(state: StateFrame) -> set[str]:
    return {position.symbol for position in state.positions if float(position.quantity)}


def test_a_dry_run_of_an_own_engine_sends_nothing_though_all_is_due(
    tmp_path: Path, hook: ThreadingHTTPServer
) -> None:
    calls: list[object] = hook.calls  # type: ignore[attr-defined]
    folder, state, file = tmp_path / "strategies", tmp_path / "state", tmp_path / "due.toml"
    folder.mkdir()
    (folder / "metronome.py").write_text(STRATEGY, encoding="utf-8")
    file.write_text(AUTOMATION.format(url=f"http://127.0.0.1:{hook.server_port}/"), encoding="utf-8")
    where = ("--state-dir", str(state))
    settings = options(strategies_dir=folder, simulated__history_s=60, opportunities__min_score=1)
    due = options(exits__max_holding_s=1, daily__sessions='["mon-sun 00:00-24:00"]')
    with RunningEngine(state, *settings) as engine:
        assert run("order", "buy", "sim:BTC-USD", "--equity-pct", "2", "--yes", *where).returncode == 0
        assert run("automations", "put", str(file), *where).returncode == 0
        soon(lambda: calls and "sim:ETH-USD" in held(engine.state()))
        assert run("stop", *where).returncode == 0 and engine.wait() == 0
    before, called = journaled(state), len(calls)

    told = run(
        *("daily", "--dry-run", *where, *settings, *due, *options(notify__enabled=True)),
        TICKDESK_NOTIFY_URLS=f"json://127.0.0.1:{hook.server_port}/",
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    assert "no engine runs: one is started for this run, and only watches" in told.stderr
    assert len(calls) == called, "a webhook was called, or a message sent"
    assert journaled(state) == before, "an order left"

    with RunningEngine(state, *settings, *due) as engine:  # all of it was due
        soon(lambda: len(calls) > called and "sim:BTC-USD" not in held(engine.state()))
