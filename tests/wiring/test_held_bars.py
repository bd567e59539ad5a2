"""A desk that goes back to a model of other bars finds them: live, and the same in a replay."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.config import load
from engine.events import NS
from engine.features.alpha158 import HISTORY
from engine.models import artefact, builtin
from engine.models.registry import Registry
from engine.wiring.replay import DATABASE, replay
from tests.models.conftest import written
from tests.models.other_bars import of_bars
from tests.models.user_artefacts import user_artefact
from tests.wiring.conftest import START_NS, quote, trade
from tests.wiring.scripted_model import Floor, Remote, Scripted
from tests.wiring.test_intake import A, B
from tests.wiring.test_live_equals_replay import recorded

RULES = ("models.rollback.strikes=1", "models.every_bars=1")


def test_the_bars_of_a_model_to_go_back_to_are_there_when_it_is_needed() -> None:
    floor = Floor(*RULES)
    floor.scoring.go_live(lambda: 0)
    other = Scripted("a" * 12, bar_interval_s=2.0)
    floor.scoring.fallback = lambda: other
    floor.scoring.set_active(Scripted("c" * 12))
    floor.scoring.hold(2.0)
    floor.run(2 * HISTORY)
    floor.scoring.set_active(Remote("d" * 12))
    floor.run(4)
    assert floor.scoring.active is other and other.asked, "from its first bar on"
    batch = floor.scoring.batch()
    assert batch is not None and batch.version == other.version
    floor.scoring.set_active(None)
    floor.scoring.hold()
    assert floor.desk.model_bars.wanted == ()


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    events = []
    for second in range(150):
        for n, symbol in enumerate((A, B)):
            for part in (0, 1):
                price = 100.0 + n + ((2 * second + part) * (7 + n) % 11) / 100
                at = second + 0.1 + part / 2
                events += [
                    quote(symbol, price - 0.01, price + 0.01, at),
                    trade(symbol, 2 * second + part + 1, price, 1.0 + second % 3, at),
                ]
    (tmp_path / "tape").mkdir()
    return recorded(tmp_path / "tape", 100, events)[1]


def test_a_replay_holds_them_too(tape: Path, tmp_path: Path) -> None:
    """The model at work breaks after 135 s; the one before is of bars of 2 s, of which 61 are 122 s."""
    registry = Registry(tmp_path / "state")
    slower = registry.register(written(of_bars(artefact.read(builtin.PATH), 2.0), tmp_path / "slower"))
    registry.activate(slower.version)
    lasts = 135 - HISTORY + 1
    body = f"def misbehave(self, rows):\n    if self.asked > {lasts} + 1: raise ValueError('tired')\n"
    broken = registry.register(user_artefact(tmp_path / "broken", body))
    registry.activate(broken.version)
    replay(load(overrides=list(RULES), environ={}), [tape], tmp_path / "state")
    with sqlite3.connect(tmp_path / "state" / DATABASE) as connection:
        said = connection.execute(
            "SELECT ns, reason FROM signals WHERE source = 'model' ORDER BY ns"
        ).fetchall()
    by = {version: [(ns - START_NS) // NS for ns, why in said if version in why] for version in
          (broken.version, slower.version)}  # fmt: skip
    assert max(by[broken.version]) == 135
    assert min(by[slower.version]) in (136, 137, 138), "at once, not after as many of its bars"
