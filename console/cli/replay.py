"""``tickdesk replay TAPE… [--json]``: counts per stage, P&L, speed, and a digest of all orders and fills."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from console.cli.settings import configuration, state_dir

if TYPE_CHECKING:
    from engine.wiring.replay import ReplayReport


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring.replay import replay

    config = configuration(arguments)

    def note(text: str) -> None:
        if sys.stderr.isatty():
            print(text, file=sys.stderr)

    def go(where: Path) -> ReplayReport:
        return replay(config, arguments.tapes, where, venue=arguments.venue, note=note)

    if arguments.state_dir is not None:
        report = go(state_dir(arguments))
    else:
        with tempfile.TemporaryDirectory(prefix="tickdesk-replay-") as temporary:
            report = go(Path(temporary))
    if report.truncated:
        print(
            "tickdesk: the tape ends before its end (cut off or damaged): what came before was replayed",
            file=sys.stderr,
        )
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print("\n".join(lines(report)))
    return 0


def lines(report: ReplayReport) -> list[str]:
    """The report for a person: a name and a value a line, denials by reason below them."""
    text = []
    told = msgspec.to_builtins(report)
    if told["venue"] == "tape":
        del told["venue"]  # the desk's own tapes: their symbols tell whose they are
    if not told["lines"]:
        del told["lines"]  # a columnar tape has none
    for name, value in told.items():
        if isinstance(value, dict):
            text.append(f"{name}:" if value else f"{name:<30} none")
            text += [f"  {key:<28} {_number(item)}" for key, item in value.items()]
        elif isinstance(value, (list, tuple)):
            text.append(f"{name:<30} {', '.join(map(str, value))}")
        else:
            text.append(f"{name:<30} {_number(round(value) if name.endswith('_per_s') else value)}")
    return text


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3f}"
