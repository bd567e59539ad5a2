from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Family, FeatureRow, Signal
from tests.quant.one_row import RowByRow
from tests.strategies.rows import any_row, feature_row

KNOWN: dict[str, Any] = {
    "close": 100.0,
    "bid": 99.99,
    "ask": 100.01,
    "bid_size": 3.0,
    "ask_size": 1.0,
    "window_volume": 10.0,
    "window_buy_volume": 8.0,
    "window_count": 5.0,
    "atr": 0.1,
    "momentum": 0.2,
    "return_std": 0.0015,
    "return_std_long": 0.001,
}


def heard(quant: RowByRow, name: str, row: FeatureRow) -> Signal | None:
    """What module ``name`` says of the row."""
    return next((signal for signal in quant.on_bar(row) if signal.source == name), None)


def walk(closes: list[float], **known: Any) -> list[Signal | None]:
    quant = RowByRow()
    rows = [feature_row(i, **(KNOWN | known | {"close": c})) for i, c in enumerate(closes, 1)]
    return [heard(quant, "speed", row) for row in rows]


@settings(max_examples=150, deadline=None)
@given(st.lists(any_row(), max_size=20))
def test_scores_are_bounded_and_the_same_for_the_same_rows(rows: list[FeatureRow]) -> None:
    first, second = RowByRow(), RowByRow()
    for row in rows:
        signals = first.on_bar(row)
        assert signals == second.on_bar(row)
        for signal in signals:
            assert -1.0 <= signal.score <= 1.0
            assert 0.0 <= signal.confidence <= 1.0
            assert signal.symbol == row.symbol and signal.ns == row.ns and signal.ttl_ns > 0


def test_without_data_a_module_is_absent() -> None:
    quant = RowByRow()
    assert [quant.on_bar(feature_row(bar)) for bar in range(1, 130)] == [[]] * 129


def test_every_module_has_its_family_and_a_filled_bar_no_opinion() -> None:
    quant = RowByRow()
    for bar in range(1, 8):
        signals = quant.on_bar(feature_row(bar, **KNOWN))
    assert [s.family for s in signals] == [Family.SPEED, Family.MICROSTRUCTURE, Family.VOLATILITY]
    assert quant.on_bar(feature_row(8, **(KNOWN | {"filled": 1.0}))) == []


# --- speed ---------------------------------------------------------------------------------------


def test_speed_is_the_move_in_units_of_its_own_volatility() -> None:
    signals = walk([100.0] * 5 + [100.1])
    assert signals[:5] == [None] * 5
    last = signals[5]
    assert last is not None
    z = (0.001 * 0.1 + 0.001 * 0.3 / math.sqrt(5)) / 0.001
    assert math.isclose(last.score, math.tanh(z / 0.4 / 1.5), rel_tol=1e-9)
    assert math.isclose(last.confidence, 0.4), "both warm horizons agree; 60 % of the weight is not warm"
    calmer = walk([100.0] * 5 + [100.1], return_std_long=0.002)[5]
    assert calmer is not None and 0.0 < calmer.score < last.score


def test_speed_is_symmetric_and_confident_when_horizons_agree() -> None:
    up = walk([100.0 * 1.001**i for i in range(70)])[-1]
    down = walk([100.0 / 1.001**i for i in range(70)])[-1]
    assert up is not None and down is not None
    assert up.score > 0.8 and math.isclose(up.score, -down.score, abs_tol=0.02)
    assert math.isclose(up.confidence, 1.0)
    turn = walk([100.0 * 1.001**i for i in range(60)] + [100.0 * 1.001 ** (60 - 3 * i) for i in range(1, 8)])[
        -1
    ]
    assert turn is not None and turn.confidence < 0.5


def test_speed_does_not_look_across_a_hole() -> None:
    quant = RowByRow()
    rows = [feature_row(bar, **KNOWN) for bar in (*range(1, 8), *range(90, 96))]
    spoken = [row.bars for row in rows if heard(quant, "speed", row) is not None]
    assert spoken == [6, 7, 95], "warm after five bars, twice"


# --- microstructure ------------------------------------------------------------------------------


def pressure(**known: Any) -> Signal | None:
    return heard(RowByRow(), "microstructure", feature_row(**(KNOWN | known)))


def test_microstructure_is_book_and_flow_scaled_down_by_the_spread() -> None:
    tight = pressure()
    assert tight is not None
    calm = 1 / (1 + 0.0002 / 0.001)
    assert math.isclose(tight.score, (0.5 + 0.6) / 2 * calm, rel_tol=1e-9)
    assert math.isclose(tight.confidence, 0.75 * calm, rel_tol=1e-9)
    wide = pressure(bid=99.0, ask=101.0)
    assert wide is not None and 0.0 < wide.score < tight.score / 10


def test_microstructure_leaves_out_what_it_does_not_know() -> None:
    flow = pressure(bid=float("nan"))
    book = pressure(window_volume=0.0)
    sizeless = pressure(bid_size=float("nan"))
    assert flow is not None and math.isclose(flow.score, 0.6) and math.isclose(flow.confidence, 0.25)
    assert book is not None and math.isclose(book.score, 0.5 / 1.2)
    assert sizeless is not None and math.isclose(sizeless.score, 0.6 / 1.2)
    assert pressure(bid=float("nan"), window_volume=float("nan")) is None
    assert pressure(bid=101.0, ask=100.0, window_volume=0.0) is None, "a crossed book is no book"
    untold = pressure(window_buy_volume=float("nan"))
    assert untold is not None and math.isclose(untold.score, 0.5 / 1.2), "who took is not known"


# --- volatility ----------------------------------------------------------------------------------


def regime(**known: Any) -> Signal:
    signal = heard(RowByRow(), "volatility", feature_row(**(KNOWN | known)))
    assert signal is not None
    return signal


def test_volatility_expands_in_the_direction_of_the_move() -> None:
    up = regime()
    assert math.isclose(up.score, 0.5 * math.tanh(1.0))
    assert math.isclose(up.confidence, 0.75)
    assert regime(momentum=-0.2).score == -up.score
    assert regime(return_std=0.003).score > up.score


def test_a_calm_market_scores_zero() -> None:
    calm = regime(return_std=0.001)
    assert (calm.score, calm.confidence) == (0.0, 0.5)


def test_volatility_is_absent_without_movement() -> None:
    for missing in ({"return_std_long": 0.0}, {"atr": 0.0}, {"momentum": float("nan")}):
        assert heard(RowByRow(), "volatility", feature_row(**(KNOWN | missing))) is None
