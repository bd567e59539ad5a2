"""``tickdesk account``, ``positions`` and ``reconcile``: what is held, whose it is, and who agrees."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import msgspec

from console.cli.client import ask
from console.cli.orders import say
from console.cli.output import as_json, table
from console.cli.settings import state_dir
from engine.api.protocol import Reply, StateFrame
from engine.api.rows import PositionRow
from engine.api.trading_protocol import AcceptCash, AccountDetail, ReconciliationRow
from engine.text import clean

RECONCILE_S = 60.0


def run(arguments: argparse.Namespace) -> int:
    """``account``"""
    detail = ask(state_dir(arguments), "GET", "/v1/account", AccountDetail)
    print(as_json(detail) if arguments.json else "\n".join(_lines(detail)))
    return 0


def positions(arguments: argparse.Namespace) -> int:
    frame = ask(state_dir(arguments), "GET", "/v1/snapshot", StateFrame)
    held = tuple(row for row in frame.positions if row.quantity != "0")
    print(as_json(held) if arguments.json else "\n".join(_positions(held)))
    return 0


def reconcile(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    if arguments.accept_cash is not None:
        body = msgspec.json.encode(AcceptCash(arguments.accept_cash))
        reply = ask(where, "POST", "/v1/reconcile/cash", Reply, body=body, timeout_s=RECONCILE_S)
        return say(reply, json=arguments.json)
    reply = ask(where, "POST", "/v1/reconcile", Reply, timeout_s=RECONCILE_S)
    rows = ask(where, "GET", "/v1/reconciliation", tuple[ReconciliationRow, ...])
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return 0 if reply.ok else 1
    code = say(reply, json=False)
    for row in rows:
        for drift in row.drifts:
            since = datetime.fromtimestamp(drift.since_ns / 1e9, UTC)
            told = f"{row.gateway}: {drift.kind} {drift.subject}: ours {drift.ours}, theirs {drift.theirs}"
            print(clean(f"{told}, since {since:%Y-%m-%d %H:%M:%S}Z", 400))
    return code


def _lines(detail: AccountDetail) -> list[str]:
    balances = [("currency", "cash", "rate", "value")]
    balances += [(row.currency, row.cash, row.rate or "unknown", row.value) for row in detail.balances]
    exposures = [("exposure", "", "long", "short", "gross", "net", "% of equity")]
    exposures += [
        (row.kind, row.name, row.long, row.short, row.gross, row.net, f"{row.gross_pct:.2f}")
        for row in detail.exposures
    ]
    pnl = [("earned by", "realized", "unrealized", "fees", "funding", "net", "trades", "slippage")]
    pnl += [
        (
            *(row.name or "the desk", row.realized, row.unrealized, row.fees, row.funding, row.net),
            *(f"{row.trades}", "" if row.slippage_bps is None else f"{row.slippage_bps:+.2f} bps"),
        )
        for row in detail.pnl
    ]
    parts = (table(balances, "<>>>"), table(exposures, "<<>>>>>"), table(pnl, "<>>>>>>>"))
    lines = [f"equity {detail.equity or 'unknown'} {detail.currency}"]
    for part in parts:
        lines += ["", *part]
    return [clean(line, 300) if line else "" for line in lines]


def _positions(rows: tuple[PositionRow, ...]) -> list[str]:
    if not rows:
        return ["no positions"]
    cells = [("symbol", "quantity", "entry", "mark", "unrealized", "realized", "stop", "target", "trailing")]
    cells += [
        (
            *(row.symbol, row.quantity, row.entry_price, row.mark_price + (" stale" if row.stale else "")),
            *(row.unrealized, row.realized, row.stop_price, row.target_price, row.trailing_price),
        )
        for row in rows
    ]
    return table(cells, "<>>>>>>>>")
