"""Polling sources in a live desk: what is kept of them, and what is told of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config import CollectionConfig, Config, PollingConfig
from engine.errors import ConfigError
from engine.feeds.sources.budget import BudgetState
from engine.store.store import Store
from engine.wiring.collection import SETTING, Collecting, check_collection, kept_budgets, open_sources

NOW_NS = 1_773_000_000_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "desk.db")
    store.start()
    yield store
    store.close()


def config(*symbols: str, **sources: PollingConfig) -> Config:
    named = {name.replace("_", "-"): source for name, source in sources.items()}
    return Config(collection=CollectionConfig(symbols=symbols, sources=named))


async def test_a_budget_is_on_disk_when_it_is_kept(tmp_path: Path, store: Store) -> None:
    sources = open_sources(config("AAPL", yahoo=PollingConfig(per_day=50)), store, lambda: NOW_NS)
    (yahoo,) = sources._opened.values()
    yahoo.budget.take(NOW_NS)
    await yahoo._keep()
    assert store.flush()
    other = Store(tmp_path / "desk.db")
    other.start()
    try:
        kept = kept_budgets(other.settings())["yahoo"]
    finally:
        other.close()
    assert kept.total == 1
    assert kept.ahead >= 1
    assert sum(kept.hours.values()) == 1
    await sources.close()
    assert kept_budgets(store.settings())["yahoo"].ahead == 0


def test_a_kept_budget_that_is_none_is_not_taken_up(caplog: pytest.LogCaptureFixture) -> None:
    settings = {SETTING + "yahoo": {"hours": "many"}, SETTING + "polygon": {"total": 3}, "other": 1}
    assert kept_budgets(settings) == {"polygon": BudgetState(total=3)}
    assert "budget:yahoo is not taken up" in caplog.text


def test_the_loop_and_its_sources_are_watched(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    wanted = config("AAPL", "no such name", yahoo=PollingConfig())
    sources = open_sources(wanted, store, lambda: NOW_NS)
    collecting = Collecting(wanted, sources, lambda events: None, lambda: NOW_NS)
    assert [row.venue for row in collecting.watched] == ["poll", "source:yahoo"]
    assert "no source knows no such name" in caplog.text


def test_a_configuration_is_checked_before_it_runs() -> None:
    assert check_collection(config(), {}) == []
    with pytest.raises(ConfigError, match="no such source"):
        check_collection(config(yahooo=PollingConfig()), {})
    told = check_collection(config("AAPL", polygon=PollingConfig()), {})
    assert told[0].startswith("source:polygon is not used: it needs a key: set POLYGON_API_KEY")
    assert told[1].startswith("collection.symbols: no source knows AAPL")
    assert check_collection(config("AAPL", "NAS100", "XAU/USD"), {}) == []
