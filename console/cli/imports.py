"""What commands that import files have in common: the zone of times, progress, and what was not believed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from console.cli.output import opened
from engine.errors import ConfigError
from engine.text import clean

if TYPE_CHECKING:
    from engine.wiring.bar_import import Reject

_SHOWN = 20


def zone_of(name: str) -> tzinfo:
    """Raises ConfigError for what is no time zone."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ConfigError(f"{clean(name, 40)!r} is no time zone: write it as in America/New_York") from None


def noting(text: str) -> None:
    """Progress, where somebody looks."""
    if sys.stderr.isatty():
        print(f"tickdesk: {clean(text, 120)}", file=sys.stderr)


def complain(rejects: Sequence[tuple[str, Reject]], out: Path | None, *, quiet: bool) -> None:
    """Tell the first lines that were not believed, and write all of them to ``out``."""
    if out is not None:
        from console.table_csv import guarded

        with opened(str(out)) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("file", "line", "time", "reason", "told"))
            writer.writerows(
                (guarded(name), one.line, _time(one.ns), one.reason, guarded(one.told))
                for name, one in rejects
            )
    if quiet:
        return
    for name, one in rejects[:_SHOWN]:
        print(f"tickdesk: {clean(name, 60)}, line {one.line}: {one.reason}: {one.told}", file=sys.stderr)
    if len(rejects) > _SHOWN:
        where = f"all are in {out}" if out is not None else "--rejects FILE writes all of them"
        print(f"tickdesk: and {len(rejects) - _SHOWN:,} more; {where}", file=sys.stderr)


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat() if ns else ""
