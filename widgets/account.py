"""The account as lines to read: what there is, what is exposed, who earned what, what the gateways say."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api.trading_protocol import (
    AccountDetail,
    DriftRow,
    ExposureRow,
    Performance,
    PerformanceRow,
    PnlRow,
    ReconciliationRow,
)
from widgets import figures
from widgets.cells import Cell
from widgets.columns import Column
from widgets.lines import Line, section
from widgets.positions import signed_money
from widgets.symbol_names import short_name
from widgets.text_table import table_lines

MANUAL = "manual"
_BALANCES = (
    Column("currency", "currency", 10, 0),
    Column("cash", "cash", 18, 0, right=True, rounds=True, grow=6),
    Column("rate", "rate", 12, 2, right=True),
    Column("value", "worth", 16, 1, right=True, rounds=True),
)
_EXPOSURES = (
    Column("kind", "of", 9, 1),
    Column("name", "", 18, 0, grow=8),
    Column("gross", "gross", 13, 0, right=True, rounds=True),
    Column("pct", "% equity", 8, 1, right=True),
    Column("net", "net", 13, 0, right=True, rounds=True),
    Column("long", "long", 13, 3, right=True, rounds=True),
    Column("short", "short", 13, 3, right=True, rounds=True),
)
_PNL = (
    Column("name", "strategy", 16, 0, grow=8),
    Column("net", "net", 12, 0, right=True, rounds=True),
    Column("realized", "realised", 12, 1, right=True, rounds=True),
    Column("unrealized", "unrealised", 12, 1, right=True, rounds=True),
    Column("fees", "fees", 9, 2, right=True, rounds=True),
    Column("funding", "funding", 9, 4, right=True, rounds=True),
    Column("trades", "trades", 6, 3, right=True),
    Column("slippage", "slip bp", 7, 5, right=True),
)
_FIGURES = (
    Column("name", "of", 18, 0, grow=8),
    Column("net", "net", 12, 0, right=True, rounds=True),
    Column("return", "return", 8, 0, right=True),
    Column("drawdown", "max DD", 7, 0, right=True),
    Column("sharpe", "Sharpe", 7, 1, right=True),
    Column("sortino", "Sortino", 7, 3, right=True),
    Column("hits", "hits", 5, 2, right=True),
    Column("factor", "factor", 6, 4, right=True),
    Column("exposure", "expos.", 6, 6, right=True),
    Column("turnover", "turn/d", 6, 7, right=True),
    Column("trades", "trades", 6, 5, right=True),
)


def account_lines(account: AccountDetail | None, width: int) -> list[Line]:
    """Balances, exposure and P&L in ``width`` cells."""
    if account is None:
        return [(("balances, exposure and P&L: not known yet", "muted"),)]
    equity = figures.money(account.equity) if account.equity else "unknown"
    lines: list[Line] = [
        (),
        (
            ("equity ", "muted"),
            (equity, "bold" if account.equity else "warn"),
            (f" {account.currency}", "muted"),
        ),
    ]
    lines += section("P&L", f"{account.currency}; strategies, quant and {MANUAL} add up to the desk")
    lines += table_lines(_PNL, [_pnl(row) for row in sorted(account.pnl, key=_desk_first)], width)
    lines += exposure_lines(account, width)
    lines += section("Balances")
    balances = [
        (
            (row.currency, "bold"),
            (figures.amount(row.cash), "text"),
            (row.rate or "unknown", "muted" if row.rate else "warn"),
            (figures.money(row.value) if row.value else "unknown", "text" if row.value else "warn"),
        )
        for row in account.balances
    ]
    return lines + table_lines(_BALANCES, balances, width)


def exposure_lines(account: AccountDetail, width: int) -> list[Line]:
    """What is held long and short, in all and by what."""
    rows = [_exposure(row) for row in account.exposures]
    return [*section("Exposure", account.currency), *table_lines(_EXPOSURES, rows, width)]


def _desk_first(row: PnlRow) -> tuple[bool, bool, str]:
    return bool(row.name), row.name == MANUAL, row.name


def _pnl(row: PnlRow) -> list[Cell]:
    return [
        (row.name or "the desk", "text" if row.name else "bold"),
        signed_money(row.net),
        signed_money(row.realized),
        signed_money(row.unrealized),
        (figures.money(row.fees), "muted"),
        (figures.money(row.funding, sign=True), "muted"),
        (f"{row.trades:,}", "muted"),
        (figures.signed(row.slippage_bps, 1), "muted"),
    ]


def _exposure(row: ExposureRow) -> list[Cell]:
    total = row.kind == "total"
    return [
        (row.kind, "muted"),
        ("everything" if total else short_name(row.name), "bold" if total else "text"),
        (figures.money(row.gross), "text"),
        (f"{row.gross_pct:.1f}" if row.gross else figures.UNKNOWN, "text"),
        (figures.money(row.net, sign=True), "text"),
        (figures.money(row.long), "muted"),
        (figures.money(row.short), "muted"),
    ]


def performance_lines(performance: Performance | None, width: int) -> list[Line]:
    """Figures of the desk, its strategies and its sources, and what they rest on."""
    lines = section("Performance")
    if performance is None:
        return [*lines, (("not known yet", "muted"),)]
    since = figures.on_day(performance.since_ns, figures.day_of(performance.ns))
    lines = section("Performance", f"since {since}Z, {figures.age(performance.ns - performance.since_ns)}")
    lines += table_lines(_FIGURES, [_figures(row) for row in performance.rows], width)
    return lines + [((f"· {note}", "muted"),) for note in performance.notes]


def _figures(row: PerformanceRow) -> list[Cell]:
    drawdown = row.max_drawdown_pct
    name = {"desk": "the desk", "strategy": row.name, "source": f"source {row.name}"}[row.kind]
    return [
        (name, "bold" if row.kind == "desk" else "text"),
        signed_money(row.net),
        (figures.change(row.return_pct), figures.direction(row.return_pct)),
        (f"{-abs(drawdown):z.2f}%" if drawdown is not None else figures.UNKNOWN, "text"),
        (figures.signed(row.sharpe), "text"),
        (figures.signed(row.sortino), "text"),
        (f"{row.hit_rate:.0%}" if row.hit_rate is not None else figures.UNKNOWN, "text"),
        (figures.number(row.profit_factor), "text"),
        (f"{row.exposure_pct:.1f}%" if row.exposure_pct is not None else figures.UNKNOWN, "muted"),
        (figures.number(row.turnover, 1), "muted"),
        (f"{row.trades:,}", "muted"),
    ]


def drift_lines(gateways: Sequence[ReconciliationRow] | None, now_ns: int) -> list[Line]:
    """What each gateway and the desk agree on, in words."""
    lines = section("Gateways", "compared every minute; r compares now")
    if gateways is None:
        return [*lines, (("not known yet", "muted"),)]
    if not gateways:
        return [*lines, (("there is no gateway to compare with", "muted"),)]
    for row in gateways:
        when = f"{figures.age(now_ns - row.ns)} ago" if row.ns else "never yet"
        if row.error:
            lines.append(
                ((f"! {row.gateway}: not compared: {row.error}", "bad"), (f"  last {when}", "muted"))
            )
        elif not row.ns:
            lines.append(((f"{row.gateway}: never compared yet", "warn"),))
        elif not row.drifts:
            lines.append(
                (("✓ ", "good"), (f"{row.gateway} agrees with the desk", "text"), (f"  {when}", "muted"))
            )
        else:
            count = len(row.drifts)
            what = f"{count} difference{'' if count == 1 else 's'}"
            lines.append(
                ((f"! {row.gateway}: {what}", "bad"), (f"  {when}; nothing is changed by itself", "muted"))
            )
        if row.blocked:
            lines.append(((f"! {row.gateway} takes no orders: {row.blocked}", "bad"),))
        lines += [_drift(row.gateway, drift, now_ns) for drift in row.drifts]
    return lines


def _drift(gateway: str, drift: DriftRow, now_ns: int) -> Line:
    since = f"  for {figures.age(now_ns - drift.since_ns)}" if drift.since_ns else ""
    return (
        (f"  {drift.kind} ", "warn"),
        (drift.subject, "bold"),
        (": the desk has ", "muted"),
        (drift.ours or "none", "text"),
        (f", {gateway} has ", "muted"),
        (drift.theirs or "none", "text"),
        (since, "muted"),
    )
