"""The daily report as plain text."""

from __future__ import annotations

from engine.portfolio.report.day import Amounts, DayReport
from engine.portfolio.report.numbers import moment, number, share
from engine.portfolio.report.table import Section, as_lines

SHOWN = 200
"""Round trips that a person is shown; JSON has all."""


def summary(report: DayReport) -> list[tuple[str, str]]:
    """The day in a few figures: label and value."""
    currency = report.currency
    return [
        ("Net P&L", f"{report.desk.net or '-'} {currency} ({number(report.return_pct, 3)} %)"),
        ("Equity", f"{report.equity_start or '-'} → {report.equity_end or '-'} {currency}"),
        ("Realized", report.desk.realized or "-"),
        ("Unrealized, change", report.desk.unrealized or "-"),
        ("Fees", report.desk.fees or "-"),
        ("Funding", report.desk.funding or "-"),
        ("Max drawdown", f"{number(report.max_drawdown_pct, 3)} %"),
        (
            "Gross exposure",
            f"mean {number(report.exposure_mean_pct, 1)} %, most {number(report.exposure_max_pct, 1)} %",
        ),
        ("Fills", f"{report.fills:,}, traded {report.traded or '-'}"),
        (
            "Round trips",
            f"{report.trips:,}, won {share(report.hit_rate)}, profit factor {number(report.profit_factor)}",
        ),
        ("Denied by risk", f"{sum(report.denied.values()):,}"),
        ("Rejected by a venue", f"{report.rejected:,}"),
    ]


def sections(report: DayReport) -> list[Section]:
    found: list[Section] = [
        (
            "Strategies",
            ("name", ">realized", ">unrealized", ">fees", ">funding", ">net"),
            [_amounts(one) for one in report.strategies],
        ),
        (
            "Signal sources (round trips that ended, by contribution to the blend that opened them)",
            ("name", ">net", ">trips", ">won", ">profit factor"),
            [
                (one.name, one.net or "-", f"{one.trips}", share(one.hit_rate), number(one.profit_factor))
                for one in report.sources
            ],
        ),
        (
            _trades_title(report),
            (
                "closed",
                "symbol",
                "side",
                ">quantity",
                ">entry",
                ">exit",
                ">net",
                "currency",
                "ended by",
                "whose",
            ),
            [
                (
                    *(moment(one.closed_ns)[11:], one.symbol, one.side, one.quantity, one.entry, one.exit),
                    *(one.net, one.currency, one.purpose or "-", ", ".join(one.strategies)),
                )
                for one in report.trades[-SHOWN:]
            ],
        ),
        (
            "Open positions",
            ("symbol", ">quantity", ">entry", ">mark", ">unrealized", "currency", "whose"),
            [
                (
                    *(one.symbol, one.quantity, one.entry, one.mark or "-", one.unrealized or "-"),
                    *(one.currency, ", ".join(one.strategies)),
                )
                for one in report.positions
            ],
        ),
        (
            "Slippage against the mid at the decision, basis points (above 0 is worse)",
            ("of", ">bps", ">fills"),
            [(one.purpose or "all", number(one.bps), f"{one.fills}") for one in report.slippage],
        ),
        ("Denied by risk", ("code", ">orders"), [(code, f"{n}") for code, n in report.denied.items()]),
        ("Trading state", ("at", "change"), [(moment(one.ns)[11:], one.text) for one in report.states]),
        ("Limits changed", ("at", "change"), [(moment(one.ns)[11:], one.text) for one in report.limits]),
    ]
    return [section for section in found if section[2]]


def title(report: DayReport) -> str:
    return f"tickdesk {report.day} (UTC{'' if report.whole else ', until ' + moment(report.made_ns)[11:]})"


def as_text(report: DayReport) -> str:
    lines = [title(report), "=" * len(title(report)), ""]
    labels = summary(report)
    width = max(len(label) for label, _ in labels)
    lines += [f"{label.ljust(width)}  {value}" for label, value in labels]
    for name, heads, rows in sections(report):
        lines += ["", name, "-" * min(len(name), 78), *as_lines(heads, rows)]
    for name, texts in (("Notes", report.notes), ("Not modelled by paper fills", report.not_modelled)):
        if texts:
            lines += ["", name, "-" * len(name), *texts]
    return "\n".join(lines) + "\n"


def _trades_title(report: DayReport) -> str:
    left_out = report.trips - min(SHOWN, len(report.trades))
    return f"Round trips (the newest {SHOWN} of {report.trips:,})" if left_out > 0 else "Round trips"


def _amounts(one: Amounts) -> tuple[str, ...]:
    texts = (one.realized, one.unrealized, one.fees, one.funding, one.net)
    return (one.name, *(text or "-" for text in texts))
