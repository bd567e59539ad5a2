"""``tickdesk daily [--dry-run] [--again STEP]``: the day's run, from its first step that is not done; and
``tickdesk daily --show [DAY]``: how it went.

Exit codes: 0 done, 1 a step failed (also where only the message did), 5 nothing is to be done today
(``--show``: there was no run that day).
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.daily_desk import DeskHere, quiet_options
from console.cli.output import as_json, table
from console.cli.settings import configuration, state_dir
from engine.api.daily_protocol import DailyDetail, DailyRow, DailyStepRow
from engine.config import Config
from engine.errors import ConfigError, LinkError
from engine.research.daily import STEPS, Calendar, Kind, day_of, next_step, repeated
from engine.text import clean

if TYPE_CHECKING:
    from engine.store.daily import DailyStore, StoredRun

NOTHING = 5
MARKS = {"done": "✓", "failed": "✗", "killed": "✗", "running": "▶", "skipped": "–", "waiting": "·"}


def run(arguments: argparse.Namespace) -> int:
    if arguments.show is not None:
        return show(arguments, state_dir(arguments), arguments.show)
    return start(arguments, "daily", quiet_options(dry=arguments.dry_run))


def calendar_of(config: Config) -> Calendar:
    return Calendar(config.daily.sessions or config.opportunities.sessions, config.daily.holidays)


def start(
    arguments: argparse.Namespace, kind: Kind, engine_options: Sequence[str], options: str = "{}"
) -> int:
    """Do what is left of today's run. ``options``: JSON, kept with a new one."""
    from engine.store.daily import DailyStore
    from engine.store.daily_lock import DailyLock

    config, where = configuration(arguments), state_dir(arguments)
    logging.getLogger("engine").addHandler(logging.NullHandler())  # what fails is told at the end
    if arguments.again:
        repeated(kind, arguments.again)  # before anything is made
    calendar, day = calendar_of(config), day_of(time.time_ns())
    why = calendar.why_closed(day)
    if why:
        print(f"nothing to do on {day}: {why}")
        return NOTHING
    lock = DailyLock.acquire(where)
    try:
        store = DailyStore(where)
        try:
            taken = _taken(store, config, kind, day, arguments, options)
            if taken is None:
                return 0
            return _do(arguments, config, where, store, taken, calendar, engine_options)
        finally:
            store.close()
    finally:
        lock.release()


def _taken(
    store: DailyStore, config: Config, kind: Kind, day: str, arguments: argparse.Namespace, options: str
) -> StoredRun | None:
    """Today's run, to be gone on with; None: all of it is done."""
    from engine.wiring.daily_account import account_of
    from engine.wiring.daily_run import states_of

    account = account_of(config)

    def find() -> StoredRun:
        return store.run(
            day,
            kind,
            account,
            dry=arguments.dry_run,
            options=options,
            steps=STEPS[kind],
            now_ns=time.time_ns(),
        )

    found = find()
    if found.dry and found.state == "running" and not any(one.attempt for one in store.steps(found.id)):
        return found
    if found.dry:
        store.forget(found.id)
        return find()
    if arguments.again:
        store.again(found.id, repeated(kind, arguments.again), time.time_ns())
        store.note_options(found.id, options)
        return find()
    if found.state == "done" and next_step(kind, states_of(store.steps(found.id))) is None:
        print(f"{kind} {day} is done: {found.text}; --again STEP repeats it from there")
        return None
    return found


def _do(
    arguments: argparse.Namespace,
    config: Config,
    where: Path,
    store: DailyStore,
    taken: StoredRun,
    calendar: Calendar,
    engine_options: Sequence[str],
) -> int:
    from engine.wiring.daily_context import Context
    from engine.wiring.daily_rows import daily_details
    from engine.wiring.daily_run import run_steps
    from engine.wiring.interruption import Interruption

    store.note_run(taken.id, "running", "", 0)
    desk = DeskHere(arguments, where, engine_options, _say, hold_of(taken))
    context = Context(config, where, taken, store, desk, calendar, time.time_ns, time.sleep, _say)
    try:
        try:
            with Interruption():
                done = run_steps(context)
        finally:  # also where a full disk, or ctrl+c, ends it in the midst of its trades
            if desk.own:
                _warn_of_positions(desk)
    finally:
        desk.close()
    found = [
        one
        for one in daily_details(where, taken.day)
        if (one.run.kind, one.run.account, one.run.dry) == (taken.kind, taken.account, taken.dry)
    ]
    if arguments.json:
        print(as_json(found))
    else:
        print("\n".join(line for one in found for line in told(one)))
    return 0 if done else 1


def hold_of(taken: StoredRun) -> str:
    """Why an engine of its own begins without entries; "" where none are to come: a dry run changes nothing
    of the desk."""
    return (
        f"{taken.kind} {taken.day}: it is being prepared" if taken.kind != "daily" and not taken.dry else ""
    )


def _warn_of_positions(desk: DeskHere) -> None:
    from engine.api.protocol import StateFrame
    from engine.wiring.daily_session import held_of

    try:
        held = held_of(desk.look("/v1/snapshot", StateFrame))
    except LinkError as error:  # what was done stays done
        return _say(f"which positions stay open is not known: {error}")
    if held:
        _say(f"{len(held)} positions stay open, and no engine watches their stops until one is started")


def _say(text: str) -> None:
    print(f"tickdesk: {clean(text, 300)}", file=sys.stderr, flush=True)


# --- shown ---------------------------------------------------------------------------------------------


def show(arguments: argparse.Namespace, where: Path, day: str) -> int:
    """The runs of a day, or of all days where none is named."""
    from engine.wiring.daily_rows import daily_details, daily_rows

    if not day:
        rows = daily_rows(where, 30)
        if arguments.json:
            print(as_json(rows))
        else:
            print("\n".join(_listed(rows)) if rows else "no daily run yet: `tickdesk daily` begins one")
        return 0
    try:
        wanted = date.fromisoformat(day).isoformat()
    except ValueError:
        raise ConfigError(f"{clean(day, 40)!r} is no day: write it as in 2026-01-31") from None
    found = daily_details(where, wanted)
    if arguments.json:
        print(as_json(found))
    elif found:
        print("\n\n".join("\n".join(told(one)) for one in found))
    else:
        print(f"no daily run of {wanted}: `tickdesk daily --show` lists those there are")
    return 0 if found else NOTHING


def _listed(rows: Sequence[DailyRow]) -> list[str]:
    cells = [("DAY", "KIND", "ACCOUNT", "STATE", "STEP", "TOOK", "")]
    for row in rows:
        last = _last(row)
        began_ns = row.started_ns if last is None or row.ended_ns else last.started_ns
        cells.append(
            (
                *(row.day, _kind(row), row.account, f"{MARKS.get(row.state, '?')} {row.state}"),
                *("" if last is None else last.name, _took(began_ns, row.ended_ns), row.text[:90]),
            )
        )
    return table(cells, "<<<<<><")


def _last(row: DailyRow) -> DailyStepRow | None:
    """The step that is under way, or was the last to be: those that wait to be done again are not."""
    return next((step for step in reversed(row.steps) if step.state != "waiting"), None)


def told(detail: DailyDetail) -> list[str]:
    """A run: its steps, orders and figures."""
    row = detail.run
    lines = [f"{_kind(row)} {row.day}, {row.account}: {MARKS.get(row.state, '?')} {row.state}"]
    lines += table([_step(step) for step in row.steps], "<<><")
    for step in row.steps:
        if step.todo:
            lines.append(f"next: {step.todo}")
    if detail.orders:
        head = ("NUMBER", "SYMBOL", "SIDE", "QUANTITY", "STATE", "FILLED", "PRICE", "")
        cells = [
            (
                *(str(one.number), one.symbol, one.side, one.quantity, one.state, one.filled, one.price),
                one.text if one.text != "filled" else "",
            )
            for one in detail.orders
        ]
        rows: list[tuple[str, ...]] = [head, *cells]
        aligned = "><<><>><"
        if len({one.plan for one in detail.orders}) > 1:  # of a run that was repeated
            plans = ("PLAN", *(str(one.plan) for one in detail.orders))
            rows = [(plan, *cell) for plan, cell in zip(plans, rows, strict=True)]
            aligned = f">{aligned}"
        lines += ["", *table(rows, aligned)]
    if detail.report:
        lines += ["", *detail.report]
    return [clean(line, 400) for line in lines]


def _kind(row: DailyRow) -> str:
    return f"{row.kind} (dry)" if row.dry else row.kind


def _step(step: DailyStepRow) -> tuple[str, str, str, str]:
    again = f" (attempt {step.attempt})" if step.attempt > 1 else ""
    mark = f"{MARKS.get(step.state, '?')} {step.state}{again}"
    return step.name, mark, _took(step.started_ns, step.ended_ns), step.text


def _took(started_ns: int, ended_ns: int) -> str:
    if not started_ns:
        return ""
    if not ended_ns:
        return f"since {datetime.fromtimestamp(started_ns // 10**9, UTC):%H:%M:%S}Z"
    return f"{(ended_ns - started_ns) / 1e9:.1f} s"
