"""Missing trades: rows say so until the window and the average volume are past them, on every way alike."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config import FeaturesConfig
from engine.events import NS
from engine.features.engine import BARS, NONE, FeatureEngine
from engine.quant.registry import QuantSet
from tests.features.ticks import T0, block, quote, trade

PERIOD = 4


def engine() -> FeatureEngine:
    made = FeatureEngine(FeaturesConfig(volume_ma_period=PERIOD))
    made.add_symbol("test:A")
    made.add_symbol("test:B")
    return made


def run(features: FeatureEngine, *ticks: tuple[object, ...]) -> None:
    packed, position = block(*ticks), 0
    while (outcome := features.feed(packed, position, len(packed)))[0] != NONE:
        position = outcome[1]


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def flags(features: FeatureEngine, index: int = 0) -> tuple[float, float]:
    row = features.row(index)
    return row.window_gapped, row.volume_gapped


def test_nothing_is_missing_at_first() -> None:
    features = engine()
    run(features, trade(0, 100.0), trade(1.5, 100.0))
    assert flags(features) == (0.0, 0.0)


def test_a_gap_marks_the_window_until_it_has_rolled_past_it() -> None:
    features = engine()
    run(features, trade(0, 100.0))
    features.miss_trades(0, at(1.2))
    assert flags(features) == (1.0, 1.0) and flags(features, 1) == (0.0, 0.0)
    run(features, trade(6.1, 100.0))
    assert flags(features)[0] == 1.0
    run(features, trade(6.2, 100.0))
    assert flags(features)[0] == 0.0, "exactly as old as the window is out"


def test_a_gap_marks_the_bars_of_the_average_volume() -> None:
    features = engine()
    run(features, trade(0, 100.0))
    features.miss_trades(0, at(0.5))
    seen = []
    for second in range(1, PERIOD + 3):
        run(features, trade(second + 0.1, 100.0))
        seen.append(flags(features)[1])
    assert seen == [1.0] * PERIOD + [0.0] * 2


def test_a_second_gap_marks_anew() -> None:
    features = engine()
    run(features, trade(0, 100.0))
    features.miss_trades(0, at(0.5))
    run(features, trade(3.1, 100.0))
    features.miss_trades(0, at(3.5))
    run(features, trade(8.4, 100.0))
    assert flags(features) == (1.0, 0.0) or flags(features) == (1.0, 1.0)
    run(features, trade(8.6, 100.0))
    assert flags(features)[0] == 0.0


def test_trades_that_are_told_too_late_for_the_window_are_missing_in_it() -> None:
    features = engine()
    run(features, trade(0, 100.0), trade(0.4, 101.0, 5.0, backfilled=True))
    assert flags(features) == (1.0, 1.0)
    assert features.row(0).window_volume == 1.0


def test_a_rejected_one_is_not_missing() -> None:
    features = engine()
    run(features, trade(0, 100.0), trade(0.4, 101.0, 5.0, backfilled=True, reject=4))
    assert flags(features) == (0.0, 0.0)


def test_the_closed_table_says_what_the_rows_say() -> None:
    features = engine()
    run(features, trade(0, 100.0), trade(0.1, 100.0, symbol=1))
    features.miss_trades(1, at(0.5))
    assert features.advance(at(1)) == BARS
    table = features.closed_table()
    assert table.column("window_gapped").tolist() == [0.0, 1.0]
    assert table.column("volume_gapped").tolist() == [0.0, 1.0]


def test_there_is_no_flow_while_trades_are_missing() -> None:
    def scored(gap: bool) -> tuple[float, float]:
        features, quant = engine(), QuantSet()
        quant.add_symbol(), quant.add_symbol()
        ticks = [trade(0.1 * number, 100.0, side=1) for number in range(9)]
        run(features, quote(0, 99.99, 100.01, 5.0, 5.0), *ticks)
        if gap:
            features.miss_trades(0, at(0.9))
        assert features.advance(at(1)) == BARS
        scores, confidences = quant.on_bars(features.closed_table())
        return float(scores[1, 0]), float(confidences[1, 0])

    whole, holed = scored(False), scored(True)
    assert whole[0] > 0.3 and holed[0] == 0.0
    assert 0.0 < holed[1] < whole[1]


def test_a_doubted_quote_is_not_believed_once_a_trade_says_more() -> None:
    features = engine()
    run(features, quote(0, 99.0, 101.0), trade(0.1, 100.0))
    features.doubt_quote(0)
    assert features.quote_ns(0) == 0
    assert np.isnan(features.live_quote(0)[0]) and features.live_quote(0)[4] == 100.0
    assert features.quote(0)[0] == 99.0
    run(features, quote(0.2, 99.5, 100.5))
    assert features.live_quote(0)[0] == 99.5 and features.quote_ns(0) == at(0.2)


@pytest.mark.parametrize("cut", [1, 2, 3, 50])
def test_the_result_does_not_depend_on_the_batch(cut: int) -> None:
    ticks = [
        trade(
            0.3 * number, 100.0 + number % 7, 1.0 + number % 3, backfilled=number % 11 == 5, trade_id=number
        )
        for number in range(60)
    ]
    whole, parts = engine(), engine()
    run(whole, *ticks)
    for start in range(0, len(ticks), cut):
        run(parts, *ticks[start : start + cut])
    assert whole._state.tobytes() == parts._state.tobytes()
