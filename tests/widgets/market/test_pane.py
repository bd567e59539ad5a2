"""What the title of the market tells, and what the parts say of a symbol that the desk does not know."""

from __future__ import annotations

import msgspec
import pytest

from tests.console import sample_market as sample
from widgets.market.detail import MarketDetail
from widgets.market.ladder import LadderPart
from widgets.market.pane import facts
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
