"""``tickdesk report [--day DAY] [--format text|json|html] [--out FILE]``: what a day came to."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, date, datetime

from console.cli.output import opened
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError, StoreError
from engine.text import clean


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring.day_report import day_report
    from engine.wiring.report_files import FORMATS

    day = given_day(arguments.day)
    account = configuration(arguments).account
    report = day_report(state_dir(arguments), day, account, time.time_ns())
    if report.whole and report.empty:
        raise StoreError(f"no data for {day}: nothing of this desk was written down that day")
    with opened(arguments.out) as file:
        file.write(FORMATS[arguments.format](report))
    if arguments.out != "-":
        print(f"{arguments.out}: {day} as {arguments.format}")
    return 0


def given_day(text: str | None) -> date:
    """Today, unless it is given."""
    today = datetime.now(UTC).date()
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{clean(text, 40)!r} is no day: write it as in 2025-01-31") from None
    if not date(1970, 1, 2) <= day <= today:
        raise ConfigError(f"{day} has not begun (days are of UTC)" if day > today else f"{day} is too early")
    return day
