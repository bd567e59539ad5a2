"""The parity report as text, JSON and one web page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

import msgspec

from engine.portfolio.report.numbers import moment, number
from engine.portfolio.report.page import bullets, document
from engine.portfolio.report.table import Section, as_lines, figures
from engine.portfolio.report.table import as_html as table
from engine.research.parity import CAUSES, Parity, Row
from engine.research.report.sections import short

WIDTH = 80
SHOWN = 500
"""Rows of a page or a terminal; JSON has all."""


def title(parity: Parity) -> str:
    return f"tickdesk parity: {moment(parity.since_ns)} to {moment(parity.until_ns)} UTC"


def headline(parity: Parity) -> list[tuple[str, str]]:
    one = parity
    status = [row.status for row in one.rows]
    unexplained = [row for row in one.rows if row.cause == "unexplained"]
    return [
        ("Net, paper trading", f"{number(one.live_net)}"),
        ("Net, backtest", f"{number(one.backtest_net)}"),
        ("Difference", f"{number(one.live_net - one.backtest_net)}"),
        ("Trades matched", f"{one.matched:,}, the same to the last digit: {status.count('same'):,}"),
        ("Only in paper trading", f"{status.count('only_live'):,}"),
        ("Only in the backtest", f"{status.count('only_backtest'):,}"),
        (
            "Unexplained",
            f"{len(unexplained):,} trades, net {number(sum(row.net for row in unexplained) + 0.0)}",
        ),
        ("Data of the backtest", one.data),
    ]


def totals(parity: Parity) -> list[Section]:
    causes = [(one.told, f"{one.trades:,}", number(one.net + 0.0)) for one in parity.shares]
    found: list[Section] = [("By cause", ("cause", ">trades", ">net difference"), causes)]
    codes = sorted({*parity.denied_live, *parity.denied_backtest})
    denied = [
        (code, f"{parity.denied_live.get(code, 0):,}", f"{parity.denied_backtest.get(code, 0):,}")
        for code in codes
    ]
    return [*found, ("Denied by risk", ("code", ">paper trading", ">backtest"), denied)] if denied else found


def as_text(parity: Parity) -> str:
    head = title(parity)
    pairs = headline(parity)
    width = max(len(name) for name, _ in pairs)
    lines = [head, "=" * len(head), ""]
    for name, value in pairs:
        told = textwrap.wrap(value, WIDTH - width - 2) or [""]
        lines += [f"{name.ljust(width)}  {told[0]}", *(" " * (width + 2) + more for more in told[1:])]
    for name, heads, rows in totals(parity):
        lines += ["", name, "-" * len(name), *as_lines(heads, rows, WIDTH)]
    shown = [row for row in parity.rows if row.status != "same"]
    if shown:
        lines += ["", "Differences", "-----------"]
    for row in shown[:SHOWN]:
        lines += _lines(row)
    if len(shown) > SHOWN:
        lines.append(f"… and {len(shown) - SHOWN:,} more")
    lines.append("")
    for note in parity.notes:
        lines += textwrap.wrap(note, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def as_json(parity: Parity) -> str:
    return msgspec.json.format(msgspec.json.encode(parity), indent=2).decode() + "\n"


def as_html(parity: Parity) -> str:
    parts = [figures(headline(parity))]
    for name, heads, rows in totals(parity):
        parts += [f"<h2>{escape(name)}</h2>", table(heads, rows)]
    heads = (
        "opened",
        "symbol",
        "side",
        "which",
        ">net, paper",
        ">net, backtest",
        ">difference",
        "cause",
        "why",
    )
    shown = parity.rows[-SHOWN:]
    left_out = len(parity.rows) - len(shown)
    said = f"the newest; {left_out:,} more are left out" if left_out else ""
    parts += ["<h2>Trade by trade</h2>", table(heads, [_cells(row) for row in shown], said)]
    parts += ["<h2>Notes</h2>", bullets(parity.notes)]
    return document(title(parity), parts)


_WHICH = {"same": "both", "differs": "both", "only_live": "paper only", "only_backtest": "backtest only"}


def _lines(row: Row) -> Iterator[str]:
    trip = row.live or row.backtest
    assert trip is not None
    head = (
        f"{moment(row.ns)}  {trip.symbol} {trip.side} {short(f'{trip.quantity:.10g}')}, {_WHICH[row.status]}"
    )
    yield from textwrap.wrap(f"{head}, net difference {number(row.net + 0.0)}", WIDTH)
    why = f"{CAUSES[row.cause]}: {row.told}"
    for text in (why, *row.differs):
        yield from textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="      ")


def _cells(row: Row) -> Sequence[str]:
    trip = row.live or row.backtest
    assert trip is not None
    nets = (number(None if one is None else one.net) for one in (row.live, row.backtest))
    why = "; ".join(text for text in (row.told, *row.differs) if text)
    return (
        *(moment(row.ns), trip.symbol, trip.side, _WHICH[row.status], *nets, number(row.net + 0.0)),
        *(CAUSES[row.cause], why),
    )
