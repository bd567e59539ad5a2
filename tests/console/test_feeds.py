"""The feeds screen: every venue, every symbol, what was set aside; on a small terminal and on a large one."""

from __future__ import annotations

import msgspec
import pytest

from console.screens.feeds import FeedsScreen
from engine.api.protocol import StateFrame
from engine.errors import LinkError
from tests.console import sample_desk as sample
from tests.console import sample_feeds
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, until


def frame(**changes: object) -> StateFrame:
    return msgspec.structs.replace(sample.full_frame(**changes), feeds=sample_feeds.feeds())


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_every_feed_and_its_state_is_seen(size: tuple[int, int]) -> None:
    async with desk(FakeLink(frame()), size) as (app, pilot):
        await pilot.press("F")
        await until(pilot, lambda: "gateio" in text_of(app))
        assert isinstance(app.screen, FeedsScreen)
        text = text_of(app)
        for venue, state in (
            ("binance", "● up"),
            ("gateio*", "✗ down"),
            ("kraken", "~ late"),
            ("yahoo", "● up"),
        ):
            assert any(venue in line and state in line for line in text.splitlines()), venue
        await pilot.press("escape")
        assert not isinstance(app.screen, FeedsScreen)


async def test_all_that_is_known_of_a_venue_fits_a_wide_terminal() -> None:
    async with desk(FakeLink(frame(loading="history 42%, 3 of 8 symbols")), (200, 50)) as (app, pilot):
        await pilot.press("F")
        await until(pilot, lambda: "OUTLIER" in text_of(app))
        text = text_of(app)
        (row,) = [line for line in text.splitlines() if "binance" in line and "● up" in line]
        for figure in ("0.8", "14", "-1,272.4", "311", "40", "3 !1", "7"):
            assert figure in row, figure
        assert "history 42%, 3 of 8 symbols" in text
        assert "gateio: refused, tries again in 4 s; best effort" in text


async def test_a_symbol_says_what_is_wrong_with_it_and_the_stale_ones_come_first() -> None:
    async with desk(FakeLink(frame()), (200, 50)) as (app, pilot):
        await pilot.press("F")
        await until(pilot, lambda: "~kraken:BTC/USD" in text_of(app))
        lines = text_of(app).splitlines()
        at = {
            name: next(n for n, line in enumerate(lines) if name in line and "set" not in line)
            for name in ("~kraken:BTC/USD", "~kraken:SOL/USD", "ETHUSDT", "AAPL")
        }
        assert at["~kraken:BTC/USD"] < at["~kraken:SOL/USD"] < at["ETHUSDT"] < at["AAPL"]
        assert (
            "wrong" in lines[at["~kraken:BTC/USD"]]
            and "book checksum differs" in lines[at["~kraken:BTC/USD"]]
        )
        assert "trade 90 s old" in lines[at["~kraken:SOL/USD"]]
        assert "gap: trades are missing" in lines[at["ETHUSDT"]]


async def test_what_was_set_aside_is_told_as_text_and_never_as_markup() -> None:
    async with desk(FakeLink(frame()), (200, 50)) as (app, pilot):
        await pilot.press("F")
        await until(pilot, lambda: "OUTLIER" in text_of(app))
        text = text_of(app)
        assert "[red]" in text and "price 6412.01" in text and "+1,240" in text


async def test_an_engine_that_does_not_answer_is_told_and_what_was_known_stays() -> None:
    link = FakeLink(frame())
    async with desk(link, (200, 50)) as (app, pilot):
        await pilot.press("F")
        await until(pilot, lambda: "OUTLIER" in text_of(app))
        link.fault = LinkError("the line was cut")
        await until(pilot, lambda: "the line was cut" in text_of(app))
        assert "OUTLIER" in text_of(app) and "binance" in text_of(app)


async def test_a_gap_and_a_wrong_book_are_seen_in_the_ticks() -> None:
    ticks = list(sample.ticks())
    ticks[0] = msgspec.structs.replace(ticks[0], gapped=True, stale=False)
    ticks[1] = msgspec.structs.replace(ticks[1], book_fault="book is crossed", gapped=True, stale=False)
    ticks[2] = msgspec.structs.replace(ticks[2], gapped=True, stale=True, stale_reason="quote 12 s old")
    shown = msgspec.structs.replace(sample.full_frame(), ticks=tuple(ticks[:3]))
    async with desk(FakeLink(shown), WIDE) as (app, pilot):
        await pilot.pause()
        rows = {
            row.key: dict(zip(("age", "last"), (row.cells[7], row.cells[1]), strict=True))
            for row in app.desk.ticks.rows
        }
        assert rows[ticks[0].symbol]["age"] == ("gap", "warn")
        assert rows[ticks[1].symbol]["age"] == ("book", "bad")
        assert rows[ticks[2].symbol]["last"][0].startswith("~")
        assert rows[ticks[2].symbol]["age"][0] not in ("gap", "book")
