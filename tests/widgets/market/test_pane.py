"""What the title of the market tells, how prices are written, and what is said of an unknown symbol."""

from __future__ import annotations

import msgspec
import pytest

from tests.console import sample_market as sample
from widgets.market.detail import MarketDetail
from widgets.market.ladder import LadderPart
from widgets.market.pane import facts
from widgets.market.prices import decimals_of, price_text
from widgets.market.surroundings import Surroundings


def detail(**changes: object) -> MarketDetail:
    known = MarketDetail()
    known.merge(msgspec.structs.replace(sample.full_frame(sample.SYMBOL), **changes))
    return known


@pytest.mark.parametrize(
    ("stale", "past", "said"), [("", False, ""), ("no trade for 4 s", False, "~stale"), ("", True, "~past")]
)
def test_prices_that_are_not_of_now_carry_their_mark(stale: str, past: bool, said: str) -> None:
    symbol, price, spread = facts(detail(), Surroundings(sample.SYMBOL, stale), past=past)
    assert symbol == f"BTC-USD 1m {said}".strip()
    assert price.startswith("~") == spread.startswith("spread ~") == bool(said)


def test_a_symbol_that_the_desk_does_not_know_has_no_wrong_book() -> None:
    around = Surroundings("simulated:NO\x07-USD")
    unknown = detail(full=True, symbol=around.symbol, known=False, bids=(), asks=(), trades=(), bars=())
    assert facts(unknown, around) == ["NO-USD is not known here"]
    part = LadderPart()
    part.detail, part.around = unknown, around
    (line,) = part.layout_lines(70, 1)
    assert "not known to the desk: simulated:NO-USD" in line[0][0]


@pytest.mark.parametrize(
    ("price", "tick", "widest", "said"),
    [
        (64_218.37, "0.01", 13, "64,218.37"),
        (98_765_432.1, "0.01", 11, "98765432.10"),
        (-37.63, "0.01", 11, "-37.63"),
        (-12_345.678, "0.001", 8, "-12345.7"),
        (0.000_000_001_234_5, "0.000000000000001", 11, "1.2345e-09"),
        (5.123_456_789_012, "0.000000000001", 11, "5.123456789"),
        (0.000_000_001, "", 13, "1e-09"),
        (-1e300, "0.01", 8, "-1e+300"),
        (0.0, "0.01", 8, "0.00"),
    ],
)
def test_a_price_keeps_what_tells_it_apart(price: float, tick: str, widest: int, said: str) -> None:
    assert price_text(price, decimals_of(tick, (price,)), widest) == said
