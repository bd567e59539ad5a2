"""The same rule on the same bars gives the same trades, to the cent, as on two other platforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.research import ema_crosses

pytest.importorskip("backtrader")
pytest.importorskip("backtesting")


def test_trades_and_equity_are_those_of_backtrader_and_backtesting(data_dir: Path, tmp_path: Path) -> None:
    bars = data_dir / "alpha158" / "GOOG_daily.csv"
    ours = ema_crosses.ours(ema_crosses.config(tmp_path), ema_crosses.prepared(bars, tmp_path))
    table = ema_crosses.frame(bars)
    assert len(ours.trades) == 23
    for theirs in (ema_crosses.backtrader(table), ema_crosses.backtesting(table)):
        assert theirs.trades == ours.trades
        assert theirs.equity == ours.equity
