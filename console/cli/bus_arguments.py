"""Commands of a desk that is spread over workers: up, worker, bus."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.command import Command

_BUS = "redis://host:port/0, rediss:// or unix://; a password better by TICKDESK_BUS__URL"


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError("a number from 1 to 256")
    return int(text)


def add_bus(command: Command) -> None:
    up = command("up", "a whole topology on this machine: market, features and execution as workers")
    up.epilog = (
        "Without --bus it runs a Redis server of its own in the state directory. `tickdesk attach` with the "
        "same --state-dir shows the desk. With --tape it plays it as fast as it goes, and reports."
    )
    up.add_argument("--bus", metavar="URL", help=f"{_BUS} (default: bus.url, or a server of its own)")
    up.add_argument("--features", type=_workers, metavar="N", default=1, help="workers of that stage")
    up.add_argument("--tape", type=Path, nargs="+", metavar="FILE", default=[], help="instead of live feeds")
    up.add_argument("--venue", metavar="NAME", help="decode the tape as this venue's (default: detected)")
    up.add_argument("--json", action="store_true", help="the report of a tape machine-readable")
    up.add_argument(
        "--no-spares",
        action="store_true",
        help="no second process of each worker that goes on in its place when it dies: half of the memory",
    )

    worker = command("worker", "run stages of a topology here: market, features, execution")
    worker.add_argument("stages", nargs="+", metavar="STAGE", choices=("market", "features", "execution"))
    worker.add_argument("--bus", metavar="URL", help=f"{_BUS} (default: bus.url)")
    worker.add_argument("--tape", type=Path, nargs="+", metavar="FILE", default=[], help="of market: play it")
    worker.add_argument("--venue", metavar="NAME", help="decode the tape as this venue's (default: detected)")
    worker.add_argument(
        "--report", action="store_true", help="of execution: play a tape's rounds without a screen, report"
    )
    worker.add_argument("--json", action="store_true", help="the report machine-readable")
    worker.add_argument(
        "--spare",
        action="store_true",
        help="where a worker runs in this state directory: load all, and go on in its place when it dies",
    )

    bus = command("bus", "what is on the bus: streams, groups, consumers, pending, lag, leases, workers")
    bus.add_argument("what", choices=("inspect",))
    bus.add_argument("--bus", metavar="URL", help=f"{_BUS} (default: bus.url)")
    bus.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")
    bus.add_argument("--json", action="store_true", help="machine-readable")
