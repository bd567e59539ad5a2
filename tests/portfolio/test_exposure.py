"""Exposure by symbol, strategy, side and in total."""

from __future__ import annotations

from engine.portfolio.attribution import MANUAL
from engine.portfolio.exposure import Exposure
from tests.portfolio.books_script import BTC, ETH, EURO, D, books, fill, order


def test_long_short_gross_and_net_in_the_accounts_currency() -> None:
    kept = books()
    kept.set_rate("EUR", D("1.5"))
    for one, sources in (
        (fill(1, "4", "100"), ("trend", "model")),
        (fill(2, "-2", "50", symbol=ETH), ("trend",)),
        (fill(3, "1", "200", symbol=EURO), ()),
    ):
        kept.apply(one, order(one, *sources))
    kept.ledger.mark(BTC, D(110))
    rows = kept.exposures()
    assert rows == [
        Exposure("total", "", D(740), D(100)),
        Exposure("side", "long", D(740), D(0)),
        Exposure("side", "short", D(0), D(100)),
        Exposure("symbol", BTC, D(440), D(0)),
        Exposure("symbol", ETH, D(0), D(100)),
        Exposure("symbol", EURO, D(300), D(0)),
        Exposure("strategy", "trend", D(220), D(100)),
        Exposure("strategy", "model", D(220), D(0)),
        Exposure("strategy", MANUAL, D(300), D(0)),
    ]
    assert (rows[0].gross, rows[0].net) == (D(840), D(640)) == kept.ledger.standing(0)[3:]
    assert (rows[6].gross, rows[6].net) == (D(320), D(120))


def test_without_a_rate_what_it_is_part_of_is_unknown() -> None:
    kept = books()
    for one in (fill(1, "-1", "100"), fill(2, "1", "200", symbol=EURO)):
        kept.apply(one, None)
    total, long, short, btc, euro, manual = kept.exposures()
    assert (total.long, total.short, total.gross, total.net) == (None, D(100), None, None)
    assert (long.gross, short.gross, btc.net, euro.net, manual.net) == (None, D(100), D(-100), None, None)


def test_a_flat_account_has_none() -> None:
    kept = books()
    kept.apply(fill(1, "1", "100"), None)
    kept.apply(fill(2, "-1", "100"), None)
    assert [(row.kind, row.gross) for row in kept.exposures()] == [("total", 0), ("side", 0), ("side", 0)]
