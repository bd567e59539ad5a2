"""An exchange touches nothing else: with a model that says the same, the desk does what it would have."""

from __future__ import annotations

import pytest

from engine.events import OrderEvent
from tests.wiring.scripted_model import Floor, Scripted, by_feature

FIRST, SECOND, SHADOW = "a" * 12, "b" * 12, "d" * 12
RULES = ("opportunities.min_confidence=0.01", "opportunities.min_score=0.01", "models.every_bars=2")
TARGETS = ("targets.enabled=true", "targets.every_bars=4", "targets.longs=2", "targets.shorts=1")


def story(exchanged: bool, *rules: str) -> list[str]:
    """All that was written, as if of one version."""
    floor = Floor(*RULES, *rules)
    floor.scoring.set_active(Scripted(FIRST, by_feature))
    for second in range(150):
        floor.run(1)
        if not exchanged or second % 7:
            continue
        if second % 2:
            floor.scoring.set_active(Scripted((FIRST, SECOND)[second % 4 == 1], by_feature))
        else:
            floor.scoring.set_shadow(Scripted(SHADOW, lambda rows: -by_feature(rows)))
    orders = [one for one in floor.bench.journal if isinstance(one, OrderEvent)]
    assert orders, "else nothing is shown"
    written = [repr(one) for one in (*floor.bench.journal, *floor.bench.records)]
    assert exchanged == any(SECOND in line for line in written) and not any(
        SHADOW in line for line in written
    )
    return [line.replace(SECOND, FIRST) for line in written]


@pytest.mark.parametrize("rules", [(), TARGETS])
def test_positions_targets_cooldowns_and_strategies_stay_as_they_are(rules: tuple[str, ...]) -> None:
    assert story(True, *rules) == story(False, *rules)
