"""Daily runs as they are stored: one writer, readers beside it, nothing planned twice."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.daily import DailyStore, StoredOrder, StoredRun, kept_runs
from engine.store.daily_lock import FILE, DailyLock, at_work

DAY = "2026-11-20"
STEPS = ("data", "targets", "orders")


def begun(store: DailyStore, day: str = DAY, *, dry: bool = False) -> StoredRun:
    return store.run(day, "daily", "paper", dry=dry, options="{}", steps=STEPS, now_ns=5)


def order(number: int, plan: int = 1, state: str = "planned") -> StoredOrder:
    key = f"daily:{DAY}:{number}"
    return StoredOrder(
        *(number, plan, key, b'{"a": 1}', "add", "sim:A", "buy", "1.50", state, "", "", "", "", 7, 0, 0)
    )


def test_a_run_is_found_again_with_its_steps_and_orders(tmp_path: Path) -> None:
    store = DailyStore(tmp_path)
    run = begun(store)
    assert begun(store).id == run.id and begun(store, dry=True).id != run.id
    store.begin_step(run.id, "data", 10)
    store.note_progress(run.id, "data", "half")
    store.end_step(run.id, "data", "done", "all there", 20, product='{"n": 1}')
    store.begin_step(run.id, "targets", 21)
    store.end_step(run.id, "targets", "done", "2 orders", 22, orders=(order(1), order(2)))
    assert store.next_number(DAY) == 3
    store.close()

    (kept,) = [one for one in kept_runs(tmp_path, 10, DAY) if not one.run.dry]
    assert [(step.name, step.state, step.attempt) for step in kept.steps] == [
        ("data", "done", 1),
        ("targets", "done", 1),
        ("orders", "waiting", 0),
    ]
    assert kept.steps[0].product == '{"n": 1}' and kept.orders == (order(1), order(2))
    assert kept_runs(tmp_path, 10, "2026-11-19") == []
    assert (tmp_path / "daily.db").stat().st_mode & 0o777 == 0o600


def test_again_leaves_what_was_not_sent_and_numbers_go_on(tmp_path: Path) -> None:
    store = DailyStore(tmp_path)
    run = begun(store)
    store.end_step(run.id, "targets", "done", "", 1, orders=(order(1), order(2, state="sending")))
    store.again(run.id, ("targets", "orders"), 9)
    first, second = store.orders(run.id)
    assert (first.state, first.text, first.ended_ns) == ("left", "planned anew", 9)
    assert second.state == "sending"
    assert store.next_number(DAY) == 3
    store.end_step(run.id, "targets", "done", "", 2, orders=(order(3, 2),))
    assert [one.plan for one in store.orders(run.id)] == [1, 1, 2]
    dry = begun(store, dry=True)
    store.end_step(dry.id, "targets", "done", "", 2, orders=(order(4),))
    assert store.next_number(DAY) == 4  # what a dry run plans is not sent: its numbers are free
    store.forget(dry.id)
    assert len(kept_runs(tmp_path, 10)) == 1
    store.close()


def test_an_order_and_its_step_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    store = DailyStore(tmp_path)
    run = begun(store)
    with pytest.raises(StoreError, match="run it again"):
        store.end_step(run.id, "targets", "done", "", 1, orders=(order(1), order(1)))
    assert store.orders(run.id) == [] and store.steps(run.id)[1].state == "waiting"
    store.close()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    assert not at_work(tmp_path)
    lock = DailyLock.acquire(tmp_path)
    assert at_work(tmp_path)
    code = (
        "import sys; from pathlib import Path; from engine.store.daily_lock import DailyLock\n"
        "try: DailyLock.acquire(Path(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.startswith(f"a daily run is at work here (pid {os.getpid()})")
    lock.release()
    assert not at_work(tmp_path)


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    assert kept_runs(tmp_path, 10) == []
    (tmp_path / "daily.db").write_bytes(b"no database at all, whatever is in here" * 50)
    with pytest.raises(StoreError, match="cannot read"):
        kept_runs(tmp_path, 10)
    with pytest.raises(StoreError, match="cannot open"):
        DailyStore(tmp_path)


def test_who_looks_whether_a_run_is_at_work_keeps_none_from_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consoles look each second, and hold the lock for a moment."""
    DailyLock.acquire(tmp_path).release()
    looks = os.open(tmp_path / FILE, os.O_RDONLY)
    fcntl.flock(looks, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda seconds: os.close(looks))
    lock = DailyLock.acquire(tmp_path)
    assert at_work(tmp_path)
    lock.release()
