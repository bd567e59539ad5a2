"""``tickdesk parity [--day DAY | --since TIME]``: paper trading against a backtest of the same time."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from console.cli.output import check_place, opened
from console.cli.progress import Progress
from console.cli.report import given_day
from console.cli.settings import configuration, state_dir
from engine.errors import ConfigError
from engine.events import NS
from engine.given_time import given_span


def run(arguments: argparse.Namespace) -> int:
    from engine.research.report import parity as report
    from engine.wiring.parity import parity

    since_ns, until_ns = _period(arguments, time.time_ns())
    config, where = configuration(arguments), state_dir(arguments)
    if arguments.out != "-":
        check_place(Path(arguments.out), [tape.resolve() for tape in arguments.tapes], "out")
    with Progress() as shown:
        found = parity(
            config,
            where,
            since_ns,
            until_ns,
            tapes=arguments.tapes,
            warm_ns=round(arguments.warm_up * NS),
            note=shown.note,
            progress=shown.progress,
        )
    render = {"text": report.as_text, "json": report.as_json, "html": report.as_html}[arguments.format]
    with opened(arguments.out) as file:
        file.write(render(found))
    if arguments.out != "-":
        print(f"{arguments.out}: {report.title(found)} as {arguments.format}")
    return 0


def _period(arguments: argparse.Namespace, now_ns: int) -> tuple[int, int]:
    """Raises ConfigError."""
    from engine.wiring.day_report import DAY_NS, begin_of

    if arguments.since is None and arguments.until is None:
        begin_ns = begin_of(given_day(arguments.day))
        return begin_ns, min(begin_ns + DAY_NS, now_ns)
    if arguments.day is not None:
        raise ConfigError("give --day, or --since and --until")
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    if since_ns is None:
        raise ConfigError("--until needs --since: from when on?")
    if until_ns is None and since_ns >= now_ns:
        raise ConfigError("--since lies ahead: nothing was traded then")
    return since_ns, now_ns if until_ns is None else until_ns
