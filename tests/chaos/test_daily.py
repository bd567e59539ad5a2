"""A daily run of a real engine, killed by SIGKILL between its steps and among its orders."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from console.cli.client import ask
from console.cli.daily_desk import quiet_options
from engine.api.page import Page
from engine.api.protocol import Reply, StateFrame
from engine.api.rows import OrderRow
from engine.models import artefact, builtin
from engine.models.registry import Registry
from engine.research.daily import STEPS
from engine.store.daily import KeptRun, kept_runs
from engine.store.lock import holder
from tests.chaos.amounts import DAILY
from tests.conftest import ROOT
from tests.e2e.engine import RunningEngine, environment, options, run
from tests.e2e.test_history import serving
from tests.klines_server import KlinesServer
from tests.models.other_bars import of_bars
from tests.store.bar_samples import MINUTE, candles

SETTINGS = options(
    exits__stop_loss_pct=90,
    exits__take_profit_pct=900,
    targets__longs=2,
    targets__gross_pct=36,
    risk__max_order_notional_pct=7,
    risk__max_orders_per_s=1000,
    risk__duplicate_window_s=0.001,
    models__every_bars=1,
    simulated__history_s=90,
)
ENGINE = [*SETTINGS, *quiet_options(dry=False)]
"""The run's orders alone: nothing else enters, and no exit is near."""
ORDERS = 6
AT = ["order:3:during"]
ALL = [
    *(f"step:{name}:{when}" for name in STEPS["daily"] for when in ("begun", "done")),
    *(f"order:{number}:{when}" for number in range(1, ORDERS + 1) for when in ("before", "during", "after")),
]
"""With TICKDESK_CHAOS_DAILY, so many times each."""


def daily(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("daily", "--state-dir", str(state), *SETTINGS, *arguments, timeout=120)


def killed(state: Path, where: str, *arguments: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.chaos.daily_killed", where),
            *("daily", "--state-dir", str(state), *SETTINGS, *arguments),
        ],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, (where, done.stdout, done.stderr)


def orders_of(state: Path) -> dict[str, OrderRow]:
    page = ask(state, "GET", "/v1/orders?limit=1000", Page[OrderRow])
    return {row.id: row for row in page.rows}


def held(state: Path) -> dict[str, Decimal]:
    frame = ask(state, "GET", "/v1/snapshot", StateFrame)
    return {row.symbol: Decimal(row.quantity) for row in frame.positions if Decimal(row.quantity)}


def kept(state: Path) -> KeptRun:
    (found,) = kept_runs(state, 10)
    return found


def assert_each_once(state: Path, before: set[str], where: str) -> None:
    """The plan's orders are all that the engine has had since; each of them once, and filled."""
    found = kept(state)
    plan = max(order.plan for order in found.orders)
    mine = {order.order_id: order for order in found.orders if order.plan == plan}
    assert len(mine) >= ORDERS - 1, where
    since = {name: row for name, row in orders_of(state).items() if name not in before}
    assert since.keys() == mine.keys(), where
    assert {order.state for order in mine.values()} == {"done"}, (where, mine)
    bought: dict[str, Decimal] = {}
    for order in mine.values():
        signed = Decimal(order.filled) * (1 if order.side == "buy" else -1)
        bought[order.symbol] = bought.get(order.symbol, Decimal(0)) + signed
    assert held(state) == bought, where


def _begin_again(state: Path) -> None:
    """Nothing is held, and entries are on: a flat desk takes none."""
    assert ask(state, "POST", "/v1/flatten", Reply, body=b"{}", timeout_s=60.0).ok
    assert ask(state, "POST", "/v1/risk", Reply, body=b'{"state": "active"}').ok


@pytest.mark.timeout(90 + 40 * DAILY * len(ALL))
def test_no_order_is_sent_twice(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with RunningEngine(state, *ENGINE):
        for number, where in enumerate(ALL * DAILY if DAILY else AT):
            before = set(orders_of(state))
            killed(state, where, *(["--again", "data"] if number else []))
            assert kept(state).run.state == "running"
            done = daily(state)
            assert done.returncode == 0, (where, done.stdout, done.stderr)
            assert_each_once(state, before, where)
            assert re.search(r"(\d) orders: \1 filled", done.stdout), (where, done.stdout)
            if DAILY:
                _begin_again(state)


@pytest.mark.skipif(not DAILY, reason="two engines are started: see `make chaos`")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("where", ["order:3:after", "order:3:during", "step:targets:done"])
def test_its_own_engine_ends_with_it_and_another_goes_on(tmp_path: Path, where: str) -> None:
    state = tmp_path / "state"
    killed(state, where)
    done = daily(state)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "one is started for this run" in done.stderr
    # What reached an engine that was ending may have ended with it, unfilled: that is told, and not mended.
    assert " filled" in done.stdout
    assert holder(state) is None  # it was stopped, too
    with RunningEngine(state, *ENGINE):
        assert_each_once(state, set(), where)


@pytest.mark.skipif(not DAILY, reason="an engine is started: see `make chaos`")
@pytest.mark.timeout(240)
def test_bars_come_and_prices_do_not(tmp_path: Path) -> None:
    """What is missing is loaded by the engine; without a price to trade at, the run fails closed."""
    state = tmp_path / "state"
    made = of_bars(artefact.read(builtin.PATH), 60.0)
    artefact.write(made, tmp_path / "made")
    registry = Registry(state)
    registry.activate(registry.register(tmp_path / "made").version)
    first_ns = time.time_ns() // MINUTE * MINUTE - 1_450 * MINUTE
    server = KlinesServer(candles(1_600, start_ns=first_ns))
    with serving(server):
        settings = options(
            feeds__binance__symbols="['BTCUSDT','ETHUSDT','SOLUSDT']",
            feeds__binance__ws_url="'ws://127.0.0.1:9'",
            feeds__binance__rest_url=f"'{server.url}'",
            collection__sources__binance__per_minute=100_000,
            history__days=1,
            daily__prices_s=2,
        )
        done = run("daily", "--state-dir", str(state), *settings, timeout=120)
    assert done.returncode == 1, (done.stdout, done.stderr)
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "3 symbols pass, stored bars of 60 s" in lines["gate"]
    assert "3 symbols × 158 features" in lines["features"]
    assert "✗ failed" in lines["targets"] and "have no price to trade at" in lines["targets"]
    assert lines["next:"].startswith("next: start it again while their market is open")
    assert kept(state).orders == () and holder(state) is None
