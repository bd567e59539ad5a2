"""Training on the simulated venue, end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.registry import Registry
from engine.wiring.training import run_training, simulated_bars

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


def test_bars_are_a_function_of_the_seed() -> None:
    first, second = simulated_bars(SYMBOLS, 40, 3), simulated_bars(SYMBOLS, 40, 3)
    assert sorted(first) == ["sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD"]
    for symbol, rows in first.items():
        assert rows.shape[1] == 6 and 35 <= len(rows) <= 40
        assert rows.tobytes() == second[symbol].tobytes()
        open_, high, low, close, volume, _ = rows.T
        assert (high >= np.maximum(open_, close)).all() and (low <= np.minimum(open_, close)).all()
        assert (volume >= 0).all() and volume.sum() > 0
    longer = simulated_bars(SYMBOLS, 55, 3)
    assert longer["sim:BTC-USD"][: len(first["sim:BTC-USD"])].tobytes() == first["sim:BTC-USD"].tobytes()
    assert simulated_bars(SYMBOLS, 40, 4)["sim:BTC-USD"].tobytes() != first["sim:BTC-USD"].tobytes()


def test_a_trained_model_is_registered_and_active(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", exc_type=Exception)
    shares: list[float] = []
    version = run_training(tmp_path, SYMBOLS, 480, 1, lambda share, text: shares.append(share), horizon=5)
    registry = Registry(tmp_path)
    active = registry.active("model")
    assert active is not None and active.version == version
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="seconds"):
        run_training(tmp_path, SYMBOLS, 0, 1, lambda share, text: None)
    with pytest.raises(ModelError, match="too little data"):
        run_training(tmp_path, SYMBOLS, 30, 1, lambda share, text: None)
    assert Registry(tmp_path).list() == []
