"""The commands of what feeds bring: checked, recorded, cut and replayed."""

from __future__ import annotations

from pathlib import Path

from console.cli.command import Command
from console.cli.data_arguments import add_tape
from console.cli.duration import duration


def add_feeds(command: Command) -> None:
    check = command("check-feed", "run captures through a venue's adapter: is it right?", "check_feed")
    check.add_argument("venue", metavar="VENUE", help="whose adapter, such as binance, kraken or okx")
    check.add_argument("captures", type=Path, nargs="+", metavar="CAPTURE", help="JSON lines, plain or gzip")
    check.add_argument("--json", action="store_true", help="machine-readable")

    record = command("record", "write what feeds bring to a tape, without a desk")
    record.add_argument("--venue", metavar="NAME", help="of this one only (default: the configured feeds)")
    record.add_argument(
        "--symbols", metavar="A,B", help="with --venue: canonical, or as the venue spells them"
    )
    form = record.add_mutually_exclusive_group()
    form.add_argument("--ticks", action="store_true", help="trades and quotes, compact (the default)")
    form.add_argument("--raw", action="store_true", help="every frame as it came, for check-feed and --tape")
    record.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="NAME.tape, with --raw NAME.jsonl.gz (default: the venue's name)",
    )
    record.add_argument(
        "--for", type=duration, metavar="TIME", dest="seconds", help="90s, 10m, 2h or 1d; else until Ctrl-C"
    )

    add_tape(command("tape", "what is on a tape; a part of it; the same in another form; one made of a file"))

    replay = command("replay", "run the whole engine over tapes, as fast as it goes")
    replay.add_argument("tapes", type=Path, nargs="+", metavar="TAPE")
    replay.add_argument("--venue", metavar="NAME", help="decode as this venue's (default: detected)")
    replay.add_argument("--json", action="store_true", help="machine-readable")
