"""The shipped model: there at a first start, renewed by a later release, never against the user's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.models import builtin
from engine.models.artefact import Artefact
from engine.models.registry import Registry
from tests.models.conftest import reseal, written
from tests.models.old_registry import FIRST_SHIPPED, old_registry

YEAR_NS = 365 * 86_400 * 1_000_000_000
OWN = "0123456789ab"


def active(registry: Registry) -> str:
    entry = registry.active("model")
    return "" if entry is None else entry.version


def release(shipped: Artefact, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> str:
    """Let another model be the shipped one."""
    made = reseal(shipped, seed=90_000 + number)
    monkeypatch.setattr(builtin, "PATH", written(made, folder / f"release-{number}"))
    return made.manifest.version


def test_it_is_put_into_an_empty_registry_once(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert builtin.ensure_builtin(registry) and not builtin.ensure_builtin(registry)
    entry = registry.active("model")
    assert entry is not None and entry.status == "active"
    assert {event.who for event in registry.history(entry.version)} == {builtin.WHO}
    registry.deactivate("model")
    assert not builtin.ensure_builtin(registry) and not active(registry)
    assert sum(path.stat().st_size for path in builtin.PATH.glob("*.*")) < 250_000


def test_a_later_release_takes_the_place_of_an_earlier_one(
    shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    builtin.ensure_builtin(registry)
    for number in (1, 2):
        newest = release(shipped, tmp_path, monkeypatch, number)
        assert builtin.ensure_builtin(registry) and active(registry) == newest
        assert not builtin.ensure_builtin(registry)
    assert registry.rollback("model").version == registry.list()[1].version, "a person may go back"
    assert not builtin.ensure_builtin(registry)


def test_it_never_takes_the_place_of_the_users_own(
    shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    builtin.ensure_builtin(registry)
    own = registry.register(written(reseal(shipped, seed=5), tmp_path / "own")).version
    registry.activate(own)
    newest = release(shipped, tmp_path, monkeypatch, 1)
    assert builtin.ensure_builtin(registry) and active(registry) == own
    assert registry.get(newest).status == "inactive"
    registry.deactivate("model")
    release(shipped, tmp_path, monkeypatch, 2)
    assert builtin.ensure_builtin(registry) and not active(registry), "switched off is switched off"


def test_what_was_pruned_does_not_come_back(
    shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    builtin.ensure_builtin(registry)
    own = registry.register(written(reseal(shipped, seed=5), tmp_path / "own"), now_ns=1).version
    newest = release(shipped, tmp_path, monkeypatch, 1)
    builtin.ensure_builtin(registry)
    registry.activate(own)
    assert newest not in {entry.version for entry in registry.prune(0)}, "the last good one stays"
    registry.deactivate("model", bad=True)
    registry.activate(own)
    registry.set_shadow(None)
    second = release(shipped, tmp_path, monkeypatch, 2)
    builtin.ensure_builtin(registry)
    assert second in {entry.version for entry in registry.prune(0)}
    assert not builtin.ensure_builtin(registry)


@pytest.mark.parametrize(
    ("activated", "listed"),
    [((FIRST_SHIPPED,), ()), ((FIRST_SHIPPED, OWN), ()), ((OWN,), ()), ((OWN,), (FIRST_SHIPPED,))],
)
def test_models_of_the_first_format_are_replaced(
    shipped: Artefact, tmp_path: Path, activated: tuple[str, ...], listed: tuple[str, ...]
) -> None:
    """No desk of now can load them, whoever made them."""
    old_registry(tmp_path, shipped, *activated, listed=listed)
    registry = Registry(tmp_path)
    assert active(registry) == activated[-1]
    assert builtin.ensure_builtin(registry)
    assert active(registry) == shipped.manifest.version
    assert registry.last_good("model") is None, "nothing to go back to that could be loaded"


def test_its_age_counts_from_when_it_was_taken_in_and_that_of_others_from_when_they_were_made(
    tmp_path: Path,
) -> None:
    registry = Registry(tmp_path)
    taken = registry.register(builtin.PATH)
    late = msgspec.structs.replace(taken, registered_ns=taken.created_ns + YEAR_NS)
    assert builtin.dated_ns(late) == taken.created_ns + YEAR_NS
    early = msgspec.structs.replace(taken, registered_ns=taken.created_ns - YEAR_NS)
    assert builtin.dated_ns(early) == taken.created_ns, "a clock that was wrong makes nothing older"
    assert builtin.dated_ns(msgspec.structs.replace(late, version="0" * 12)) == taken.created_ns
