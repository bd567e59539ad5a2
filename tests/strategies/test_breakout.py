from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.strategies.breakout import Breakout
from tests.strategies.rows import feature_row

UP: dict[str, Any] = {"close": 103.0, "atr": 1.0, "volume": 30.0, "volume_ma": 10.0}
DOWN: dict[str, Any] = UP | {"close": 97.0}


def fresh(bars: int = 5, **params: Any) -> Breakout:
    """With ``bars`` bars between 98 and 102 behind it, and the one that closes now."""
    strategy = Breakout(Breakout.Params(channel_bars=5, **params))
    past = np.array([[100.0, 102.0, 98.0, 100.0, 10.0, 100.0]] * bars)
    closing = np.array([[100.0, 104.0, 96.0, 100.0, 30.0, 100.0]])
    strategy.connect(lambda symbol, count: np.concatenate((past, closing))[-count:])
    return strategy


def test_a_close_above_the_range_is_bought_and_below_it_sold_alike() -> None:
    up, down = fresh().on_bar(feature_row(**UP)), fresh().on_bar(feature_row(**DOWN))
    assert up is not None and down is not None
    assert up.score == -down.score == 0.75
    assert up.confidence == down.confidence == 1.0 - 0.5**2.0
    assert up.reason == (
        "close 103 is 1.00 ATR above the high 102 of 5 bars (min 0.25), volume 3.00 x its average (min 1.5)"
    )
    assert "below the low 98" in down.reason


@pytest.mark.parametrize("base", [UP, DOWN])
@pytest.mark.parametrize("name", list(UP))
def test_every_input_is_needed(base: dict[str, Any], name: str) -> None:
    assert fresh().on_bar(feature_row(**(base | {name: float("nan")}))) is None


@pytest.mark.parametrize(
    "change",
    [{"close": 102.25}, {"close": 100.0}, {"volume": 14.9}, {"volume_ma": 0.0, "volume": 0.0}, {"atr": 0.0}],
)
def test_inside_the_range_or_on_thin_volume_there_is_no_breakout(change: dict[str, Any]) -> None:
    assert fresh().on_bar(feature_row(**(UP | change))) is None


def test_too_few_bars_make_no_range() -> None:
    assert fresh(bars=4).on_bar(feature_row(**UP)) is None
    assert fresh(bars=5).on_bar(feature_row(**UP)) is not None


def test_it_speaks_once_per_cooldown_and_side() -> None:
    strategy = fresh(cooldown_s=10.0)
    assert [bar for bar in range(1, 22) if strategy.on_bar(feature_row(bar, **UP))] == [1, 11, 21]
    assert strategy.on_bar(feature_row(22, **DOWN)) is not None, "the other side is news"
    assert strategy.on_bar(feature_row(22, symbol="a:OTHER", **UP)) is not None


def test_more_depth_and_more_volume_weigh_more() -> None:
    plain = fresh().on_bar(feature_row(**UP))
    deep = fresh().on_bar(feature_row(**(UP | {"close": 106.0})))
    busy = fresh().on_bar(feature_row(**(UP | {"volume": 60.0})))
    assert plain is not None and deep is not None and busy is not None
    assert deep.score > plain.score == busy.score
    assert min(deep.confidence, busy.confidence) > plain.confidence
