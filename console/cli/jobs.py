"""``tickdesk jobs [list|worker]``: runs of automations, and a worker for what they do outside of the desk."""

from __future__ import annotations

import argparse
import logging
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from console.cli.client import ask
from console.cli.output import as_json, table
from console.cli.settings import config_path, state_dir
from engine.api.protocol import JobRow
from engine.errors import ConfigError
from engine.text import clean

_WORKER = re.compile(r"[A-Za-z0-9_.%@-]{1,100}")


def run(arguments: argparse.Namespace) -> int:
    if arguments.what == "worker":
        return _work(arguments)
    asked = {"limit": arguments.limit, "name": arguments.name, "state": arguments.state}
    path = f"/v1/jobs?{urlencode({name: value for name, value in asked.items() if value})}"
    rows = ask(state_dir(arguments), "GET", path, tuple[JobRow, ...])
    if arguments.json:
        print(as_json(rows))
    else:
        print("\n".join(lines(rows)) if rows else "no jobs")
    return 0


def lines(rows: tuple[JobRow, ...]) -> list[str]:
    """A line each, for a person; a failure has another one."""
    heading = ("started (UTC)", "automation", "symbol", "state", "where", "try", "took", "step")
    cells = [
        (
            f"{datetime.fromtimestamp(row.started_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}",
            clean(row.automation, 40),
            clean(row.symbol, 40),
            clean(row.state, 20),
            clean(row.place, 60) or "-",
            str(row.attempt),
            f"{(row.ended_ns - row.started_ns) / 1e9:.1f} s" if row.ended_ns else "",
            clean(row.step, 40),
        )
        for row in rows
    ]
    heads, *told = table([heading, *cells], "<<<<<>><")
    shown = [heads]
    for row, line in zip(rows, told, strict=True):
        shown.append(line)
        if row.error:
            shown.append(f"    {clean(row.error, 300)}")
    return shown


def _work(arguments: argparse.Namespace) -> int:
    # Without the strategies: what a worker does not do, it need not load.
    from engine.config import load
    from engine.wiring.job_board import check_jobs

    config = load(config_path(arguments), overrides=arguments.overrides)
    jobs = config.automations.jobs
    if not jobs.broker_url:
        raise ConfigError(
            "a worker needs automations.jobs.broker_url, the engine's: write redis://host:port/0"
        )
    if not _WORKER.fullmatch(arguments.worker_name):
        raise ConfigError("--worker-name: write letters, digits and any of . _ - @ %")
    check_jobs(jobs)
    from engine.wiring.job_worker import work_forever

    logging.basicConfig(
        level=config.logging.level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    work_forever(
        jobs,
        concurrency=arguments.concurrency,
        name=arguments.worker_name,
        level=config.logging.level,
    )
    return 0
