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

_WIDTH = 24


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
    width = max(_WIDTH, *(len(kind) + 1 for kind in report.kinds), 0)
    text.append(f"  {'kind':<{width}}{'decoded':>12}{'undecodable':>14}")
    for kind, count in report.kinds.items():
        text.append(f"  {kind:<{width}}{count.decoded:>12,}{count.undecodable:>14,}")
    if report.skipped:
        text.append(f"  {'not used':<{width}}{report.skipped:>12,}")
    events = ", ".join(f"{count:,} {name}" for name, count in sorted(report.events.items()))
    text.append(f"  {'events':<24}{events or 'none'}")
    text += [f"  undecodable             {example}" for example in report.examples]
    if report.samples:
        text.append("  single messages: their order says nothing, so gaps and books are not judged")
    else:
        text += _judged(report)
    text.append(f"  {_verdict(report)}")
    return text


def _verdict(report: CheckReport) -> str:
    if report.wrong:
        return f"WRONG: {'; '.join(report.wrong)}"
    upto = ", up to where it is cut off" if report.truncated else ""
    return f"right{upto}" if report.used else f"nothing to judge: the adapter has a use for none of it{upto}"


def _judged(report: CheckReport) -> list[str]:
    ticker = report.ticker
    told = [
        ("trade-id gaps", f"{report.trade_gaps:,} ({report.trades_missing:,} trades)"),
        ("cut while recorded", f"{report.cuts:,}"),
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
    elif report.books_built:
        told.append(("bid and offer", "the capture has no ticker to compare its books with"))
    else:
        told.append(("bid and offer", "there is no book to compare"))
    if report.unjudged:
        told.append(("books never built", f"{sum(report.unjudged.values()):,} messages not judged"))
    if report.unchecked:
        told.append(("after a fault", f"{report.unchecked:,} messages of books not checked"))
    return [f"  {name:<{_WIDTH}}{value}" for name, value in told]
