"""Snapshots of the market: the three parts one at a time, and all of it on the whole screen."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from engine.api.rows import OrderRow
from tests.console import sample_desk, sample_market
from tests.console.conftest import Compare
from tests.console.fake_link import FakeLink
from tests.console.test_screens import answered, still


def order(n: int, side: str, price: str, stop_price: str = "") -> OrderRow:
    """At work in the symbol that is shown."""
    resting = sample_desk.orders()[-1]
    return msgspec.structs.replace(
        resting,
        id=f"own-{n}",
        symbol=sample_market.SYMBOL,
        side=side,
        price=price,
        stop_price=stop_price,
        quantity="0.05",
        filled="0",
        state="accepted",
        pending="none",
    )


def take(compare_pictures: Compare, size: tuple[int, int], *keys: str, link: FakeLink | None = None) -> None:
    orders = (order(1, "buy", "64215.22"), order(2, "sell", "64224.02"), order(3, "sell", "", "64100.00"))
    shown = msgspec.structs.replace(sample_desk.full_frame(), orders=orders)
    app = still(DeskApp(link or FakeLink(shown), frames_per_s=0.5))

    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.pause()
        app.paint()
        for key in ("3", "7", *keys):
            await pilot.press(key)
            app.paint()
            await answered(pilot)
        app.paint()
        await answered(pilot)

    compare_pictures(app, size, prepare)


@pytest.mark.parametrize("part", ["chart", "book", "trades"])
def test_one_part_at_a_time(compare_pictures: Compare, part: str) -> None:
    take(compare_pictures, (80, 24), *["right_square_bracket"] * ["chart", "book", "trades"].index(part))


def test_on_the_whole_screen(compare_pictures: Compare) -> None:
    take(compare_pictures, (200, 50), "enter", "I", "I")


def test_on_a_whole_small_screen(compare_pictures: Compare) -> None:
    take(compare_pictures, (80, 24), "enter")


def test_a_wrong_book_of_a_quote(compare_pictures: Compare) -> None:
    link = FakeLink()
    link.market = lambda symbol: sample_market.full_frame(symbol, book_fault="a gap in the sequence", bars=())
    take(compare_pictures, (80, 24), "right_square_bracket", link=link)
