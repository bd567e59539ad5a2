"""Orders in pages: all of them once, however few of them are wanted, and never all looked at together."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.page import NEWEST
from engine.config import load
from engine.errors import OrderError
from engine.events import OrderState
from engine.execution.blotter import Blotter
from engine.logs import LogRing
from engine.wiring import order_pages, trading_port
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.order_pages import order_page
from engine.wiring.trading_port import LiveTrading
from tests.store.samples import request, transition

MADE = 25
CANCELED = (1, 2, 9, 20, 25)


@pytest.fixture
def blotter() -> Blotter:
    found = Blotter()
    for number in range(1, MADE + 1):
        add(found, number)
    for number in CANCELED:
        found.apply(transition(number, OrderState.CANCELED, reason="asked"))
    return found


def add(blotter: Blotter, number: int) -> None:
    blotter.apply(transition(number, OrderState.INITIALIZED, request(number)))
    blotter.apply(transition(number, OrderState.SUBMITTED))


def walked(blotter: Blotter, state: str, limit: int, symbol: str = "") -> tuple[list[str], int]:
    """All ids, and how many pages they came in."""
    ids: list[str] = []
    before: int | None = NEWEST
    pages = 0
    while before is not None:
        orders, before = order_page(blotter, symbol, state, limit, before)
        assert len(orders) <= limit
        ids += [order.client_order_id for order in orders]
        pages += 1
    return ids, pages


@pytest.mark.parametrize("limit", [1, 4, 25, 100])
def test_a_walk_finds_all_once_newest_first(blotter: Blotter, limit: int) -> None:
    newest_first = [f"o{number}" for number in range(MADE, 0, -1)]
    done = [f"o{number}" for number in reversed(CANCELED)]
    assert walked(blotter, "", limit)[0] == newest_first
    assert walked(blotter, "canceled", limit)[0] == done
    assert walked(blotter, "open", limit)[0] == [each for each in newest_first if each not in done]
    assert walked(blotter, "filled", limit)[0] == walked(blotter, "", limit, "sim:NONE")[0] == []


def test_a_page_looks_through_so_many_and_says_where_to_go_on(
    blotter: Blotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_pages, "LOOKED", 10)
    assert order_page(blotter, "", "filled", 5, NEWEST) == ([], 16)
    orders, before = order_page(blotter, "", "canceled", 5, NEWEST)
    assert [order.client_order_id for order in orders] == ["o25", "o20"] and before == 16
    add(blotter, MADE + 1)  # moves nothing
    orders, before = order_page(blotter, "", "canceled", 5, 16)
    assert [order.client_order_id for order in orders] == ["o9"] and before == 6
    assert walked(blotter, "canceled", 5) == (["o25", "o20", "o9", "o2", "o1"], 3)
    assert len(order_page(blotter, "", "open", 100, NEWEST)[0]) == MADE + 1 - len(CANCELED)
    with pytest.raises(OrderError, match="no state gone"):
        order_page(blotter, "", "gone", 5, NEWEST)


async def test_no_tick_waits_for_a_long_page(
    blotter: Blotter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a thousand orders take several milliseconds, and who may only read asks often."""
    trading = LiveTrading(LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None))
    found = blotter.recent(10) * 20
    monkeypatch.setattr(trading_port, "order_page", lambda *asked: (found, None))
    rows, before = await trading.orders("", "", 1_000)
    assert [row.id for row in rows] == [order.client_order_id for order in found] and before is None
    assert sum(1 for _ in trading._making_rows(found)) == len(found) // trading_port.AT_ONCE
