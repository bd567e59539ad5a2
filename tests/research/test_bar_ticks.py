"""Bars as ticks: which prices, when, how much of them, and in what order."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import NS
from engine.research.bar_ticks import ANY_SIZE, Path, Series, on_grid, pack
from engine.ticks import QUOTE, TRADE

DAY = 86_400
BEGIN = 20_000 * DAY * NS


def one(*rows: tuple[float, float, float, float, float]) -> Series:
    begins = BEGIN + np.arange(len(rows)) * DAY * NS
    return Series(begins, np.array(rows))


@pytest.mark.parametrize(
    ("path", "prices"),
    [
        ("near", [10.0, 9.5, 12.0, 11.0]),
        ("open_high_low_close", [10.0, 12.0, 9.5, 11.0]),
        ("open_low_high_close", [10.0, 9.5, 12.0, 11.0]),
    ],
)
def test_each_price_is_quoted_then_printed_in_the_order_of_the_path(path: Path, prices: list[float]) -> None:
    ticks = pack([one((10.0, 12.0, 9.5, 11.0, 400.0))], DAY, path=path)
    assert ticks["kind"].tolist() == [QUOTE, TRADE] * 4
    assert ticks["a"].tolist() == [price for price in prices for _ in range(2)]


def test_the_open_comes_as_the_bar_begins_and_the_close_before_it_ends() -> None:
    times = pack([one((10.0, 12.0, 9.5, 11.0, 400.0))], DAY)["recv_ns"]
    assert times[0] == BEGIN
    assert BEGIN + DAY * NS - NS < times[-1] < BEGIN + DAY * NS
    assert (np.diff(times) >= 0).all()


def test_spread_and_sizes() -> None:
    ticks = pack([one((100.0, 100.0, 100.0, 100.0, 4000.0))], DAY, spread_bps=10.0, participation_pct=10.0)
    quotes, prints = ticks[ticks["kind"] == QUOTE], ticks[ticks["kind"] == TRADE]
    assert quotes["a"].tolist() == pytest.approx([99.95] * 4)
    assert quotes["b"].tolist() == pytest.approx([100.05] * 4)
    assert quotes["c"].tolist() == quotes["d"].tolist() == [100.0] * 4
    assert prints["b"].sum() == 4000.0


@pytest.mark.parametrize("volume", [0.0, np.nan])
def test_a_bar_that_tells_no_volume_trades_any_size(volume: float) -> None:
    ticks = pack([one((1.0, 1.0, 1.0, 1.0, volume))._replace(volumes_ns=BEGIN + 1)], DAY)
    assert (ticks["c"][ticks["kind"] == QUOTE] == ANY_SIZE).all()
    assert (ticks["b"][ticks["kind"] == TRADE] == 0.0).all()


def test_a_bar_in_which_nothing_was_traded_trades_nothing_where_others_tell_a_volume() -> None:
    rows = (1.0, 1.0, 1.0, 1.0, 400.0), (1.0, 1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1.0, np.nan)
    ticks = pack([one(*rows)], DAY, participation_pct=10.0)
    quotes = ticks[ticks["kind"] == QUOTE]
    assert quotes["c"].tolist() == quotes["d"].tolist() == [10.0] * 4 + [0.0] * 4 + [ANY_SIZE] * 4


@pytest.mark.parametrize("later", [(), ((1.0, 1.0, 1.0, 1.0, 400.0),)])
def test_what_is_told_later_changes_no_bar_before(later: tuple[tuple[float, ...], ...]) -> None:
    """Volumes of an index may begin years after its prices."""
    dry = (1.0, 1.0, 1.0, 1.0, 0.0)
    ticks = pack([one(dry, dry, *later)._replace(volumes_ns=BEGIN + 2 * DAY * NS)], DAY)  # type: ignore[arg-type]
    quotes = ticks[ticks["kind"] == QUOTE]
    assert quotes["c"].tolist() == [ANY_SIZE] * 8 + [10.0] * 4 * len(later)


def test_symbols_are_merged_by_time_then_in_their_order() -> None:
    rows = (1.0, 1.0, 1.0, 1.0, 1.0), (2.0, 2.0, 2.0, 2.0, 1.0)
    ticks = pack([one(*rows), one(*rows)], DAY)
    assert ticks["symbol"][:4].tolist() == [0, 0, 1, 1]
    assert (np.diff(ticks["recv_ns"]) >= 0).all() and len(ticks) == 32


def test_bars_stand_on_the_grid_at_or_before_their_beginning() -> None:
    begins = np.array([BEGIN, BEGIN + 5 * 3600 * NS, BEGIN + 24 * 3600 * NS - 1])
    assert on_grid(begins, DAY).tolist() == [BEGIN] * 3
