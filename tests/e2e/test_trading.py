"""A person's orders in a real engine process: they rest, change, survive a kill, and go when told to."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.events import RiskChange, RiskState
from engine.store.read import DATABASE
from engine.store.store import Store
from tests.e2e.engine import RunningEngine, call, options, run

SYMBOL = "sim:BTC-USD"
QUIET = options(
    simulated__history_s=60,
    simulated__symbols='["BTC-USD", "ETH-USD"]',
    opportunities__min_score=0.99,
    exits__stop_loss_pct=50,
    exits__take_profit_pct=100,
    risk__max_orders_per_s=1000,
    risk__order_burst=1000,
    risk__price_collar_pct=50,
)
"""The desk by itself enters and leaves nothing. What rests does so far off: the simulated market runs away by
percents within seconds."""


class Desk:
    """The command line of one engine."""

    def __init__(self, engine: RunningEngine) -> None:
        self.engine = engine
        self.where = ("--state-dir", str(engine.state_dir))

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = call(*arguments, "--json", *self.where)
        assert done.returncode == code, done.stderr or done.stdout
        return json.loads(done.stdout)

    def text(self, *arguments: str, code: int = 0) -> str:
        done = call(*arguments, *self.where)
        assert done.returncode == code, done.stderr or done.stdout
        return done.stdout.strip()

    def bid(self) -> float:
        (row,) = [row for row in self.engine.state().ticks if row.symbol == SYMBOL]
        assert row.bid is not None
        return row.bid

    def order(self, identity: str) -> dict[str, Any]:
        rows = self.json("orders", "--last", "1000")
        return next(row for row in rows if row["id"] == identity)

    def until(self, identity: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 20.0
        while True:
            row = self.order(identity)
            if holds(row):
                return row
            assert time.monotonic() < deadline, row
            time.sleep(0.05)


@pytest.fixture
def engine(tmp_path: Path) -> RunningEngine:
    return RunningEngine(tmp_path / "state", *QUIET)


def below(price: float, percent: float) -> str:
    """On the two-dollar grid of the simulated bitcoin."""
    return str(int(price * (1 - percent / 100)) // 2 * 2)


def test_a_limit_order_rests_changes_survives_a_kill_and_is_canceled(engine: RunningEngine) -> None:
    with engine:
        desk = Desk(engine)
        bid = desk.bid()
        first, second = below(bid, 20), below(bid, 25)
        ticket = ("order", "buy", "BTC-USD", "0.01", "--limit", first, "--yes", "--token", "one")
        placed = desk.json(*ticket)
        (identity,) = placed["ids"]
        again = desk.json(*ticket)
        assert again["ids"] == [identity] and "placed before" in again["text"]
        resting = desk.until(identity, lambda row: row["state"] == "accepted")
        assert (resting["price"], resting["leaves"], resting["gateway"]) == (first, "0.01", "paper")
        assert "change asked for" in desk.text("amend", identity, "--limit", second)
        desk.until(identity, lambda row: row["price"] == second and row["pending"] == "none")
        time.sleep(1.5)  # a bar: its place is kept
        engine.signal(signal.SIGKILL)
        engine.wait()

        engine.start()
        row = desk.until(identity, lambda row: row["state"] == "accepted")
        assert (row["price"], row["filled"]) == (second, "0")
        log = (engine.state_dir / "engine.log").read_text()
        assert "1 rest again: buy 0.01 sim:BTC-USD" in log and "off for" in log
        assert "behind everything" not in log, "its place survived too"
        assert desk.json(*ticket)["ids"] == [identity], "the same ticket, even after a kill"
        assert len(desk.json("orders", "--open")) == 1
        assert desk.text("cancel", identity[:10]) == f"order {identity}: cancel asked for"
        desk.until(identity, lambda row: row["state"] == "canceled")
        assert "is canceled" in run("cancel", identity, *desk.where).stderr
        assert desk.json("orders", "--open") == []


def test_a_bracket_protects_what_filled_through_a_kill_and_goes_with_the_position(
    engine: RunningEngine,
) -> None:
    with engine:
        desk = Desk(engine)
        bid = desk.bid()
        levels = ("--bracket-stop", below(bid, 20), "--bracket-target", below(bid, -20))
        entry, stop, target = desk.json("order", "buy", "BTC-USD", "0.01", *levels, "--yes")["ids"]
        desk.until(entry, lambda row: row["state"] == "filled")
        for identity in (stop, target):
            row = desk.until(identity, lambda row: row["state"] == "accepted")
            assert (row["quantity"], row["parent_id"]) == ("0.01", entry)
        assert desk.json("positions")[0]["quantity"] == "0.01"
        engine.signal(signal.SIGKILL)
        engine.wait()

        engine.start()
        assert {row["id"] for row in desk.json("orders", "--open")} == {stop, target}
        # Half of the position goes, and the children are as large as what is left.
        assert "closed 1/1" in desk.text("flatten", "BTC-USD", "--percent", "50")
        for identity in (stop, target):
            desk.until(identity, lambda row: row["leaves"] == "0.005")
        assert "closed 1/1" in desk.text("flatten", "BTC-USD", "--limit")
        for identity in (stop, target):
            desk.until(identity, lambda row: row["state"] == "canceled")
        assert desk.json("positions") == []
        assert desk.text("reconcile") == "paper: agrees"
        earned = {row["name"]: row for row in desk.json("account")["pnl"]}
        assert earned["manual"]["net"] == earned[""]["net"] and earned[""]["trades"] == 1


def test_a_target_and_a_stop_from_a_file_guard_a_position(engine: RunningEngine, tmp_path: Path) -> None:
    with engine:
        desk = Desk(engine)
        bid = desk.bid()
        bought = desk.json("order", "buy", "BTC-USD", "0.01", "--yes")["ids"][0]
        desk.until(bought, lambda row: row["state"] == "filled")
        file = tmp_path / "exits.toml"
        file.write_text(
            f"""
            token = "guard"
            [[tickets]]
            symbol = "BTC-USD"
            side = "sell"
            type = "limit"
            quantity = 0.01
            price = {below(bid, -20)}
            [[tickets]]
            symbol = "BTC-USD"
            side = "sell"
            type = "stop"
            quantity = 0.01
            stop_price = {below(bid, 20)}
            """
        )
        place = ("orders", "place", str(file), "--oco")
        assert desk.text(*place, "--preview").startswith("2 orders: approved")
        target, stop = desk.json(*place, "--yes")["ids"]
        again = desk.json(*place, "--yes")
        assert again["ids"] == [target, stop] and "placed before" in again["text"]
        for identity in (target, stop):
            desk.until(identity, lambda row: row["state"] == "accepted")
        assert "closed 1/1" in desk.text("flatten", "BTC-USD")
        for identity in (target, stop):
            desk.until(identity, lambda row: row["state"] == "canceled")
        assert desk.json("positions") == [] and desk.json("orders", "--open") == []


def test_the_kill_switch_cancels_closes_verifies_and_stays(engine: RunningEngine) -> None:
    with engine:
        desk = Desk(engine)
        bid = desk.bid()
        desk.json("order", "buy", "BTC-USD", "0.01", "--yes")
        for percent in (20, 25, 30):
            desk.json("order", "buy", "BTC-USD", "0.01", "--limit", below(bid, percent), "--yes")
        sold = desk.json("order", "sell", "ETH-USD", "--notional", "300", "--yes")["ids"][0]
        desk.until(sold, lambda row: row["state"] == "filled")
        began = time.monotonic()
        receipt = desk.text("kill")
        assert receipt.startswith("canceled 3/3, closed 2/2, verified flat in ") and "HALTED" in receipt
        assert time.monotonic() - began < 10.0
        assert desk.json("positions") == [] and desk.json("orders", "--open") == []
        denied = desk.json("order", "buy", "BTC-USD", "0.01", "--yes", code=1)
        assert denied["verdict"]["code"] == "NOT_ACTIVE" and "denied:NOT_ACTIVE" in denied["text"]
        engine.signal(signal.SIGKILL)
        engine.wait()
        engine.start()
        assert engine.state().status.risk_state == "halted", "latched"


def test_limits_are_shown_changed_refused_and_kept(engine: RunningEngine) -> None:
    with engine:
        desk = Desk(engine)
        assert "100 → 0.5" in desk.text("limits", "set", "desk", "max_gross_pct", "0.5")
        preview = desk.json("order", "buy", "BTC-USD", "0.01", "--preview", code=1)
        assert not preview["approved"] and "GROSS_LIMIT" in preview["text"]
        too_much = run("limits", "set", "desk", "max_gross_pct", "5000", "--yes", *desk.where)
        assert too_much.returncode == 1 and "must be" in too_much.stderr
        assert "no limit" in run("limits", "set", "desk", "nonsense", "1", *desk.where).stderr
        engine.signal(signal.SIGKILL)
        engine.wait()
        engine.start()
        rows = {(row["scope"], row["name"]): row for row in desk.json("limits")}
        assert (rows["desk", "max_gross_pct"]["value"], rows["desk", "max_gross_pct"]["default"]) == (
            *("0.5", "100"),
        )
        asks = run("limits", "reset", "desk", "max_gross_pct", *desk.where)
        assert asks.returncode == 2 and "0.5 → 100 as configured allows more" in asks.stderr
        back = desk.text("limits", "reset", "desk", "max_gross_pct", "--yes")
        assert "0.5 → 100, as configured" in back
        own = "symbol:sim:BTC-USD", "max_gross_pct"
        assert "none of its own → 50" in desk.text("limits", "set", *own, "50")
        back = desk.text("limits", "reset", *own, "--yes")
        assert "50 → none of its own; the desk's 100 holds" in back
        assert desk.json("order", "buy", "BTC-USD", "0.01", "--preview")["approved"]


def test_a_kill_between_a_halt_and_its_cancels_leaves_no_entry_at_work(engine: RunningEngine) -> None:
    with engine:
        desk = Desk(engine)
        price = below(desk.bid(), 20)
        (identity,) = desk.json("order", "buy", "BTC-USD", "0.01", "--limit", price, "--yes")["ids"]
        desk.until(identity, lambda row: row["state"] == "accepted")
        engine.signal(signal.SIGKILL)
        engine.wait()
        # As if the halt alone had reached the disk.
        store = Store(engine.state_dir / DATABASE)
        store.start()
        store.commit_now([RiskChange(RiskState.HALTED, RiskState.ACTIVE, "enough", "me", time.time_ns())])
        assert store.close()
        engine.start()
        desk.until(identity, lambda row: row["state"] == "canceled")
        assert engine.state().status.risk_state == "halted"
