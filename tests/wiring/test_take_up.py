"""What becomes of a model that the desk trained: nothing better is replaced, nothing a person chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.features.alpha158 import schema_hash
from engine.models import artefact, builtin
from engine.models.artefact import Artefact
from engine.models.registry_history import DESK
from engine.wiring.take_up import SCHEDULE, take_up
from tests.wiring.trained import Slot, ranked, registered


@pytest.fixture(scope="module")
def shipped() -> Artefact:
    return artefact.read(builtin.PATH)


@pytest.mark.parametrize(
    ("then", "new", "old", "asked", "says"),
    [
        ("register", 0.05, 0.04, None, "and registered"),
        ("shadow", 0.05, 0.04, "shadow", "runs as shadow"),
        ("activate", 0.05, 0.04, "activate", "rank IC 0.050 [0.040, 0.060] lies above 0, and is not below"),
        ("activate", 0.04, 0.04, "activate", "and active"),
        ("activate", 0.03, 0.04, "shadow", "rank IC 0.030 [0.020, 0.040] is below that of"),
        ("activate", 0.005, None, "shadow", "not active: its validation shows no skill"),
        ("activate", 0.05, None, "activate", "and active"),
        ("activate", None, 0.04, "shadow", "not active: nobody knows how it was validated"),
    ],
)
async def test_active_becomes_only_what_is_not_worse(
    shipped: Artefact,
    tmp_path: Path,
    then: str,
    new: float | None,
    old: float | None,
    asked: str | None,
    says: str,
) -> None:
    slot = Slot(tmp_path)
    if old is not None:
        slot.registry.activate(registered(slot, ranked(shipped, old), tmp_path))
    version = registered(slot, ranked(shipped, new, seed=99), tmp_path)
    assert says in await take_up(slot, version, then, "anna")
    assert [(what, of) for what, of, *_ in slot.asked] == ([] if asked is None else [(asked, version)])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"horizon_bars": 3}, "other horizon (3 bars, not 20)"),
        ({"bar_interval_s": 0.5, "schema_hash": schema_hash(0.5)}, "other bars (0.5 s, not 1 s)"),
    ],
)
async def test_what_cannot_be_compared_runs_beside(
    shipped: Artefact, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    slot = Slot(tmp_path)
    slot.registry.activate(registered(slot, ranked(shipped, 0.04), tmp_path))
    version = registered(slot, ranked(shipped, 0.3, **changes), tmp_path)
    told = await take_up(slot, version, "activate", "anna")
    assert "cannot be compared" in told and says in told
    assert slot.asked[0][:2] == ("shadow", version)


async def test_the_active_model_trained_again_changes_nothing(shipped: Artefact, tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    version = registered(slot, shipped, tmp_path)
    slot.registry.activate(version)
    assert "active already" in await take_up(slot, version, "activate", "anna")
    assert not slot.asked


async def test_the_schedule_replaces_only_its_own_shadow(shipped: Artefact, tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    chosen, own, new = (registered(slot, ranked(shipped, 0.04, seed=seed), tmp_path) for seed in (1, 2, 3))
    slot.registry.set_shadow(chosen, who="anna")
    told = await take_up(slot, new, "shadow", SCHEDULE)
    assert f"not the shadow: {chosen} is, chosen by anna" in told and not slot.asked
    slot.registry.set_shadow(own, who=SCHEDULE)
    assert "runs as shadow" in await take_up(slot, new, "shadow", SCHEDULE)
    assert slot.asked == [("shadow", new, SCHEDULE, "trained")]


async def test_what_the_desk_went_back_from_comes_back_by_a_person_alone(
    shipped: Artefact, tmp_path: Path
) -> None:
    slot = Slot(tmp_path)
    first, bad = (registered(slot, ranked(shipped, 0.1, seed=seed), tmp_path) for seed in (1, 2))
    slot.registry.activate(first)
    slot.registry.activate(bad, who="anna")
    slot.registry.rollback("model", who=DESK, reason="one number for all", bad=True)
    told = await take_up(slot, bad, "shadow", SCHEDULE)
    assert "not the shadow: the desk went back from it" in told and not slot.asked
    assert "not active: the desk went back from it" in await take_up(slot, bad, "activate", "anna")
    assert [what for what, *_ in slot.asked] == ["shadow"]
    slot.registry.activate(bad, who="anna")
    slot.registry.activate(first, who="anna")
    assert "and active" in await take_up(slot, bad, "activate", "anna"), "a person has taken it again since"
