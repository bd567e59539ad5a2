"""What ccxt tells, figure by figure."""

from __future__ import annotations

import contextlib
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Quote
from engine.feeds import ccxt_wire as wire
from engine.feeds.contract import Contract
from tests.feeds.test_ccxt import MARKET, NATIVE, trade

SPOT = Contract(1.0, False)


def test_contracts_and_precision() -> None:
    swap = MARKET | {"contract": True, "contractSize": 0.01, "precision": {"price": 1, "amount": 0}}
    spec = wire.spec("ccxt-some", "BTC/USDT:USDT", swap, 2)  # as numbers of decimals
    assert spec is not None and (spec.tick_size, spec.lot_size) == (Decimal("0.1"), Decimal("0.01"))
    assert (
        wire.spec("ccxt-some", NATIVE, MARKET, 3) is None
    )  # digits that count: the step goes with the price
    told = wire.trade("a:b", trade(1), wire.contract(swap), 9)
    assert told.size == pytest.approx(0.005)
    inverse = wire.contract({"contract": True, "contractSize": 10, "inverse": True})
    assert wire.trade("a:b", trade(1), inverse, 9).size == pytest.approx(0.05)


def test_ids_that_are_no_numbers_tell_trades_apart() -> None:
    ids = [wire.trade_id(one) for one in ("a-1", "a-2", "a-1", 7, "9" * 30, None, "")]
    assert ids[0] == ids[2] != ids[1] and ids[3] == 7 and ids[5] == ids[6] == -1
    assert all(-1 <= one < 1 << 63 for one in ids)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["id", "price", "amount", "side", "timestamp", "bid", "ask", "bidVolume", "askVolume"])


@settings(max_examples=300, deadline=None)
@given(row=st.dictionaries(KEYS, ANYTHING), levels=st.lists(st.lists(ANYTHING, max_size=3), max_size=3))
def test_whatever_ccxt_tells(row: dict[str, Any], levels: list[list[Any]]) -> None:
    with contextlib.suppress(*wire.FLAWS):
        told = wire.trade("a:b", row, SPOT, 1)
        assert 0 < told.price < math.inf and 0 < told.size < math.inf and -1 <= told.trade_id < 1 << 63
        assert 0 <= told.event_ns < 1 << 63
    with contextlib.suppress(*wire.FLAWS):
        best = wire.quote("a:b", row, SPOT, 1)
        assert best is None or (0 < best.bid < math.inf and 0 < best.ask < math.inf)
    with contextlib.suppress(*wire.FLAWS):
        assert all(0 < float(price) < math.inf for price, _ in wire.levels(levels, 5, SPOT))
    for told_row in levels:
        with contextlib.suppress(*wire.FLAWS):
            bar = wire.candle("a:b", 60, told_row, 1)
            assert 0 < bar.low < math.inf and 0 <= bar.open_ns < 1 << 63


def test_quotes_without_a_side_are_none() -> None:
    assert wire.quote("a:b", {"bid": None, "ask": 1.0}, SPOT, 1) is None
    assert isinstance(wire.quote("a:b", {"bid": 1, "ask": 2, "timestamp": 5}, SPOT, 1), Quote)
