"""The account as rows for clients: balances, exposure, and who earned what."""

from __future__ import annotations

from decimal import Decimal

from engine.api.trading_protocol import AccountDetail, BalanceRow, ExposureRow, PnlRow
from engine.portfolio.books import Books
from engine.wiring.decimal_text import money, plain

_DIGITS = Decimal("1e-8")


def account_detail(books: Books) -> AccountDetail:
    """Everything of the account's books, as of their marks."""
    ledger = books.ledger
    equity = ledger.equity()
    return AccountDetail(
        currency=ledger.currency,
        equity=money(equity),
        balances=tuple(
            BalanceRow(
                row.currency,
                plain(row.cash.quantize(_DIGITS)),
                "" if row.rate is None else plain(row.rate),
                money(row.value),
            )
            for row in ledger.balances.rows()
        ),
        exposures=tuple(
            ExposureRow(
                row.kind,
                row.name,
                money(row.long),
                money(row.short),
                money(row.gross),
                money(row.net),
                float(row.gross / equity * 100) if row.gross is not None and equity else 0.0,
            )
            for row in books.exposures()
        ),
        pnl=tuple(
            PnlRow(
                row.name,
                money(row.realized),
                money(row.unrealized),
                money(row.fees),
                money(row.funding),
                money(row.net),
                row.trades,
                row.slippage_bps,
            )
            for row in books.pnl()
        ),
    )
