"""The daily report as files, made by a process of its own: ``python -m engine.wiring.report_files``.

It reads a ``Request`` as JSON from standard input, and answers with ``Made`` on standard output.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path

import msgspec

from engine.config import AccountConfig
from engine.errors import TickdeskError
from engine.portfolio.report.day import DayReport
from engine.portfolio.report.html import as_html
from engine.portfolio.report.text import as_text, summary
from engine.text import clean
from engine.whole_file import whole_file
from engine.wiring.day_report import day_report

FOLDER = "reports"
"""In the state directory."""


class Request(msgspec.Struct, frozen=True):
    state_dir: str
    day: str
    account: AccountConfig
    now_ns: int


class Made(msgspec.Struct, frozen=True):
    """``error`` says why not, in one line; else ``path`` is the HTML file."""

    error: str = ""
    path: str = ""
    text: str = ""
    """The day in a few lines."""


def as_json(report: DayReport) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


FORMATS = {"text": as_text, "json": as_json, "html": as_html}


def report_path(state_dir: Path, day: date) -> Path:
    """The day's HTML file: written last, so that it stands for all of them."""
    return state_dir / FOLDER / f"{day.isoformat()}.html"


def make(request: Request) -> Made:
    """Write ``reports/DAY.json`` and ``.html``, whole or not at all. Raises TickdeskError and OSError."""
    day, state_dir = date.fromisoformat(request.day), Path(request.state_dir)
    report = day_report(state_dir, day, request.account, request.now_ns)
    path = report_path(state_dir, day)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    for suffix, render in ((".json", as_json), (".html", as_html)):
        with whole_file(path.with_suffix(suffix)) as file:
            file.write(render(report))
    return Made(path=str(path), text="\n".join(f"{label}: {value}" for label, value in summary(report)))


def main() -> int:
    os.nice(10)  # the engine beside it goes first
    try:
        made = make(msgspec.json.decode(sys.stdin.buffer.read(), type=Request))
    except (TickdeskError, OSError) as error:
        made = Made(clean(str(error), 300) or type(error).__name__)
    sys.stdout.buffer.write(msgspec.json.encode(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
