"""The command of automations' jobs, and of the workers that do them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from console.cli.command import Command

STATES = ("waiting", "running", "succeeded", "failed", "interrupted")


def _number(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a number from 1 to {most}")
        return int(text)

    return number


def add_jobs(command: Command) -> None:
    jobs = command("jobs", "what automations do and did, and where; or work for them here: jobs worker")
    jobs.epilog = (
        "A worker does calls and notifications of automations, and nothing on the desk. It needs "
        "automations.jobs.broker_url, as the engine has it (a password better by "
        "TICKDESK_AUTOMATIONS__JOBS__BROKER_URL), and in its environment what definitions name env:NAME. "
        "Who may write to the broker may use both: give it a password, and TLS beyond this machine."
    )
    jobs.add_argument("what", choices=("list", "worker"), nargs="?", default="list")
    jobs.add_argument("--name", metavar="NAME", default="", help="of list: of this automation")
    jobs.add_argument("--state", choices=STATES, default="", help="of list: in this state")
    jobs.add_argument(
        "--limit", type=_number(1000), metavar="N", default=50, help="of list: rows (default 50)"
    )
    jobs.add_argument("--json", action="store_true", help="of list: machine-readable")
    jobs.add_argument(
        "--concurrency", type=_number(256), metavar="N", default=2, help="of worker: jobs at once (default 2)"
    )
    jobs.add_argument(
        "--worker-name", metavar="NAME", default="jobs@%h", help="of worker: default jobs@<this machine>"
    )
