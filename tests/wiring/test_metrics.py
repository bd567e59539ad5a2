"""A desk's metrics: complete, conventional, bounded, and cheap to ask for."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from engine.api.health_protocol import BusHealth, JobsHealth
from engine.config import load
from engine.events import OrderState
from engine.logs import LogRing
from engine.ops.dashboard import dashboard
from engine.ops.exposition import Page
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.metrics.account import AccountMetrics, OrderMetrics
from engine.wiring.metrics.bus import BusMetrics, GroupLag, Stage, Whole
from engine.wiring.metrics.collect import Metrics
from engine.wiring.metrics.decisions import FlowMetrics, StageMetrics
from engine.wiring.metrics.service import ServiceMetrics
from tests.wiring.conftest import Bench, quote, simulated

SCRAPE_S = 0.003
"""That a page may hold the loop at a stretch, in time of its own processor, which may be a slow one: 1 ms is
meant."""
_NO_UNITS = re.compile(r"(milli|micro|nano)?seconds|minutes|hours|percent|pct|kilobytes|_ms|_us|_ns|_mb|_kb")


def families(text: bytes) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def samples(section: object) -> dict[tuple[str, ...], float]:
    """By name and values of the labels."""
    page = Page()
    section(page)  # type: ignore[operator]
    return {
        (one.name, *one.labels.values()): one.value
        for family in families(page.text()).values()
        for one in family.samples
    }


@pytest.fixture(scope="module")
def bench() -> Bench:
    made = Bench()
    simulated(made, 60)
    return made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LiveEngine]:
    made = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    made.store.start()
    yield made
    made.store.close()


# --- conformance ---


async def test_names_are_conventional(engine: LiveEngine) -> None:
    page = await engine.metrics.page()
    found = families(page)
    assert len(found) > 70
    heads = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page.decode(), re.M))
    assert len(heads) == page.decode().count("# TYPE") == page.decode().count("# HELP")
    for name, kind in heads.items():
        assert re.fullmatch(r"(tickdesk|process|python)_[a-z][a-z0-9_]*[a-z0-9]", name), name
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(count|sum|bucket|gauge|counter|histogram)$", name), name
        # Base units alone, and at the end of the name.
        for unit in _NO_UNITS.finditer(name):
            assert unit[0] == "seconds", name
        if kind == "histogram":
            assert name.endswith("_seconds"), name
        for unit in ("seconds", "bytes"):
            assert unit not in name.split("_")[:-1] or name.endswith(f"{unit}_total"), name
    for name, family in found.items():
        assert family.documentation.endswith("."), name
        assert all(not set(one.labels) & {"symbol", "order"} for one in family.samples), name
    money = {"tickdesk_equity", "tickdesk_day_pnl", "tickdesk_realized_pnl", "tickdesk_unrealized_pnl"}
    assert {heads[name] for name in money} == {"gauge"}


async def test_what_the_operator_needs_is_there(engine: LiveEngine) -> None:
    found = families(await engine.metrics.page())
    for name in (
        *("stage_latency_seconds", "loop_lag_seconds", "store_commit_seconds", "store_lag_seconds"),
        *("feed_data_age_seconds", "feed_reconnects", "feed_messages", "feed_state", "queue_items"),
        *("orders", "fills", "risk_state", "denied", "drops", "opportunities", "rejected_ticks"),
        *("equity", "day_pnl", "drawdown_ratio", "exposure_gross", "exposure_net"),
        *("model_age_seconds", "model_info", "consoles", "automations", "recording_pending_bytes"),
        *("bus_lag_entries", "bus_oldest_unacknowledged_seconds", "disk_free_bytes"),
    ):
        assert f"tickdesk_{name}" in found, name
    for name in ("process_cpu_seconds", "process_resident_memory_bytes", "python_gc_collections"):
        assert found[name].samples, name


# --- the figures ---


def test_counts_are_the_desks(bench: Bench) -> None:
    desk = bench.desk
    got = samples(FlowMetrics(desk)) | samples(OrderMetrics(desk)) | samples(StageMetrics(desk))
    funnel = desk.funnel()
    assert got["tickdesk_ticks_total", "trade"] == funnel["trades"] > 0
    assert got["tickdesk_opportunities_total",] == funnel["opportunities"] > 0
    assert got["tickdesk_orders_sent_total",] == funnel["orders"] > 0
    assert got["tickdesk_fills_total",] == funnel["fills"] > 0
    for code, count in desk.drops.items():
        assert got[("tickdesk_drops_total", *code.split(":", 1))] == count
    for state in OrderState:
        assert got["tickdesk_orders", state.value] == len(desk.trading.blotter.by_state(state))
    assert got["tickdesk_orders", "filled"] > 0
    assert got["tickdesk_risk_state", "active"] == 1 and got["tickdesk_risk_state", "halted"] == 0


def test_what_is_stale_follows_a_limit_that_is_tightened() -> None:
    bench = Bench()
    bench.desk.on_events([quote("sim:A", 99.9, 100.1, 0), quote("sim:B", 99.9, 100.1, 2)])
    stale = ("tickdesk_symbols_stale",)
    assert samples(FlowMetrics(bench.desk))[stale] == 0
    bench.desk.trading.limits.set("desk", "stale_data_s", 1.0, "me")
    assert samples(FlowMetrics(bench.desk))[stale] == 1


def test_money_is_the_ledgers(bench: Bench) -> None:
    ledger, got = bench.desk.trading.ledger, samples(AccountMetrics(bench.desk))
    assert got["tickdesk_equity",] == float(ledger.equity() or 0)
    assert got["tickdesk_realized_pnl",] == float(ledger.realized or Decimal(0))
    assert got["tickdesk_positions",] == len(ledger.positions())
    assert got["tickdesk_account_info", "USD"] == 1
    assert 0 <= got["tickdesk_drawdown_ratio",] < 1


async def test_the_bus_and_the_broker_are_up_or_not_or_not_there(
    engine: LiveEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {("tickdesk_bus_up",), ("tickdesk_jobs_up",)}
    assert not names & samples(ServiceMetrics(engine)).keys()
    monkeypatch.setattr(engine, "bus_health", lambda: BusHealth(False, "away", None, None))
    monkeypatch.setattr(engine.automations, "jobs_health", lambda: JobsHealth(True, "here", 0))
    got = samples(ServiceMetrics(engine))
    assert (got["tickdesk_bus_up",], got["tickdesk_jobs_up",]) == (0, 1)


def test_the_bus_is_told_by_who_is_on_it() -> None:
    bus = BusMetrics()
    assert samples(bus) == {} and bus.oldest_s() == 0.0
    bus.add(lambda: [GroupLag("dfp:clean_ticks", "features", 10, 3, None, 1.5)])
    got = samples(bus)
    assert got["tickdesk_bus_pending_entries", "dfp:clean_ticks", "features"] == 3
    assert ("tickdesk_bus_lag_entries", "dfp:clean_ticks", "features") not in got
    assert bus.oldest_s() == 1.5


# --- asking ---


async def test_a_section_that_fails_blinds_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(page: Page) -> None:
        raise ZeroDivisionError

    metrics = Metrics(
        [broken, lambda page: page.gauge("tickdesk_x", "About.", 1)], iter([0, 0, 1, 1]).__next__
    )
    assert b"\ntickdesk_x 1\n" in await metrics.page()
    assert b"tickdesk_scrape_failures_total 2\n" in await metrics.page()
    assert len([one for one in caplog.records if "left out" in one.message]) == 1


async def test_scrapers_that_pile_up_cost_one_page() -> None:
    made: list[Page] = []
    metrics = Metrics([made.append])
    pages = await asyncio.gather(*(metrics.page() for _ in range(50)))
    assert len(made) == 1 and len(set(pages)) == 1


async def longest_hold_s(work: Awaitable[object]) -> float:
    """That anything else waits for the loop while ``work`` is done, others beside it left aside."""
    task, longest_s = asyncio.ensure_future(work), 0.0
    while not task.done():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.thread_time() - began)
    return longest_s


async def test_the_loop_is_held_for_no_longer_than_milliseconds(bench: Bench, engine: LiveEngine) -> None:
    engine.metrics.add(StageMetrics(bench.desk))
    # The best of several: a busy machine holds anybody.
    assert min([await longest_hold_s(engine.metrics._build()) for _ in range(5)]) < SCRAPE_S


# --- the dashboard ---


async def test_every_query_of_the_dashboard_finds_its_metric(engine: LiveEngine) -> None:
    engine.bus_metrics.whole = lambda: Whole((Stage("market", 1, 0.01),), 0, 1 << 20, 1 << 30)
    page = (await engine.metrics.page()).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M))
    known = set(kinds) | {
        f"{name}{end}" for name, kind in kinds.items() if kind == "histogram" for end in ("_bucket", "_count")
    }
    board = json.loads(dashboard())
    texts = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    texts += [one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query"]
    asked: set[str] = set()
    for text in texts:
        names = re.findall(r"\b(?:tickdesk|process|python)_\w+", text)
        assert names and set(names) <= known, text
        asked.update(names)
        for label, value in re.findall(r'\b(stage)="(\w+)"', text):
            assert f'{label}="{value}"' in page, text
    # Nothing that is counted is out of sight, but for what is of use to a query alone.
    families = {re.sub(r"_(bucket|count)$", "", name) if name not in kinds else name for name in asked}
    unseen = {name for name in kinds if name.startswith("tickdesk_")} - families
    assert unseen <= {
        *("tickdesk_feed_state", "tickdesk_feed_books", "tickdesk_feed_books_broken"),
        *("tickdesk_feed_handovers_total", "tickdesk_feed_duplicates_total", "tickdesk_feed_reordered_total"),
        *("tickdesk_feed_backfilled_total", "tickdesk_feed_unsubscribed_total", "tickdesk_bars_total"),
        *("tickdesk_orders_open", "tickdesk_account_info", "tickdesk_positions", "tickdesk_model_info"),
        *("tickdesk_model_up", "tickdesk_automations", "tickdesk_threads", "tickdesk_bus_stream_entries"),
        *("tickdesk_events_published", "tickdesk_scrape_seconds", "tickdesk_scrape_longest_hold_seconds"),
        *("tickdesk_scrape_failures_total", "tickdesk_scrape_rows_left_out"),
    }, unseen


async def test_who_asks_after_the_warm_up_is_told_of_then() -> None:
    told = iter((1, 2))
    metrics = Metrics([lambda page: page.gauge("tickdesk_x", "About.", next(told))], lambda: 0.0)
    await metrics.warm_up()
    assert b"\ntickdesk_x 2\n" in await metrics.page()
