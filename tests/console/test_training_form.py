"""The form that starts a training run, and a prediction taken apart: what is typed, sent, refused, shown."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from console.screens.confirm import ConfirmScreen
from console.screens.contributions import ContributionsScreen
from console.screens.training import TrainingScreen
from engine.api.model_protocol import TrainingOrder
from engine.api.protocol import StateFrame
from tests.console import sample_desk, sample_models
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, models_link, press, text_of, toasts, until

OPEN = ("M", "t")


def frame_of(venue: str) -> StateFrame:
    """A desk whose symbols are all of one venue."""
    ticks = tuple(
        msgspec.structs.replace(row, symbol=f"{venue}:{n}") for n, row in enumerate(sample_desk.ticks())
    )
    return msgspec.structs.replace(sample_desk.full_frame(), ticks=ticks)


def labels(screen: TrainingScreen) -> list[str]:
    return [field.label for field in screen.form.fields]


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 50)], ids=str)
async def test_enter_trains_on_what_the_desk_trades_and_runs_the_model_as_the_shadow(
    size: tuple[int, int],
) -> None:
    link = FakeLink()
    async with desk(link, size) as (app, pilot):
        await press(pilot, *OPEN)
        assert isinstance(app.screen, TrainingScreen)
        assert "LightGBM on the desk's 8 symbols" in text_of(app)
        assert "without trading" in text_of(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "training started" in toasts(app))
        assert link.sent == [("train", TrainingOrder(then="shadow"))]
        await until(pilot, lambda: not isinstance(app.screen, TrainingScreen))


async def test_everything_that_is_typed_is_sent() -> None:
    link = FakeLink(frame_of("sim"))
    async with desk(link) as (app, pilot):
        await press(pilot, *OPEN)
        assert isinstance(app.screen, TrainingScreen)
        assert labels(app.screen) == [
            *("symbols", "bars, s", "horizon", "seconds", "folds", "window"),
            *("seed", "purge", "embargo", "own model", "then"),
        ]
        await press(pilot, *"sim:BTC-USD, sim:ETH-USD", "down")
        await press(pilot, *"60", "down", *"12", "down", *"7200", "down", *"6", "down", "right", "down")
        await press(pilot, *"42", "down", *"30", "down", *"40", "down")
        await press(pilot, *"/home/me/jkl_qH.py", "backspace", "y", "down", "right")
        assert "is no worse" in text_of(app)
        await press(pilot, "left", "left", "enter")
        await until(pilot, lambda: bool(link.sent))
        order = TrainingOrder(
            symbols=("sim:BTC-USD", "sim:ETH-USD"),
            bar_s=60.0,
            horizon=12,
            seconds=7200,
            seed=42,
            folds=6,
            window="rolling",
            purge=30,
            embargo=40,
            model="/home/me/jkl_qH.py",
            then="register",
        )
        assert link.sent == [("train", order)]


async def test_days_are_asked_for_where_the_bars_are_stored() -> None:
    async with desk(FakeLink(frame_of("binance"))) as (app, pilot):
        await press(pilot, *OPEN)
        assert isinstance(app.screen, TrainingScreen)
        assert "days back" in labels(app.screen) and "seconds" not in labels(app.screen)


async def test_a_model_that_shall_trade_at_once_asks_first() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *OPEN, "up", "right")
        assert "then trades, if its validation allows it" in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmScreen) and app.screen.choices.index == 0
        await press(pilot, "enter")
        assert link.sent == [] and isinstance(app.screen, TrainingScreen)
        await press(pilot, "enter", "down", "enter")
        await until(pilot, lambda: link.sent == [("train", TrainingOrder(then="activate"))])


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (("down", "down", "0"), "horizon: bars: 1 to 100,000, not 0"),
        (("down", "down", "1", ".", "5"), "1.5 is no whole number"),
        (("down", "0"), "bars: seconds: above 0, at most 604,800, not 0"),
        (("down", "1", "-"), "is no number"),
        (tuple("x" * 81), "symbols: as venue:NATIVE"),
    ],
)
async def test_what_is_out_of_range_says_so_and_is_not_sent(keys: tuple[str, ...], says: str) -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, *OPEN, *keys)
        assert says in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, TrainingScreen) and says in text_of(app)
    assert link.sent == []


async def test_a_refusal_stays_in_the_form_and_enter_sends_again() -> None:
    link = models_link(training=sample_models.running())
    link.ok, link.reply = False, "a run is at work already"
    async with desk(link) as (app, pilot):
        await press(pilot, *OPEN)
        await until(pilot, lambda: "▶ running" in text_of(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "a run is at work already" in text_of(app))
        link.ok, link.reply = True, ""
        await press(pilot, "enter")
        await until(pilot, lambda: "training started" in toasts(app))
        assert len(link.sent) == 2


async def test_a_double_enter_starts_one_run() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, *OPEN, "enter", "enter", "enter")
        assert "on its way" in text_of(app)
        link.gate.set()
        await until(pilot, lambda: "training started" in toasts(app))
        assert len(link.sent) == 1


# --- contributions


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 50)], ids=str)
async def test_a_prediction_taken_apart(size: tuple[int, int]) -> None:
    link = FakeLink()
    async with desk(link, size) as (app, pilot):
        await press(pilot, "M", "e")
        await until(pilot, lambda: "ROC60" in text_of(app))
        said = text_of(app)
        for text in (
            "score +0.0312  rank 1 of 8",
            "base +0.0001200  all features +0.0002800  = prediction +0.0004000",
            "2026-01-01 12:00:00 UTC",
            "▲+0.0004100",
            "▼-0.0002200",
            "missing",
            "1 other feature moved it by nothing",
        ):
            assert text in said
        assert isinstance(app.screen, ContributionsScreen)
        longest = max(len("".join(t for t, _ in line)) for line in app.screen._lines.lines[6:])
        assert longest <= app.screen.lines_width


async def test_the_symbol_selected_on_the_desk_comes_first_and_the_others_are_walked() -> None:
    link = FakeLink()
    async with desk(link) as (app, pilot):
        await press(pilot, "1", "j", "M", "e", "right_square_bracket", "left_square_bracket", "r")
        chosen = "simulated:AVAX-USD"
        asked = [symbol for _, symbol, _ in link.sent]  # type: ignore[misc]
        assert asked == [chosen, "simulated:BTC-USD", chosen, chosen]
        assert chosen in text_of(app)


async def test_waiting_is_said_and_an_answer_that_is_none_too() -> None:
    link = FakeLink()
    link.gate = asyncio.Event()
    async with desk(link) as (app, pilot):
        await press(pilot, "M", "e")
        assert "taking the prediction for" in text_of(app)
        link.taken_apart = None
        link.gate.set()
        await until(pilot, lambda: "has predicted nothing for simulated:ADA-USD yet" in text_of(app))
        await press(pilot, "escape", "q")
        assert app.screen is app.desk
