"""The registry: one active model per strategy, whoever writes at the same time."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import ModelError
from engine.models import builtin
from engine.models.artefact import MODEL, Artefact
from engine.models.registry import Registry
from engine.models.registry_file import DATABASE
from engine.wiring.model_rows import detail
from tests.models.conftest import reseal, written
from tests.models.old_registry import FIRST_SHIPPED, old_registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def versions(registry: Registry, shipped: Artefact, tmp_path: Path, count: int) -> list[str]:
    return [
        registry.register(written(reseal(shipped, seed=1000 + i), tmp_path / f"new-{i}"), now_ns=i).version
        for i in range(count)
    ]


def test_register_takes_a_copy(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    entry = registry.register(builtin.PATH, now_ns=5)
    assert (entry.version, entry.status, entry.registered_ns) == (shipped.manifest.version, "inactive", 5)
    assert Path(entry.path) == tmp_path / "models" / entry.version
    assert (Path(entry.path) / MODEL).read_bytes() == shipped.model
    assert entry.metrics == shipped.manifest.metrics and entry.config["num_leaves"]
    assert registry.register(Path(entry.path), now_ns=9) == entry
    assert registry.active("model") is None
    assert msgspec.json.decode(msgspec.json.encode(registry.list()))[0]["version"] == entry.version


def test_activation_and_rollback(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    first, second, third = versions(registry, shipped, tmp_path, 3)
    for version in (first, second, third, third):
        assert registry.activate(version[:8]).status == "active"
    assert [entry.status for entry in registry.list()] == ["active", "deprecated", "deprecated"]
    assert registry.rollback("model").version == second
    assert registry.rollback("model").version == first
    with pytest.raises(ModelError, match="no earlier model"):
        registry.rollback("model")
    active = registry.active("model")
    assert active is not None and active.version == first
    registry.activate(third)
    assert registry.rollback("model").version == first
    assert registry.deactivate("model").status == "deprecated"
    assert registry.active("model") is None
    with pytest.raises(ModelError, match="is active"):
        registry.deactivate("model")


def test_unknown_ambiguous_and_damaged_versions(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    first, second = versions(registry, shipped, tmp_path, 2)
    registry.activate(first)
    for version, words in (("", "several"), ("nothing\x1b", "no model"), ("%", "no model")):
        with pytest.raises(ModelError, match=words):
            registry.activate(version)
    (tmp_path / "models" / second / MODEL).write_bytes(b"tree\n")
    with pytest.raises(ModelError, match="vouches"):
        registry.activate(second)
    active = registry.active("model")
    assert active is not None and active.version == first


def test_strategies_do_not_touch_each_other(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    registry.activate(registry.register(builtin.PATH).version)
    other = registry.register(written(reseal(shipped, strategy="other"), tmp_path / "other"))
    registry.activate(other.version)
    assert {entry.status for entry in registry.list()} == {"active"}


def test_writers_at_the_same_time(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    names = versions(registry, shipped, tmp_path, 4)

    def writer(version: str) -> None:
        own = Registry(tmp_path)
        for _ in range(5):
            own.activate(version)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(writer, names))
    assert sorted(entry.status for entry in registry.list()) == ["active", *["deprecated"] * 3]
    with sqlite3.connect(tmp_path / "models" / DATABASE) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE models SET status = 'active'")


def test_what_is_not_promotable_is_never_active(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    made = registry.register(written(reseal(shipped, validation="none", metrics=None), tmp_path / "bare"))
    assert not made.promotable and made.metric == "not validated"
    with pytest.raises(ModelError, match=r"cannot be made active: nobody knows .* as a shadow") as refusal:
        registry.activate(made.version)
    assert "\n" not in str(refusal.value)
    assert registry.active("model") is None and registry.get(made.version).status == "inactive"
    assert [event.what for event in registry.history(made.version)] == ["registered"]
    shadow = registry.set_shadow(made.version)
    assert shadow is not None and registry.shadow("model") == shadow


def test_a_shadow_is_one_of_a_strategy_and_not_the_active_one(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    first, second, third = versions(registry, shipped, tmp_path, 3)
    other = registry.register(written(reseal(shipped, strategy="other"), tmp_path / "other")).version
    registry.activate(first)
    with pytest.raises(ModelError, match="its own shadow"):
        registry.set_shadow(first)
    with pytest.raises(ModelError, match="of strategy other"):
        registry.set_shadow(other)
    assert registry.shadow("model") is None
    for version in (second, third):
        entry = registry.set_shadow(version[:8], who="me")
        assert entry is not None and entry.version == version
    shadow = registry.shadow("model")
    assert shadow is not None and (shadow.version, shadow.status) == (third, "inactive")
    registry.activate(third, who="me")
    assert registry.shadow("model") is None, "promoted"
    registry.set_shadow(first)
    assert registry.rollback("model").version == first and registry.shadow("model") is None
    registry.set_shadow(second)
    assert registry.set_shadow(None, who="me", reason="enough") is None and registry.shadow("model") is None
    newest = registry.history(second)[0]
    assert (newest.what, newest.who, newest.reason) == ("shadow ended", "me", "enough")
    (tmp_path / "models" / second / MODEL).write_bytes(b"tree\n")
    with pytest.raises(ModelError, match="vouches"):
        registry.set_shadow(second)


def test_the_history_says_what_who_and_why(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    first, second = versions(registry, shipped, tmp_path, 2)
    registry.activate(first, who="ann", now_ns=10)
    registry.activate(second, who="bob", reason="better\x1b[2J IC", now_ns=20)
    registry.rollback("model", who="engine", reason="latency over 250 ms", now_ns=30)
    registry.deactivate("model", who="ann", now_ns=1_700_000_000_000_000_000)
    told = [(event.version, event.what, event.who, event.reason) for event in registry.history()]
    assert told[:6] == [
        (first, "deactivated", "ann", ""),
        (first, "restored", "engine", "latency over 250 ms"),
        (second, "rolled back", "engine", "latency over 250 ms"),
        (second, "activated", "bob", "better[2J IC"),
        (first, "replaced", "bob", f"by {second}"),
        (first, "activated", "ann", ""),
    ]
    assert registry.history(first)[0].text == "2023-11-14 22:13:20Z  deactivated by ann"
    assert len(registry.history(strategy="model")) == 8 and not registry.history(strategy="other")
    assert len(registry.history(limit=2)) == 2


def test_the_last_good_one_is_where_a_rollback_goes(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    first, second, third = versions(registry, shipped, tmp_path, 3)

    def last_good() -> str:
        entry = registry.last_good("model")
        return "" if entry is None else entry.version

    assert last_good() == ""
    registry.activate(first)
    assert last_good() == ""
    registry.activate(second)
    assert last_good() == first
    registry.activate(third)
    roles = registry.roles("model")
    assert roles.active is not None and roles.active.version == third and last_good() == second
    assert registry.rollback("model").version == second
    assert last_good() == first, "never the one that was left"
    registry.deactivate("model")
    assert last_good() == second and registry.rollback("model").version == second
    registry.deactivate("model", bad=True)
    assert last_good() == first


def test_a_rollback_passes_over_damaged_files(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    first, second, third = versions(registry, shipped, tmp_path, 3)
    for version in (first, second, third):
        registry.activate(version)
    (tmp_path / "models" / second / MODEL).unlink()
    assert registry.rollback("model").version == first
    passed = registry.history(second)[0]
    assert passed.what == "passed over" and "cannot read" in passed.reason
    registry.activate(third)
    (tmp_path / "models" / first / MODEL).unlink()
    with pytest.raises(ModelError, match=r"no earlier model to go back to .*cannot read"):
        registry.rollback("model")
    active = registry.active("model")
    assert active is not None and active.version == third
    registry.register(tmp_path / "new-0")
    assert registry.rollback("model").version == first, "registered again, it is whole again"


def test_a_model_that_failed_is_not_gone_back_to_though_it_was_active_earlier(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    first, second = versions(registry, shipped, tmp_path, 2)
    for version in (first, second, first):
        registry.activate(version)
    assert registry.rollback("model", bad=True).version == second
    assert registry.last_good("model") is None
    registry.activate(first)
    registry.activate(second)
    assert registry.rollback("model").version == first, "a person may try it again"


def test_a_rollback_goes_to_what_ran_before_what_was_only_active(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    ran, never, left = versions(registry, shipped, tmp_path, 3)
    for version in (ran, never, left):
        registry.activate(version)
    good = registry.last_good("model")
    assert good is not None and good.version == never, "as long as none is known to have run"
    for _ in range(2):
        registry.ran(ran)
    assert [event.what for event in registry.history(ran)].count("first ran here") == 1
    good = registry.last_good("model")
    assert good is not None and good.version == ran
    assert registry.rollback("model").version == ran
    registry.activate(left)
    assert registry.rollback("model", to=ran).version == ran
    with pytest.raises(ModelError, match="no earlier model"):
        registry.rollback("model", to=left[:3])


def test_a_folder_that_holds_another_model_is_a_damaged_one(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    """As after a restore from elsewhere: a model without validation would be active under a good name."""
    first, second = versions(registry, shipped, tmp_path, 2)
    bare = reseal(shipped, validation="none", metrics=None)
    registry.activate(first)
    written(bare, tmp_path / "models" / second)
    for change in (registry.activate, registry.set_shadow):
        with pytest.raises(ModelError, match=f"holds model {bare.manifest.version}"):
            change(second)
    with pytest.raises(ModelError, match="holds model"):
        detail(registry, second)
    registry.register(tmp_path / "new-1")
    registry.activate(second)
    written(bare, tmp_path / "models" / first)
    with pytest.raises(ModelError, match="no earlier model"):
        registry.rollback("model")


def test_prune_keeps_what_has_a_role(registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    names = versions(registry, shipped, tmp_path, 6)  # registered at 0 to 5 ns
    for version in names[:3]:
        registry.activate(version)
    registry.set_shadow(names[3])
    would = [entry.version for entry in registry.prune(0, dry_run=True)]
    assert sorted(would) == sorted([names[0], names[4], names[5]]) and len(registry.list()) == 6
    assert [entry.version for entry in registry.prune(0, older_than_ns=96, now_ns=100)] == [
        names[4],
        names[0],
    ]
    assert registry.prune(4) == [] and registry.prune(0, strategy="other") == []
    left_by_a_killed_process = tmp_path / "models" / ".new-0123456789ab-0123"
    left_by_a_killed_process.mkdir()
    nobodys = tmp_path / "models" / "0123456789ab"
    nobodys.mkdir()
    assert [entry.version for entry in registry.prune(0, who="me")] == [names[5]]
    kept = {names[1], names[2], names[3]}
    assert {entry.version for entry in registry.list()} == kept
    assert {path.name for path in (tmp_path / "models").iterdir() if path.is_dir()} == kept
    assert (registry.history(names[5])[0].what, registry.history(names[5])[0].who) == ("pruned", "me")
    assert registry.rollback("model").version == names[1]


def test_an_older_registry_is_taken_over(shipped: Artefact, tmp_path: Path) -> None:
    readable = reseal(shipped, seed=77)
    old_registry(tmp_path, shipped, FIRST_SHIPPED, readable.manifest.version)
    written(readable, tmp_path / "models" / readable.manifest.version)
    registry = Registry(tmp_path)
    newest, oldest = registry.list()
    assert (newest.version, newest.status, newest.promotable) == (readable.manifest.version, "active", True)
    assert newest.metrics == readable.manifest.metrics and newest.horizon_bars > 0
    assert (oldest.status, oldest.promotable, oldest.metrics) == ("deprecated", False, None)
    assert oldest.metric == "rank IC 0.029" and oldest.config == {"num_leaves": 8}
    assert registry.last_good("model") is None, "its format is not read any more"
    with pytest.raises(ModelError, match="is of format 1, this desk reads 2: train the model again"):
        registry.activate(oldest.version)
    assert Registry(tmp_path).list() == [newest, oldest]


def test_a_newer_registry_is_refused(registry: Registry, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "models" / DATABASE)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ModelError, match="newer tickdesk"):
        Registry(tmp_path)


def test_a_full_disk_and_a_busy_file_are_told(
    registry: Registry, shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = versions(registry, shipped, tmp_path, 2)
    registry.activate(first)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fresh = written(reseal(shipped, seed=99), tmp_path / "fresh")
    with monkeypatch.context() as patch:
        patch.setattr("engine.models.folder_files.os.fsync", full)
        with pytest.raises(ModelError, match="the disk is full"):
            registry.register(fresh)
    assert len(registry.list()) == 2 and not [
        path for path in (tmp_path / "models").iterdir() if path.name.startswith(".")
    ]
    monkeypatch.setattr("engine.models.registry_file.BUSY_TIMEOUT_S", 0.05)
    with contextlib.closing(sqlite3.connect(tmp_path / "models" / DATABASE, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ModelError, match="in use by another process"):
            registry.activate(second)
    active = registry.active("model")
    assert active is not None and active.version == first


def test_a_database_that_may_grow_no_more_keeps_what_it_has(
    registry: Registry, shipped: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: SQLite itself says so."""
    first, second = versions(registry, shipped, tmp_path, 2)
    registry.activate(first)
    real = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        db = real(*arguments, **options)
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    monkeypatch.setattr("engine.models.registry_file.sqlite3.connect", small)
    with pytest.raises(ModelError, match="the disk is full"):
        for _ in range(1000):
            registry.activate(second, reason="x" * 300)
            registry.activate(first, reason="x" * 300)
    monkeypatch.undo()
    assert [entry.status for entry in registry.list()].count("active") == 1
    registry.activate(second)
    assert registry.rollback("model").version == first


def test_a_broken_registry_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(ModelError, match="cannot be used") as refusal:
        Registry(tmp_path)
    assert "\n" not in str(refusal.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="state-dir"):
        Registry(tmp_path / "file")
