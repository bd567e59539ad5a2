"""Daily runs as rows for clients: what is stored, and whether its process still lives."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.api.daily_protocol import DailyDetail, DailyOrderRow, DailyRow, DailyStepRow
from engine.store.daily import KeptRun, StoredOrder, StoredStep, kept_runs
from engine.store.daily_lock import at_work
from engine.text import clean

RUNNING, KILLED = "running", "killed"
REPORT = "report"
"""The step whose product is the day in a few lines."""


def daily_rows(state_dir: Path, limit: int) -> tuple[DailyRow, ...]:
    """The newest day first. Raises StoreError."""
    lives = at_work(state_dir)  # before: a run that ends meanwhile is not told as killed
    return tuple(_row(kept, lives=lives or at_work(state_dir)) for kept in kept_runs(state_dir, limit))


def daily_details(state_dir: Path, day: str) -> tuple[DailyDetail, ...]:
    """Those of one day, newest first. Raises StoreError."""
    lives = at_work(state_dir)
    return tuple(
        DailyDetail(_row(kept, lives=lives), tuple(map(_order, kept.orders)), _report(kept))
        for kept in kept_runs(state_dir, 100, day)
    )


def _row(kept: KeptRun, *, lives: bool) -> DailyRow:
    run = kept.run
    state = run.state if run.state != RUNNING or lives else KILLED
    return DailyRow(
        *(run.day, clean(run.kind, 20), clean(run.account, 40), run.dry, state, clean(run.text, 300)),
        *(run.started_ns, run.ended_ns, tuple(_step(step, lives=lives) for step in kept.steps)),
    )


def _step(step: StoredStep, *, lives: bool) -> DailyStepRow:
    state = step.state if step.state != RUNNING or lives else KILLED
    return DailyStepRow(
        *(step.name, state, step.attempt, step.started_ns, step.ended_ns),
        *(clean(step.text, 400), clean(step.todo, 400)),
    )


def _order(order: StoredOrder) -> DailyOrderRow:
    told = {name: getattr(order, name) for name in DailyOrderRow.__struct_fields__}
    return DailyOrderRow(**told | {"symbol": clean(order.symbol, 80), "text": clean(order.text, 300)})


def _report(kept: KeptRun) -> tuple[str, ...]:
    product = next((step.product for step in kept.steps if step.name == REPORT), "")
    try:
        lines = msgspec.json.decode(product, type=dict[str, object]).get("lines", ()) if product else ()
    except msgspec.MsgspecError:
        return ()
    return tuple(clean(str(line), 200) for line in lines) if isinstance(lines, list) else ()
