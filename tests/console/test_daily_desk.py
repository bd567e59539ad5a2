"""The engine of a daily run: its own ends with it, somebody else's does not, and none enters too early."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console import engine_process
from console.cli import daily, daily_desk
from console.cli.daily_desk import DeskHere
from engine.api.protocol import Health, Reply
from engine.errors import EngineBusyError, LinkError, NoEngineError, StoreError
from engine.store.daily import StoredRun
from engine.wiring import daily_run
from engine.wiring.daily_context import Context
from tests.console import sample_desk as sample

OURS, THEIRS = 11, 22


class Engine:
    """Stands for whatever listens in the state directory."""

    def __init__(self) -> None:
        self.pid = 0
        self.fail = 0
        self.warming = 0
        self.state = "active"
        self.asked: list[str] = []

    def answers(self, where: Path) -> bool:
        return bool(self.pid)

    def ask(self, where: Path, method: str, path: str, reply: Any, **more: Any) -> Any:
        self.asked.append(f"{method} {path}")
        if not self.pid:
            raise NoEngineError("no engine runs")
        if path == "/v1/health":
            self.warming -= 1
            phase = "warming up" if self.warming >= 0 else "running"
            status = msgspec.structs.replace(sample.full_frame().status, phase=phase, risk_state=self.state)
            return Health(True, 1, self.pid, status, ())
        if path == "/v1/risk":
            self.fail -= 1
            if self.fail >= 0:
                return Reply(False, "the disk is full")
            self.state = "reducing"
        if path == "/v1/snapshot":
            return sample.full_frame()
        return Reply(True, "done")


class Process:
    pid = OURS

    def __init__(self) -> None:
        self.ended = False

    def wait_ready(self, note: Callable[[str], None], timeout_s: float) -> None: ...

    def end(self, timeout_s: float = 1.0) -> None:
        self.ended = True


class Clock:
    def __init__(self, now: list[float]) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now[0]

    def sleep(self, seconds: float) -> None:
        self._now[0] += seconds


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()

    def start(*args: Any, **more: Any) -> Process:
        made.pid = OURS
        return Process()

    monkeypatch.setattr(daily_desk, "ask", made.ask)
    monkeypatch.setattr(daily_desk, "answers", made.answers)
    monkeypatch.setattr(engine_process, "start_engine", start)
    return made


def desk(where: Path, hold: str = "") -> DeskHere:
    arguments = argparse.Namespace(config=None, overrides=[])
    return DeskHere(arguments, where, (), lambda text: None, hold)


def test_its_own_engine_is_stopped_with_it(tmp_path: Path, engine: Engine) -> None:
    here = desk(tmp_path)
    assert here.ask("GET", "/v1/anything", Reply).ok and here.own
    here.close()
    assert engine.asked[-1] == "POST /v1/stop"


@pytest.mark.parametrize("noticed", [False, True])
def test_an_engine_that_somebody_else_has_started_since_goes_on(
    tmp_path: Path, engine: Engine, noticed: bool
) -> None:
    here = desk(tmp_path)
    here.ask("GET", "/v1/anything", Reply)
    if noticed:
        engine.pid = 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_process, "start_engine", lambda *args, **more: pytest.fail("started"))
            engine.pid = THEIRS
            here._ready = False
            here.ask("GET", "/v1/anything", Reply)
        assert not here.own
    engine.pid = THEIRS
    here.close()
    assert "POST /v1/stop" not in engine.asked


def test_its_own_engine_is_asked_until_it_does_not_enter(tmp_path: Path, engine: Engine) -> None:
    engine.fail = 2
    here = desk(tmp_path, "it is being prepared")
    here.ask("GET", "/v1/anything", Reply)
    assert engine.state == "reducing" and engine.asked.count("POST /v1/risk") == 3


@pytest.mark.parametrize(("busy_s", "outlasted"), [(200, True), (400, False)])
def test_the_engine_of_a_killed_run_is_outlasted_while_it_compiles(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, busy_s: float, outlasted: bool
) -> None:
    now = [0.0]
    start = engine_process.start_engine

    def busy(*args: Any, **more: Any) -> Any:
        if now[0] < busy_s:
            raise EngineBusyError("another engine (pid 7) is here")
        return start(*args, **more)

    monkeypatch.setattr(engine_process, "start_engine", busy)
    monkeypatch.setattr(daily_desk, "time", Clock(now))
    if outlasted:
        assert desk(tmp_path).ask("GET", "/v1/anything", Reply).ok
    else:
        with pytest.raises(LinkError, match=r"another engine \(pid 7\) is here, for 300 s"):
            desk(tmp_path).ask("GET", "/v1/anything", Reply)


def test_an_engine_that_compiled_for_long_may_warm_up_all_the_same(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    start = engine_process.start_engine

    def slow(*args: Any, **more: Any) -> Any:
        now[0] += 100.0
        return start(*args, **more)

    monkeypatch.setattr(engine_process, "start_engine", slow)
    monkeypatch.setattr(daily_desk, "time", Clock(now))
    engine.warming = 5
    assert desk(tmp_path).ask("GET", "/v1/anything", Reply).ok


def test_positions_that_cannot_be_asked_for_do_not_fail_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Gone:
        def look(self, *args: Any) -> None:
            raise LinkError("the engine hung up")

    daily._warn_of_positions(Gone())  # type: ignore[arg-type]
    assert "which positions stay open is not known: the engine hung up" in capsys.readouterr().err


@pytest.mark.parametrize("end", [StoreError("the disk is full"), KeyboardInterrupt()])
def test_a_run_that_is_cut_off_tells_of_the_positions_it_leaves(
    end: BaseException,
    tmp_path: Path,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def cut_off(context: Context) -> bool:
        context.desk.ask("GET", "/v1/anything", Reply)
        raise end

    monkeypatch.setattr(daily_run, "run_steps", cut_off)
    arguments = argparse.Namespace(
        config=None, overrides=[], state_dir=str(tmp_path), again="", dry_run=False, json=False
    )
    with pytest.raises(type(end)):
        daily.start(arguments, "daily", ())
    held = sum(row.quantity not in ("", "0") for row in sample.full_frame().positions)
    assert held and f"{held} positions stay open, and no engine watches" in capsys.readouterr().err
    assert engine.asked[-1] == "POST /v1/stop"


@pytest.mark.parametrize(
    ("kind", "dry", "held"), [("paper-run", False, True), ("paper-run", True, False), ("daily", False, False)]
)
def test_a_dry_run_leaves_the_trading_state(kind: str, dry: bool, held: bool) -> None:
    run = StoredRun(1, "2026-11-20", kind, "paper", dry, "{}", "running", "", 0, 0)
    assert bool(daily.hold_of(run)) is held
