"""The desk's training run: one at a time, told as it goes, and what becomes of its model."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.api.model_protocol import TrainingOrder
from engine.config import Config, load
from engine.errors import ModelError
from engine.models import artefact, builtin
from engine.models.artefact import Artefact
from engine.wiring.take_up import SCHEDULE
from engine.wiring.training_process import TrainingProcess
from engine.wiring.training_run import TrainingRun
from tests.wiring.trained import Slot, registered

NOW_NS = 1_700_000_000_000_000_000
CONFIG = load(environ={})
SLEEP = 'print(\'{"share": 0.25, "text": "features"}\', flush=True); import time; time.sleep(300)'


class Desk:
    """A run of a script in place of the training."""

    def __init__(self, state_dir: Path, script: str = SLEEP, config: Config = CONFIG) -> None:
        self.slot = Slot(state_dir)
        self.alerts: list[tuple[str, str]] = []
        self.now_ns = NOW_NS
        self.run = TrainingRun(
            config,
            state_dir,
            self.slot,
            clock=lambda: self.now_ns,
            alert=lambda level, source, text: self.alerts.append((level, text)),
            spawn=lambda work: asyncio.get_running_loop().create_task(work),
            command=(sys.executable, "-c", script),
            grace_s=0.3,
        )

    async def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30.0
        while not holds():
            assert time.monotonic() < deadline, self.run.row
            await asyncio.sleep(0.01)

    async def ended(self) -> None:
        await self.until(lambda: not self.run.running)


def said(version: str) -> str:
    return f'print(\'{{"version": "{version}", "then": "registered", "text": "x"}}\')'


@pytest.fixture(scope="module")
def shipped() -> Artefact:
    return artefact.read(builtin.PATH)


async def test_a_scheduled_run_that_gave_it_before_changes_nothing(shipped: Artefact, tmp_path: Path) -> None:
    version = shipped.manifest.version
    desk = Desk(tmp_path, said(version))
    registered(desk.slot, shipped, tmp_path)
    desk.run.start(TrainingOrder(then="shadow"), SCHEDULE)
    await desk.ended()
    assert "gave it before, so nothing changes" in desk.run.row.text and not desk.slot.asked
    desk.run.start(TrainingOrder(then="shadow"), "anna")
    await desk.ended()
    assert desk.slot.asked == [("shadow", version, "anna", "trained")], "a person is obeyed"


async def test_a_run_is_told_from_its_start_to_its_model(shipped: Artefact, tmp_path: Path) -> None:
    version = shipped.manifest.version
    desk = Desk(
        tmp_path,
        "import json, pathlib, sys, time\n"
        "given = json.loads(sys.stdin.read())\n"
        "pathlib.Path(sys.argv[2], 'told').write_text(json.dumps([sys.argv[1:], given]))\n"
        'print(\'{"share": 0.5, "text": "fold 2 of 4"}\', flush=True)\n'
        "while not pathlib.Path(sys.argv[2], 'go').exists(): time.sleep(0.01)\n" + said(version),
        load(overrides=["cache.redis_url=redis://me:secret@host"], environ={}),
    )
    assert desk.run.row.state == "none" and not desk.run.running
    registered(desk.slot, shipped, tmp_path)
    order = TrainingOrder(symbols=("kraken:BTC/USD", "A"), bar_s=60.0, horizon=5, seed=3, model="/x/my.py")
    order = msgspec.structs.replace(order, folds=6, window="rolling", purge=30, embargo=0)
    desk.run.start(order, "anna")
    assert (desk.run.row.state, desk.run.row.who, desk.run.row.started_ns) == ("running", "anna", NOW_NS)
    await desk.until(lambda: desk.run.row.share == 0.5)
    assert desk.run.row.text == "fold 2 of 4"
    with pytest.raises(ModelError, match="a training run is at work"):
        desk.run.start(TrainingOrder(), "bert")
    desk.now_ns += 5
    (tmp_path / "go").touch()
    await desk.ended()
    row = desk.run.row
    assert (row.state, row.share, row.version, row.ended_ns) == ("done", 1.0, version, NOW_NS + 5)
    assert row.text == f"model {version} is trained ({shipped.manifest.metric}) and registered"
    assert desk.alerts == [("info", row.text)] and not desk.slot.asked
    options, config = msgspec.json.decode((tmp_path / "told").read_bytes())
    assert options == [
        *("--state-dir", str(tmp_path), "--config", "-", "--progress", "json", "--who=anna"),
        *("--then=register", "--bars=60.0", "--horizon=5", "--seed=3"),
        *("--folds=6", "--window=rolling", "--purge=30", "--embargo=0", "--model=/x/my.py"),
        *("--symbols", "kraken:BTC/USD", "A"),
    ]
    assert msgspec.convert(config, Config).features == CONFIG.features and "secret" not in str(config)


async def test_a_canceled_run_has_ended_and_the_next_may_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(ModelError, match="no training run is at work"):
        await desk.run.cancel("anna")
    desk.run.start(TrainingOrder(), "anna")
    assert "canceled" in await desk.run.cancel("bert")  # before its process is there
    assert (desk.run.row.state, desk.run.row.text) == ("canceled", "canceled by bert")
    desk.run.start(TrainingOrder(), "anna")
    await desk.until(lambda: desk.run.row.share == 0.25)
    await desk.run.cancel("bert")
    assert desk.run.row.state == "canceled" and not desk.run.running
    assert desk.alerts == [("info", "canceled by bert")] * 2


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('print(\'{"error": "too little data"}\'); raise SystemExit(1)', "too little data"),
        ("raise RuntimeError('odd')", "RuntimeError: odd"),
    ],
)
async def test_a_failed_run_says_why_on_the_desk(tmp_path: Path, script: str, says: str) -> None:
    desk = Desk(tmp_path, script)
    desk.run.start(TrainingOrder(then="activate"), "anna")
    await desk.ended()
    assert desk.run.row.state == "failed" and says in desk.run.row.text
    assert desk.alerts == [("error", f"no model was trained: {desk.run.row.text}")]


async def test_what_cannot_be_taken_up_stays_registered(shipped: Artefact, tmp_path: Path) -> None:
    desk = Desk(tmp_path, said(shipped.manifest.version))
    registered(desk.slot, shipped, tmp_path)
    desk.slot.refusal = "the desk's bars are others"
    desk.run.start(TrainingOrder(then="shadow"), "anna")
    await desk.ended()
    assert desk.run.row.state == "done"
    (alert,) = desk.alerts
    assert alert[0] == "warning" and "registered, and no more: the desk's bars are others" in alert[1]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (TrainingOrder(symbols=("--mlflow", "http://elsewhere")), "is no symbol"),
        (TrainingOrder(symbols=("BTC-USD\0",)), "is no symbol"),
        (TrainingOrder(model="/x/my\0.py"), "is no name of a file"),
        (TrainingOrder(model="~nobody_of_that_name/my.py"), "nobody here is called so"),
    ],
)
async def test_what_no_command_line_can_hold_starts_nothing(
    tmp_path: Path, order: TrainingOrder, says: str
) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(ModelError, match=says):
        desk.run.start(order, "anna")
    assert not desk.run.running and desk.run.row.state == "none"


async def test_a_bug_does_not_look_like_a_run_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(process: TrainingProcess) -> str:
        raise ValueError("odd")

    monkeypatch.setattr(TrainingProcess, "run", broken)
    desk = Desk(tmp_path)
    desk.run.start(TrainingOrder(), "anna")
    await desk.ended()
    assert (desk.run.row.state, desk.run.row.text) == ("failed", "internal error (ValueError)")
    assert desk.alerts and desk.alerts[0][0] == "error"
