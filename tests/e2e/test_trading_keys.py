"""Orders at the keyboard of a real desk: placed once, amended, canceled; what is held is closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.protocol import OrderRow, StateFrame
from tests.e2e.engine import options, stop_left_over
from tests.e2e.terminal import ENTER, ESCAPE, Terminal
from tests.e2e.test_session import until

pytestmark = pytest.mark.pty

DOWN = "\x1b[B"
LEFT = "\x1b[D"


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "state"
    yield where
    stop_left_over(where)


def mine(frame: StateFrame) -> list[OrderRow]:
    """A person's orders: nobody else trades here."""
    return [row for row in frame.orders if row.symbol == "sim:BTC-USD" and row.type == "limit"]


def offered(desk: Terminal) -> str:
    """The limit that the ticket begins with."""
    desk.wait(lambda text: re.search(r"limit +\[\d", text))
    found = re.search(r"limit +\[([\d.]+)", desk.text)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize(("columns", "rows"), [(200, 50), (80, 24)], ids=["wide", "compact"])
def test_an_order_is_placed_amended_and_canceled(state_dir: Path, columns: int, rows: int) -> None:
    where = ("--state-dir", str(state_dir), *options(simulated__history_s=60, opportunities__min_score=1.0))
    with Terminal(*where, columns=columns, rows=rows) as desk:
        desk.wait("BTC-USD", 90)
        desk.press(ESCAPE)
        desk.wait(lambda text: "First steps" not in text)
        symbols = sorted(row.symbol for row in ask(state_dir, "GET", "/v1/snapshot", StateFrame).ticks)
        until(state_dir, lambda frame: all(row.bid for row in frame.ticks), desk, 30)

        # A limit 1 % below the market, for a lot that every check lets pass.
        desk.press("1g" + "j" * symbols.index("sim:BTC-USD") + "o")
        desk.wait("Order · PAPER")
        price = f"{float(offered(desk)) * 0.99:.0f}"
        price = f"{int(price) // 10 * 10}"
        desk.press("jjj0.01j" + price)
        desk.wait(f"[{price}_]")
        desk.wait("✓ approved", 10)
        desk.press(ENTER)
        desk.wait("Send this order?")
        desk.press("j" + ENTER + ENTER)
        until(state_dir, lambda frame: len(mine(frame)) == 1, desk)
        desk.wait(lambda text: "Order · PAPER" not in text and "Send this order?" not in text)
        desk.press("4")
        desk.wait("● working")
        row = mine(ask(state_dir, "GET", "/v1/snapshot", StateFrame))[0]
        assert (row.quantity, row.side, row.state) == ("0.01", "buy", "accepted")
        assert float(row.price) == float(price)

        # Another price, after one question.
        lower = str(int(price) - 100)
        desk.press("m")
        desk.wait("Amend buy BTC-USD")
        desk.press(lower + ENTER)
        desk.wait(f"→ {int(lower):,}")
        desk.press("j" + ENTER)
        until(state_dir, lambda frame: float(mine(frame)[0].price) == float(lower), desk)
        desk.wait(lambda text: "Amend buy BTC-USD" not in text)

        # Canceled at once; what happened to it is told.
        desk.wait(f"{int(lower):,}.00")
        desk.press("c")
        until(state_dir, lambda frame: mine(frame)[0].state == "canceled", desk)
        desk.press("[")
        desk.wait("○ cancel")
        desk.press(ENTER)
        desk.wait("asked for by console")
        desk.press("G")
        desk.wait("update asked: price " + lower)
        desk.wait("cancel asked")
        desk.press(ESCAPE)
        assert len(mine(ask(state_dir, "GET", "/v1/snapshot", StateFrame))) == 1

        # A market order is a position; x closes it, the kill switch says that all is flat.
        desk.press("1o")
        desk.wait("Order · PAPER")
        desk.press("j" + LEFT + "jj0.02")
        desk.wait("✓ approved", 10)
        desk.press(ENTER)
        desk.wait("Send this order?")
        desk.press("j" + ENTER)
        until(state_dir, lambda frame: any(row.quantity == "0.02" for row in frame.positions), desk)
        desk.wait(lambda text: "Order · PAPER" not in text and "Send this order?" not in text)
        desk.press("3")
        desk.wait("▲ LONG")
        desk.press("x")
        desk.wait("Close a position")
        desk.press("jjj" + ENTER)
        until(state_dir, lambda frame: any(row.quantity == "0.01" for row in frame.positions), desk)
        desk.wait("closed 1/1")
        desk.press("q")
        desk.wait("halt, cancel all, flatten, verify")
        desk.press("k" + ENTER)
        desk.wait(lambda text: "KILL: " in text and "verified flat" in text, 20)
        frame = ask(state_dir, "GET", "/v1/snapshot", StateFrame)
        assert frame.status.risk_state == "halted"
        assert not any(row.quantity != "0" for row in frame.positions)
    log = (state_dir / "engine.log").read_text()
    assert "Traceback" not in log
