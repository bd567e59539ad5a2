"""``tickdesk daily``: what it says of days without a session, of a run at work, and of runs that were."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from console.cli import main
from console.cli.daily import NOTHING
from engine.ops.systemd_timer import NOTHING_TO_DO
from engine.research.daily import STEPS, day_of, repeated
from engine.store.daily import DailyStore, StoredOrder
from engine.store.daily_lock import DailyLock

Capture = pytest.CaptureFixture[str]
DAY = "2026-11-20"
NS = 10**9


def call(capsys: Capture, where: Path, *argv: str) -> tuple[int, str, str]:
    code = main([*argv, "--state-dir", str(where)])
    out, err = capsys.readouterr()
    return code, out, err


def failed_run(where: Path, *, state: str = "failed") -> None:
    """A run whose orders were sent, and whose books differ."""
    store = DailyStore(where)
    steps = STEPS["daily"]
    run = store.run(DAY, "daily", "paper", dry=False, options="{}", steps=steps, now_ns=NS)
    body = b"{}"
    orders = (
        StoredOrder(1, 1, f"daily:{DAY}:1", body, "add", "sim:A", "buy", "1.5", "done", "td-1", "1.5", "100"),
        StoredOrder(2, 1, f"daily:{DAY}:2", body, "add", "sim:B", "sell", "2", "denied", text="COLLAR 3 %"),
    )
    for number, name in enumerate(steps[: steps.index("reconcile")]):
        store.begin_step(run.id, name, (number + 1) * NS)
        planned = orders if name == "targets" else ()
        store.end_step(run.id, name, "done", f"{name} went well", (number + 3) * NS, orders=planned)
    store.begin_step(run.id, "reconcile", 10 * NS)
    if state == "failed":
        todo = "`tickdesk account` tells what differs"
        store.end_step(run.id, "reconcile", "failed", "paper: 2 differences", 12 * NS, todo=todo)
        store.note_run(run.id, "failed", "reconcile: paper: 2 differences", 12 * NS)
    store.close()


def test_a_day_without_a_session_is_skipped(tmp_path: Path, capsys: Capture) -> None:
    day = day_of(time.time_ns())
    hours = ["--set", "daily.sessions=['mon-sun 00:00-24:00']"]
    holiday = [*hours, "--set", f"daily.holidays=['{day}']"]
    code, out, err = call(capsys, tmp_path, "daily", *holiday)
    assert (code, err) == (NOTHING, "") and out == f"nothing to do on {day}: it is one of daily.holidays\n"
    assert NOTHING == NOTHING_TO_DO
    code, out, _ = call(capsys, tmp_path, "paper-run", *holiday)
    assert code == NOTHING
    assert not list(tmp_path.glob("daily*"))  # nothing was begun


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["daily", "--again", "trade"], 2, "the steps are data, gate, features, train, targets, orders"),
        (["daily", "--set", "daily.holidays=['2026-02-30']"], 2, "2026-02-30 is no day"),
        (["daily", "--set", "daily.sessions=['sometimes']"], 2, "daily.sessions: 'sometimes' is no session"),
        (["daily", "--show", "yesterday"], 2, "'yesterday' is no day: write it as in 2026-01-31"),
        (["paper-run"], 2, "the market never closes: say how long with --for 2h"),
        (["paper-run", "--for", "soon"], 2, "'soon' is no time"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, capsys: Capture, argv: list[str], code: int, said: str
) -> None:
    try:
        found = main([*argv, "--state-dir", str(tmp_path)])
    except SystemExit as end:
        found = int(end.code or 0)
    out, err = capsys.readouterr()
    assert found == code and out == ""
    assert err.startswith("tickdesk: ") and err.count("\n") == 1 and said in err


def test_one_run_at_a_time(tmp_path: Path, capsys: Capture) -> None:
    lock = DailyLock.acquire(tmp_path)
    code, out, err = call(capsys, tmp_path, "daily")
    lock.release()
    assert code == 1 and out == "" and "a daily run is at work here (pid " in err


def test_a_run_that_is_done_is_not_done_again(tmp_path: Path, capsys: Capture) -> None:
    day = day_of(time.time_ns())
    store = DailyStore(tmp_path)
    run = store.run(day, "daily", "paper", dry=False, options="{}", steps=STEPS["daily"], now_ns=NS)
    for name in STEPS["daily"]:
        store.end_step(run.id, name, "done", "", 2 * NS)
    store.note_run(run.id, "done", "6 orders: 6 filled", 2 * NS)
    store.close()
    code, out, err = call(capsys, tmp_path, "daily")
    assert (code, err) == (0, "")
    assert out == f"daily {day} is done: 6 orders: 6 filled; --again STEP repeats it from there\n"


def test_how_a_run_went(tmp_path: Path, capsys: Capture) -> None:
    assert call(capsys, tmp_path, "daily", "--show")[1].startswith("no daily run yet")
    failed_run(tmp_path)
    code, out, err = call(capsys, tmp_path, "daily", "--show")
    assert (code, err) == (0, "")
    (row,) = out.splitlines()[1:]
    assert row.split()[:6] == [DAY, "daily", "paper", "✗", "failed", "reconcile"]
    _, out, _ = call(capsys, tmp_path, "daily", "--show", DAY)
    lines = out.splitlines()
    assert lines[0] == f"daily {DAY}, paper: ✗ failed"
    assert lines[1].split() == ["data", "✓", "done", "2.0", "s", "data", "went", "well"]
    assert "next: `tickdesk account` tells what differs" in lines
    (denied,) = [line for line in lines if "denied" in line]
    assert denied.split() == ["2", "sim:B", "sell", "2", "denied", "COLLAR", "3", "%"]
    _, out, _ = call(capsys, tmp_path, "daily", "--show", DAY, "--json")
    (found,) = json.loads(out)
    assert found["run"]["state"] == "failed" and found["orders"][0]["order_id"] == "td-1"
    code, out, _ = call(capsys, tmp_path, "daily", "--show", "2026-11-19")
    assert code == NOTHING and out.startswith("no daily run of 2026-11-19")
    code, out, _ = call(capsys, tmp_path, "daily", "--show", "2026-11-19", "--json")
    assert code == NOTHING and json.loads(out) == []


def test_a_killed_run_is_told_as_such_while_none_is_at_work(tmp_path: Path, capsys: Capture) -> None:
    failed_run(tmp_path, state="running")
    assert "✗ killed" in call(capsys, tmp_path, "daily", "--show", DAY)[1]
    lock = DailyLock.acquire(tmp_path)
    assert "▶ running" in call(capsys, tmp_path, "daily", "--show", DAY)[1]
    lock.release()


def test_a_repeat_that_was_killed_is_told_by_its_own_step_and_time(tmp_path: Path, capsys: Capture) -> None:
    store = DailyStore(tmp_path)
    steps = STEPS["daily"]
    run = store.run(DAY, "daily", "paper", dry=False, options="{}", steps=steps, now_ns=NS)
    first = StoredOrder(1, 1, f"daily:{DAY}:1", b"{}", "add", "sim:A", "buy", "1", "done", text="filled")
    for name in steps:
        store.begin_step(run.id, name, 60 * NS)
        planned = (first,) if name == "targets" else ()
        store.end_step(run.id, name, "done", "", 61 * NS, orders=planned)
    store.note_run(run.id, "done", "1 orders: 1 filled", 61 * NS)
    store.again(run.id, repeated("daily", "targets"), 3600 * NS)
    store.begin_step(run.id, "targets", 3600 * NS)
    second = StoredOrder(2, 2, f"daily:{DAY}:2", b"{}", "add", "sim:B", "sell", "2", "sending")
    store.end_step(run.id, "targets", "done", "", 3660 * NS, orders=(second,))
    store.begin_step(run.id, "orders", 7200 * NS)
    store.close()
    (row,) = call(capsys, tmp_path, "daily", "--show")[1].splitlines()[1:]
    assert row.split()[4:] == ["killed", "orders", "since", "02:00:00Z"]
    lines = [line.split() for line in call(capsys, tmp_path, "daily", "--show", DAY)[1].splitlines()]
    assert ["orders", "✗", "killed", "(attempt", "2)", "since", "02:00:00Z"] in lines
    assert [line[:3] for line in lines[-3:]] == [
        ["PLAN", "NUMBER", "SYMBOL"],
        ["1", "1", "sim:A"],
        ["2", "2", "sim:B"],
    ]
