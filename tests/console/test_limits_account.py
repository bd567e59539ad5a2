"""Limits and the account: what stands, what is changed, what is not known."""

from __future__ import annotations

import asyncio
import re
from typing import Literal

import msgspec
import pytest
from textual.pilot import Pilot

from console.app import DeskApp
from console.loosening import loosens
from console.screens.account import AccountScreen
from console.screens.confirm import ConfirmScreen
from console.screens.limits import LimitsScreen
from engine.api.trading_protocol import LimitPatch, LimitRow, ReconciliationRow
from engine.errors import LinkError
from tests.console import sample_account
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.pilot import COMPACT, WIDE, desk, text_of, until


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def cells(app: DeskApp) -> dict[str, list[str]]:
    assert isinstance(app.screen, LimitsScreen)
    return {row.key: [text for text, _ in row.cells] for row in app.screen.grid.rows}


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_every_limit_with_its_value_use_and_range(size: tuple[int, int]) -> None:
    async with desk(FakeLink(sample.full_frame(locked=("simulated:SOL-USD",))), size) as (app, pilot):
        await press(pilot, "L")
        await until(pilot, lambda: bool(cells(app)))
        shown = cells(app)
        assert len(shown) == 10 and "limits of desk" in text_of(app)
        assert shown["max_gross_pct"][2:4] == ["100", "5.98"]
        assert shown["max_position_pct"][1] == "·" and shown["max_gross_pct"][1] == ""
        assert shown["max_open_orders"][3] == "!2", "all of it is used: told without a colour"
        assert "takes > 0, <= 10" in text_of(app), "the range, where its column is cut"
        assert "locked after stops: SOL-USD" in text_of(app)
        assert isinstance(app.screen, LimitsScreen) and app.screen.grid.size.height >= 3


async def test_what_is_tighter_is_sent_at_once() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "j", "j", "enter", "1", "2", "enter")
        assert link.sent == [("limit", LimitPatch("desk", "max_position_pct", 12.0))]
        await until(pilot, lambda: "max_position_pct of desk is changed" in text_of(app))


async def test_what_is_looser_asks_once_with_cancel_first() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "j", "j", "enter", "1", "8", "enter")
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0
        assert "max_position_pct of desk: 15 → 18 % of equity" in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, LimitsScreen) and link.sent == []
        assert app.screen.editing == "max_position_pct", "what was typed is still there"
        await press(pilot, "enter", "down", "enter")
        await until(pilot, lambda: "max_position_pct of desk is changed" in text_of(app))
        assert link.sent == [("limit", LimitPatch("desk", "max_position_pct", 18.0))]


async def test_back_to_a_looser_default_asks_too() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "j", "j", "d")
        assert isinstance(app.screen, ConfirmScreen)
        assert "max_position_pct of desk: 15 → 20 as configured" in text_of(app)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: bool(link.sent))
        assert link.sent == [("limit", LimitPatch("desk", "max_position_pct", None))]


@pytest.mark.parametrize(
    ("looser", "zero_is_none", "value", "default", "to", "asks"),
    [
        ("up", False, "5", "5", 4.0, False),
        ("up", False, "5", "5", 5.0, False),
        ("up", False, "5", "5", 5.1, True),
        ("down", False, "5", "5", 4.0, True),
        ("down", False, "5", "5", 6.0, False),
        ("up", True, "5", "5", 0.0, True),
        ("up", True, "0", "0", 5.0, False),
        ("up", False, "5", "5", 0.0, False),
        ("up", False, "5", "4", None, False),
        ("up", False, "5", "6", None, True),
        ("up", False, "5", "", None, True),
        ("up", False, "", "", 5.0, False),
        ("", False, "5", "5", 4.0, True),
        ("", False, "5", "5", 5.0, False),
    ],
)
def test_which_way_is_looser(
    looser: Literal["", "up", "down"],
    zero_is_none: bool,
    value: str,
    default: str,
    to: float | None,
    asks: bool,
) -> None:
    row = LimitRow("desk", "x", value, default, "", "", "", "", looser, zero_is_none)
    assert loosens(row, LimitPatch("desk", "x", to)) is asks
    assert not loosens(None, LimitPatch("desk", "x", to)), "it has none of its own"


@pytest.mark.parametrize("typed", ["-", "1.2.3"])
async def test_what_is_no_number_is_not_sent(typed: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "enter", *typed, "enter")
        assert "no number" in text_of(app)
    assert link.sent == []


async def test_what_is_out_of_range_says_so() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "enter", "9", "9")
        link.error = "max_order_notional_pct of desk must be > 0, <= 10, not 99"
        await press(pilot, "enter", "down", "enter")
        await until(pilot, lambda: "must be > 0, <= 10, not 99" in text_of(app))


async def test_scopes_of_exits_strategies_and_symbols_are_walked() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "L", "right_square_bracket")
        await until(pilot, lambda: "limits of exits" in text_of(app))
        assert list(cells(app)) == ["stop_loss_pct", "max_holding_s"]
        assert isinstance(app.screen, LimitsScreen)
        while app.screen.scope != "strategy:trend":
            await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "max_position_pct" in cells(app))
        shown = cells(app)
        assert shown["max_position_pct"][2] == "4" and shown["max_gross_pct"][2] == "inherits"
        await press(pilot, "g", "enter", "3", "enter")
        name = next(iter(shown))
        assert link.sent == [("limit", LimitPatch("strategy:trend", name, 3.0))]
        await press(pilot, "left_square_bracket", "left_square_bracket")
        for _ in range(30):
            if app.screen.scope == "symbol:simulated:XRP-USD":
                break
            await press(pilot, "left_square_bracket")
        assert app.screen.scope == "symbol:simulated:XRP-USD"


@pytest.mark.parametrize("size", [COMPACT, WIDE, (60, 16)], ids=str)
async def test_the_account_in_one_dialog(size: tuple[int, int]) -> None:
    async with desk(FakeLink(), size) as (app, pilot):
        await press(pilot, "P")
        assert isinstance(app.screen, AccountScreen)
        await until(pilot, lambda: "Sharpe" in text_of(app) or "max DD" in text_of(app))
        said = text_of(app)
        for text in ("100,012.40", "the desk", "manual", "everything", "JPY", "unknown", "market impact"):
            assert text in said
        assert "alpaca:AAPL: the desk has 12, alpaca has 10  for 1m" in said
        assert re.search(r"paper agrees with the desk  1\ds ago", said)
        assert "drawdown 0" in said and "max -0.50%" in said and "⣀" in said
        tables = [line for line in app.screen._lines.lines if line and line[0][1] == "heading"]
        widths = {sum(len(text) for text, _ in line) for line in tables if len(line) > 3}
        assert max(widths) <= app.screen.lines_width, "no row of a table wraps"


async def test_strategies_add_up_to_the_desk_in_the_sample_too() -> None:
    total, *parts = sorted(sample_account.account().pnl, key=lambda row: bool(row.name))
    assert float(total.net) == pytest.approx(sum(float(part.net) for part in parts))


async def test_what_is_not_known_is_said_and_does_not_hide_the_rest() -> None:
    link = FakeLink()
    link.figures = link.curve = None
    link.gateways = [ReconciliationRow("alpaca", 0, "the broker does not answer", ())]
    async with desk(link) as (app, pilot):
        await press(pilot, "P")
        await until(pilot, lambda: "the broker does not answer" in text_of(app))
        said = text_of(app)
        assert said.count("not known yet") == 2 and "100,012.40" in said
        assert "last never yet" in said


async def test_an_unknown_equity_is_no_zero() -> None:
    link = FakeLink()
    assert link.balance is not None
    link.balance = msgspec.structs.replace(link.balance, equity="")
    async with desk(link) as (app, pilot):
        await press(pilot, "P")
        await until(pilot, lambda: "equity unknown USD" in text_of(app))


async def test_r_compares_now_and_an_engine_that_is_gone_fades_what_was() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "P", "r")
        await until(pilot, lambda: "paper agrees with the desk" in text_of(app))
        assert ("reconcile",) in link.sent

        async def gone() -> None:
            raise LinkError("no engine runs")

        link.account = gone  # type: ignore[assignment,method-assign]
        assert isinstance(app.screen, AccountScreen)
        await app.screen._fill()
        await until(pilot, lambda: "no engine runs" in text_of(app))
        assert {style for _, style in app.screen._lines.lines[5]} <= {"stale"}

        del link.account  # it is there again
        await app.screen._fill()
        await until(pilot, lambda: "no engine runs" not in text_of(app))


async def test_an_account_that_is_closed_asks_for_nothing_more() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "P")
        screen = app.screen
        assert isinstance(screen, AccountScreen)
        link.account = asyncio.Event().wait  # type: ignore[assignment,method-assign]
        asked: list[str] = []
        link.performance = lambda: asked.append("performance")  # type: ignore[assignment,method-assign,return-value]
        asking = asyncio.create_task(screen._fill())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled() and not asked
