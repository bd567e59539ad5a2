"""The daily report, written into the state directory by itself: each UTC day once, missed ones later."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from engine.config import Config
from engine.errors import StoreError
from engine.events import NS
from engine.models.child_environment import child_environment
from engine.processor import keep_off
from engine.store.read import DATABASE, Reader
from engine.text import clean
from engine.wiring.day_report import DAY_NS, begin_of
from engine.wiring.report_files import FOLDER, Made, Request, report_path

log = logging.getLogger("engine.reports")

LOOK_S = 15.0
TIMEOUT_S = 600.0
MISSED_DAYS = 7
"""So far back a missed report is made."""
SOURCE = "report"


class DailyReports:
    """Each is made by a child process of low priority: the desk goes on beside it."""

    def __init__(
        self,
        state_dir: Path,
        config: Config,
        *,
        clock: Callable[[], int],
        alert: Callable[[str, str, str], None],
        tell: Callable[[str, str], None],
        look_s: float = LOOK_S,
    ) -> None:
        """``tell(day, text)`` takes what a new report says in a few lines."""
        self._state_dir = state_dir
        self._account = config.account
        hours, minutes = config.performance.report_at.split(":")
        self._after = timedelta(hours=int(hours), minutes=int(minutes))
        self._clock = clock
        self._alert = alert
        self._tell = tell
        self._look_s = look_s
        self._done: date | None = None

    async def run(self) -> None:
        """Make what is due, until canceled."""
        while True:
            last = self._last(self._clock())
            if self._done is None or last > self._done:
                for day in await asyncio.to_thread(self._due, last):
                    await self._make(day)
                self._done = last
            await asyncio.sleep(self._look_s)

    def _last(self, now_ns: int) -> date:
        """The newest day whose report is due."""
        now = datetime.fromtimestamp(now_ns // NS, UTC)
        return (now - self._after).date() - timedelta(days=1)

    def _due(self, last: date) -> list[date]:
        """Days of the last week in which the desk ran and that have no report. On a thread."""
        try:
            reader = Reader(self._state_dir / DATABASE)
            try:
                closes = reader.equity_closes(begin_of(last) + DAY_NS)
            finally:
                reader.close()
        except StoreError as error:
            log.warning("reports: %s", error)
            return []
        days = {datetime.fromtimestamp(point.ns // NS, UTC).date() for point in closes}
        first = last - timedelta(days=MISSED_DAYS - 1)
        return [
            day for day in sorted(days) if day >= first and not report_path(self._state_dir, day).exists()
        ]

    async def _make(self, day: date) -> None:
        request = Request(str(self._state_dir), day.isoformat(), self._account, self._clock())
        try:
            made = await _made(request)
        except (OSError, TimeoutError) as error:
            made = Made(f"{type(error).__name__} {error}".strip())
        if made.error:
            log.error("report of %s: %s", day, made.error)
            self._alert("error", SOURCE, clean(f"no report of {day}: {made.error}", 300))
            return
        self._alert("info", SOURCE, f"{day}: {FOLDER}/{Path(made.path).name}")
        self._tell(day.isoformat(), made.text)


async def _made(request: Request) -> Made:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "engine.wiring.report_files"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
        start_new_session=True,
    )
    keep_off(child.pid)
    try:
        async with asyncio.timeout(TIMEOUT_S):  # wait_for may swallow a cancellation
            answer, said = await child.communicate(msgspec.json.encode(request))
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    try:
        return msgspec.json.decode(answer, type=Made)
    except msgspec.DecodeError:
        lines = said[-2000:].decode("utf-8", "replace").strip().splitlines()
        why = clean(lines[-1], 160) if lines else "no message"
        return Made(f"its process ended with code {child.returncode}: {why}")
