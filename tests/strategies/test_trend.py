from __future__ import annotations

from typing import Any

import pytest

from engine.strategies.trend import Trend
from tests.strategies.rows import feature_row

UP: dict[str, Any] = {"ema_fast": 102.0, "ema_slow": 100.0, "atr": 1.0, "macd_hist": 0.1, "momentum": 4.0}
DOWN: dict[str, Any] = {"ema_fast": 98.0, "ema_slow": 100.0, "atr": 1.0, "macd_hist": -0.1, "momentum": -4.0}


def fresh() -> Trend:
    return Trend(Trend.Params())


def test_up_is_bought_and_down_sold_alike() -> None:
    up, down = fresh().on_bar(feature_row(**UP)), fresh().on_bar(feature_row(**DOWN))
    assert up is not None and down is not None
    assert up.score == -down.score == 0.75
    assert up.confidence == down.confidence == 0.75
    assert up.reason == ("averages +2.00 ATR apart (min 1), MACD histogram +0.1, momentum +4.00 ATR (min 2)")


@pytest.mark.parametrize("base", [UP, DOWN])
@pytest.mark.parametrize("name", list(UP))
def test_one_unknown_or_disagreeing_input_is_no_trend(base: dict[str, Any], name: str) -> None:
    assert fresh().on_bar(feature_row(**(base | {name: float("nan")}))) is None
    if name in ("macd_hist", "momentum"):
        assert fresh().on_bar(feature_row(**(base | {name: -base[name]}))) is None


def test_a_flat_price_has_no_trend() -> None:
    flat = {"ema_fast": 100.0, "ema_slow": 100.0, "atr": 0.0, "macd_hist": 0.0, "momentum": 0.0}
    assert fresh().on_bar(feature_row(**flat)) is None


def test_it_speaks_at_the_start_and_then_every_cooldown() -> None:
    strategy = fresh()
    spoken = [bar for bar in range(1, 70) if strategy.on_bar(feature_row(bar, **UP))]
    assert spoken == [1, 31, 61]
    assert strategy.on_bar(feature_row(70, **DOWN)) is not None, "a turn is news"
