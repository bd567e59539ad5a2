"""The registry: one active model per strategy, whoever writes at the same time."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from engine.errors import ModelError
from engine.models import builtin
from engine.models.artefact import MODEL, Artefact
from engine.models.builtin import ensure_builtin
from engine.models.registry import Registry
from engine.models.registry_file import DATABASE
from tests.models.conftest import reseal, written


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


def test_a_broken_registry_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(ModelError, match="cannot be used") as refusal:
        Registry(tmp_path)
    assert "\n" not in str(refusal.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="state-dir"):
        Registry(tmp_path / "file")


def test_the_shipped_model_fills_an_empty_registry_only(
    registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    assert ensure_builtin(registry)
    active = registry.active("model")
    assert active is not None and active.version == shipped.manifest.version
    registry.deactivate("model")
    assert not ensure_builtin(registry)
    assert registry.active("model") is None
    assert sum(path.stat().st_size for path in builtin.PATH.glob("*.*")) < 160_000
