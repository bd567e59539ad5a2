from __future__ import annotations

from typing import Any

import pytest

from engine.strategies.mean_reversion import MeanReversion
from tests.strategies.rows import feature_row

LOW: dict[str, Any] = {"close": 97.0, "bb_lower": 98.0, "bb_upper": 102.0, "rsi": 15.0}
HIGH: dict[str, Any] = {"close": 103.0, "bb_lower": 98.0, "bb_upper": 102.0, "rsi": 85.0}


def fresh() -> MeanReversion:
    return MeanReversion(MeanReversion.Params())


def test_oversold_is_bought_and_overbought_sold_alike() -> None:
    low, high = fresh().on_bar(feature_row(**LOW)), fresh().on_bar(feature_row(**HIGH))
    assert low is not None and high is not None
    assert low.score == -high.score == 0.75
    assert low.confidence == high.confidence == 0.5 + 0.25 * (0.5 + 0.25)
    assert low.reason == "close 97 at the lower band 98, RSI 15.0 (oversold 30)"


@pytest.mark.parametrize("base", [LOW, HIGH])
@pytest.mark.parametrize("name", list(LOW))
def test_every_input_is_needed(base: dict[str, Any], name: str) -> None:
    assert fresh().on_bar(feature_row(**(base | {name: float("nan")}))) is None


def test_inside_the_bands_or_without_an_extreme_there_is_nothing_to_revert() -> None:
    assert fresh().on_bar(feature_row(**(LOW | {"close": 98.5}))) is None
    assert fresh().on_bar(feature_row(**(LOW | {"rsi": 31.0}))) is None
    assert fresh().on_bar(feature_row(**(LOW | {"bb_upper": 98.0, "close": 98.0}))) is None, (
        "bands of no width"
    )


def test_once_per_cooldown_and_side() -> None:
    strategy = fresh()
    assert [bar for bar in range(1, 25) if strategy.on_bar(feature_row(bar, **LOW))] == [1, 21]
    assert strategy.on_bar(feature_row(25, **HIGH)) is not None
