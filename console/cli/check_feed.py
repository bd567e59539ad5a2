"""``tickdesk check-feed VENUE CAPTURE… [--json]``: is the venue's adapter right on these captures?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.output import as_json
from engine.errors import ConfigError
from engine.text import clean

if TYPE_CHECKING:
    from engine.feeds.checking.report import CheckReport


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when nothing is wrong with any of them, else 1."""
    from engine.feeds.checking.files import check_file, checkable

    if arguments.venue not in checkable():
        known = ", ".join(sorted(checkable()))
        raise ConfigError(f"no adapter {clean(arguments.venue, 40)}: there are {known}")
    reports = [check_file(arguments.venue, path) for path in arguments.captures]
    ok = not any(report.wrong for report in reports)
    if arguments.json:
        print(as_json({"ok": ok, "captures": reports}))
    else:
        print("\n".join(line for report in reports for line in lines(report)))
    return 0 if ok else 1


def lines(report: CheckReport) -> list[str]:
    """A report for a person."""
    cut = ", cut off before its end" if report.truncated else ""
    text = [f"{Path(report.file).name}: {report.venue}, {report.rows:,} rows{cut}"]
    text.append(f"  {'kind':<24}{'decoded':>12}{'undecodable':>14}")
    for kind, count in report.kinds.items():
        text.append(f"  {kind:<24}{count.decoded:>12,}{count.undecodable:>14,}")
    if report.skipped:
        text.append(f"  {'not used':<24}{report.skipped:>12,}")
    events = ", ".join(f"{count:,} {name}" for name, count in sorted(report.events.items()))
    text.append(f"  {'events':<24}{events or 'none'}")
    text += [f"  undecodable             {example}" for example in report.examples]
    if report.samples:
        text.append("  single messages: their order says nothing, so gaps and books are not judged")
    else:
        text += _judged(report)
    text.append(f"  {'WRONG: ' + '; '.join(report.wrong) if report.wrong else 'right'}")
    return text


def _judged(report: CheckReport) -> list[str]:
    ticker = report.ticker
    told = [
        ("trade-id gaps", f"{report.trade_gaps:,} ({report.trades_missing:,} trades)"),
        ("trades told twice", f"{report.duplicates:,}"),
        ("sequence gaps", f"{report.sequence_gaps:,} (not noticed: {report.undetected_gaps:,})"),
        ("checksums", f"{report.checksums_ok:,} ok, {report.checksums_bad:,} bad"),
        ("crossed books", f"{report.crossed:,}"),
    ]
    if ticker.compared:
        share = 100 * ticker.equal / ticker.compared
        told.append(
            (
                "bid and offer",
                f"{ticker.equal:,} of {ticker.compared:,} as the venue's ticker ({share:.3f} %),"
                f" compared {ticker.rule}; {ticker.allowed:,} may differ",
            )
        )
    else:
        told.append(("bid and offer", "the capture has no ticker to compare its books with"))
    return [f"  {name:<24}{value}" for name, value in told]
