"""A tape in the place of the desk: opened, played, stepped and sought by keys, and left for the live desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from textual.widgets import Input

from console import replay
from console.link_protocol import LinkState
from console.screens import open_tape
from console.screens.confirm import ConfirmScreen
from console.screens.leave_replay import BackScreen, EndScreen
from console.screens.open_tape import OpenTapeScreen
from console.screens.seek import SeekScreen
from console.tapes import Tapes, completed, tapes_in, typed_path
from engine.api.control_protocol import Console
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import EventFrame, StateFrame
from engine.api.rows import PlaybackRow
from engine.api.trading_protocol import LimitRow
from engine.errors import LinkError, TapeError
from engine.events import NS, Alert
from engine.tapes import TapeSpan
from tests.console import sample_desk as sample
from tests.console.conftest import Compare
from tests.console.fake_link import FakeLink
from tests.console.pilot import desk, press, text_of, toasts, typing, until
from tests.console.test_screens import SIZES, take
from widgets.cells import width_of
from widgets.command_line import CommandLine
from widgets.lines import Lines
from widgets.playback import PlaybackView, badge, next_speed, playback_line, share

START_NS = 1_700_000_000 * NS  # 2023-11-14 22:13:20 UTC
ROW = PlaybackRow("playing", 4.0, START_NS + 30 * NS, START_NS, START_NS + 120 * NS)


def frame(**playback: object) -> StateFrame:
    """Of a tape's desk, with a symbol that the live one has not."""
    tick = msgspec.structs.replace(sample.ticks()[0], symbol="tape:ONLY")
    row = msgspec.structs.replace(ROW, **playback)
    status = sample.status(mode="REPLAY", tape="x.tape 4× at 12:00", playback=row, funnel={"trades": 7})
    return StateFrame(full=True, status=status, ticks=(tick,), last_seq=1)


class FakeTape:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.link = FakeLink(frame())
        self.ended = 0

    def new_link(self) -> FakeLink:
        return self.link

    def end(self) -> None:
        self.ended += 1


class FakeTapes(Tapes):
    """Opens no engine. ``error``: why none starts."""

    def __init__(self, *folders: Path, bound: bool = False) -> None:
        super().__init__((), folders, bound=bound)
        self.opened: list[FakeTape] = []
        self.error = ""

    def start(self, path: Path, note: Callable[[str], None]) -> FakeTape:  # type: ignore[override]
        if self.error:
            raise TapeError(self.error)
        note("compiling")
        self.opened.append(FakeTape(path))
        return self.opened[-1]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    path = tmp_path / "recordings" / "first.tape"
    path.parent.mkdir()
    path.write_bytes(b"x")
    (path.parent / "notes.txt").write_text("no tape")
    return path


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SETTLE_S", 0.0)

    async def spans(paths: Sequence[Path]) -> AsyncIterator[TapeSpan]:
        for path in paths:
            yield TapeSpan(str(path), "ticks", "kraken", START_NS, START_NS + 120 * NS, 1)

    monkeypatch.setattr(open_tape, "spans", spans)


def screen_text(app: object) -> str:
    screen = app.screen  # type: ignore[attr-defined]
    return "\n".join(strip.text for strip in screen._compositor.render_strips(screen.size))


async def test_a_tape_takes_the_place_of_the_desk_and_gives_it_back(tape: Path) -> None:
    live, tapes = FakeLink(), FakeTapes(tape.parent)
    async with desk(live, (200, 50), tapes=tapes) as (app, pilot):
        live_symbol = sample.ticks()[0].symbol.partition(":")[2]
        assert live_symbol in screen_text(app)
        await press(pilot, "p")
        assert toasts(app)[-1].startswith("this desk plays no tape") and not live.sent

        await press(pilot, "O")
        assert isinstance(app.screen, OpenTapeScreen)
        await until(pilot, lambda: "2023-11-14" in screen_text(app))
        assert "first.tape" in screen_text(app) and "notes.txt" not in screen_text(app)
        tapes.error = "first.tape is not a tape"
        await press(pilot, "enter")
        await until(pilot, lambda: "first.tape: first.tape is not a tape" in toasts(app))
        assert app.link is live
        tapes.error = ""
        await press(pilot, "O", "tab")
        typed = app.screen.query_one(Input)
        assert typed.value == f"{tape.parent}/"
        typed.insert_text_at_cursor(str(tape.parent / "fi"))  # from the root: in the place of what is there
        await press(pilot, "tab")
        assert typed.value == str(tape)
        await press(pilot, "enter")
        await until(pilot, lambda: "tape:ONLY" in app.view.ticks)
        opened = tapes.opened[0]
        live.on_message(StateFrame(full=False, status=sample.status()))  # it is not silent
        app.paint()
        app.paint_replay()
        await pilot.pause()
        shown = screen_text(app)
        assert " REPLAY ▶ 4× " in shown and "first.tape" in shown and "live desk ACTIVE" in shown
        assert "25%" in shown and "22:13:50" in shown
        assert "ONLY" in shown and live_symbol not in shown

        # What the live desk sends meanwhile reaches its own view, and its alerts are told.
        live.on_message(EventFrame(2, Alert("error", "storage", "disk full", START_NS)))
        live.on_message(
            StateFrame(full=False, status=sample.status(risk_state="halted", risk_reason="lunch"))
        )
        app.paint_replay()
        app.paint()
        await pilot.pause()
        assert any("live desk: disk full" in note for note in toasts(app))
        assert any("live desk: HALTED: lunch" in note for note in toasts(app))
        assert app.view.risk_state == "active" and live_symbol not in screen_text(app)
        live.on_state(LinkState.LOST, "cut")
        assert app.view.link is LinkState.UP
        app.paint_replay()
        await pilot.pause()
        assert any("live desk: LINK LOST: cut" in note for note in toasts(app))
        live.on_state(LinkState.UP, "")

        link = opened.link
        await press(pilot, "p", "full_stop", "greater_than_sign")
        await until(pilot, lambda: len(link.sent) == 3)
        assert [patch for _, patch in link.sent] == [
            PlaybackPatch(state="paused"),
            PlaybackPatch(step="frame"),
            PlaybackPatch(speed=5.0),
        ]
        link.on_message(frame())  # it was on its way before that
        await press(pilot, "greater_than_sign", "p")
        await until(pilot, lambda: len(link.sent) == 5)
        assert [patch for _, patch in link.sent[3:]] == [
            PlaybackPatch(speed=10.0),
            PlaybackPatch(state="playing"),
        ]
        await press(pilot, "T")
        assert isinstance(app.screen, SeekScreen)
        assert "the tape: 22:13:20 – 22:15:20" in text_of(app)
        assert max(width_of(line) for lines in app.screen.query(Lines) for line in lines.lines) <= 56
        await press(pilot, "1", "0", "enter")
        assert text_of(app).count("is no place on a tape") == 1
        await press(pilot, "percent_sign")
        assert "begins anew" in text_of(app) and "is no place" not in text_of(app)
        await press(pilot, "enter")
        await until(pilot, lambda: app.screen is app.desk)
        assert link.sent[-1] == ("playback", PlaybackPatch(to_share=0.1))

        await press(pilot, "H")
        await until(pilot, lambda: ("risk", "halted") in link.sent)
        assert "HALT went to the REPLAY alone" in app.desk.receipt
        assert not live.sent, "nothing of all that reached the live desk"

        await press(pilot, "q")
        assert isinstance(app.screen, BackScreen)
        await press(pilot, "enter")
        await until(pilot, lambda: opened.ended == 1)
        assert app.link is live and app.view.risk_state == "halted" and app.desk.view is app.view
        app.paint()
        app.paint_replay()
        await pilot.pause()
        shown = screen_text(app)
        assert live_symbol in shown and "ONLY" not in shown and "REPLAY" not in shown
        opened.link.on_message(frame())
        assert "tape:ONLY" not in app.view.ticks


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_dialog_of_tapes(
    compare_pictures: Compare, size: tuple[int, int], tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tape.parent.parent)
    take(compare_pictures, size, "O", tapes=FakeTapes(Path("recordings")))


async def test_a_replay_is_opened_and_played_by_typed_commands(tape: Path) -> None:
    live, tapes = FakeLink(), FakeTapes(tape.parent)
    async with desk(live, tapes=tapes) as (app, pilot):

        async def typed(text: str) -> str:
            """What the line, or behind it a toast, says of it."""
            await app.action_command_line(text)
            await app.screen.query_one(CommandLine).input.action_submit()
            await pilot.pause()
            await until(pilot, lambda: all(one.is_finished for one in app.workers if one.group == "typed"))
            if not typing(app):
                return toasts(app)[-1] if toasts(app) else ""
            said = screen_text(app)
            await press(pilot, "escape")
            return said

        assert "this desk plays no tape: O opens one" in await typed("pause")
        assert "there is no such file" in await typed("replay none.tape")
        assert "name a tape in the folder" in await typed(f"replay {tape.parent}")
        await app.action_command_line(f"replay {tape.parent.parent}/re")
        await press(pilot, "tab", *"fi", "tab")
        assert app.screen.query_one(CommandLine).input.value == f"replay {tape} "
        await press(pilot, "escape", "1", "down", "7")
        assert (symbol := app.market_symbol) and symbol in app.view.ticks
        await typed(f"replay {tape}")
        await until(pilot, lambda: "tape:ONLY" in app.view.ticks)
        app.paint()
        assert not live.sent and app.market_symbol == "tape:ONLY"
        assert "is no place on a tape" in await typed("seek nowhere")
        assert "is no step" in await typed("step wide") and "a speed is from" in await typed("speed 0")
        for text in ("pause", "step", "step bar", "step 3", "step 10s", "seek 50%", "speed max", "play"):
            await typed(text)
        await until(pilot, lambda: len(tapes.opened[0].link.sent) == 8)
        assert [patch for _, patch in tapes.opened[0].link.sent] == [
            PlaybackPatch(state="paused"),
            PlaybackPatch(step="frame"),
            PlaybackPatch(step="bar"),
            PlaybackPatch(step="event", count=3),
            PlaybackPatch(state="paused", by_s=10.0),
            PlaybackPatch(to_share=0.5),
            PlaybackPatch(speed=0.0),
            PlaybackPatch(state="playing"),
        ]


async def test_a_key_that_was_on_its_way_when_the_desk_changed_is_for_neither(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "SETTLE_S", 60.0)
    live, tapes = FakeLink(), FakeTapes(tape.parent)
    async with desk(live, tapes=tapes) as (app, pilot):
        app.open_tape(tape)
        await until(pilot, lambda: "tape:ONLY" in app.view.ticks)
        await press(pilot, "H", "E")
        assert "NOT SENT: the screen has just gone to the REPLAY of first.tape" in toasts(app)[-1]
        assert not app.desk.receipt
        app._settled_at = 0.0
        await press(pilot, "E")
        link = tapes.opened[0].link
        await until(pilot, lambda: link.sent == [("risk", "reducing")])

        # What ends a replay's link shows no other desk: the next key would be for that.
        monkeypatch.setattr(link, "run", partial(_refuse, "versions differ"))
        app._run_replay(link, app.view)
        await until(pilot, lambda: any("versions differ" in note for note in toasts(app)))
        assert app.link is link and app.view.link is LinkState.LOST
        app.go_back()
        await press(pilot, "H")
        await until(pilot, lambda: live.sent == [("risk", "halted")])


async def _refuse(why: str, *_: object) -> None:
    raise LinkError(why)


class SlowLink(FakeLink):
    """Answers what the limits are when it is let."""

    def __init__(self, frame: StateFrame) -> None:
        super().__init__(frame)
        self.let = asyncio.Event()

    async def limits(self) -> list[LimitRow]:
        await self.let.wait()
        return await super().limits()


@pytest.mark.parametrize("entered", [True, False])
async def test_what_was_typed_for_a_replay_never_reaches_the_live_desk(tape: Path, entered: bool) -> None:
    live, tapes = FakeLink(), FakeTapes(tape.parent)
    async with desk(live, tapes=tapes) as (app, pilot):
        app.open_tape(tape)
        await until(pilot, lambda: "tape:ONLY" in app.view.ticks)
        app.link = slow = SlowLink(frame())
        await app.action_command_line("limit max_open_orders 1")
        line = app.screen.query_one(CommandLine)
        if entered:
            await line.input.action_submit()
            await until(pilot, lambda: line.waiting)
        app.go_back()
        slow.let.set()
        await pilot.pause()
        await pilot.pause()
        assert app.link is live and not live.sent and not slow.sent
        assert not typing(app) and app.memory.memory.commands == ["limit max_open_orders 1"]
        assert any("was not run: another desk is shown" in note for note in toasts(app))


async def test_a_command_that_waits_for_the_seat_of_a_replay_is_not_sent_to_the_live_desk(tape: Path) -> None:
    live, tapes = FakeLink(), FakeTapes(tape.parent)
    async with desk(live, tapes=tapes) as (app, pilot):
        app.open_tape(tape)
        await until(pilot, lambda: "tape:ONLY" in app.view.ticks)
        app.view.console = Console("0123abcd", "seat", "ana@pts/3/1")  # a free seat: it is asked for first
        app.command("the model's reload", lambda: app.link.reload_model())
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        app.open_tape(tape)
        await pilot.pause()
        assert any("is on its way: wait for its answer" in note for note in toasts(app))
        app.go_back()
        await until(pilot, lambda: not app._in_flight)
        assert app.screen is app.desk and not live.sent and not tapes.opened[0].link.sent
        assert any("NOT SENT: the model's reload" in note for note in toasts(app))


async def test_a_console_on_a_tape_of_its_own_says_that_it_ends() -> None:
    async with desk(FakeLink(frame(state="paused")), tapes=FakeTapes(Path("/"), bound=True)) as (app, pilot):
        app.paint_replay()
        await pilot.pause()
        assert " REPLAY ❚❚ " in screen_text(app) and "paused" in screen_text(app)
        await press(pilot, "q")
        assert isinstance(app.screen, EndScreen)
        await press(pilot, "enter")
        assert app.return_code == 0


def line_text(row: PlaybackRow, width: int, **more: object) -> str:
    line = playback_line(PlaybackView(row, "a-long-name-of-a-tape.jsonl.gz", **more), width)  # type: ignore[arg-type]
    assert width_of(line) <= width
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_line_fits_and_keeps_what_matters(width: int) -> None:
    text = line_text(ROW, width, behind=(("live desk ACTIVE", "good"),), hint="p play")
    assert "▶ playing 4×" in text and "22:13:50" in text
    assert "25%" in text and ("━●┄" in text) == (width > 60)
    assert ("2023-11-14" in text) == (width == 200)


def test_the_line_says_what_is_not_known_and_where_a_seek_goes() -> None:
    row = msgspec.structs.replace(ROW, state="seeking", last_ns=0, goal_ns=START_NS + 90 * NS)
    assert "» seeking to 22:14:50" in line_text(row, 200) and "end not known yet" in line_text(row, 200)
    assert share(row) is None and share(msgspec.structs.replace(row, state="ended")) == 1.0
    assert "live desk HALTED" in line_text(
        msgspec.structs.replace(row, last_ns=ROW.last_ns), 80, behind=(("live desk HALTED", "warn"),)
    )
    cut = msgspec.structs.replace(ROW, state="ended", cut=True)
    assert "■ ended, cut off here" in line_text(cut, 80)
    assert badge(msgspec.structs.replace(ROW, speed=0.0)) == "▶ max"


def test_speeds_go_up_to_max_and_down_to_a_tenth() -> None:
    assert [next_speed(4.0, 1), next_speed(4.0, -1)] == [5.0, 2.0]
    assert [next_speed(1000.0, 1), next_speed(0.0, 1), next_speed(0.0, -1)] == [0.0, 0.0, 1000.0]
    assert next_speed(0.1, -1) == 0.1


@pytest.mark.parametrize("typed", ["~nobody-of-this-name/x.tape", "x" * 300, "none.tape", "\0"])
def test_no_path_that_can_be_typed_ends_the_console(typed: str) -> None:
    with pytest.raises(TapeError, match=r"^[^\n]+$"):
        typed_path(typed)
    assert completed(typed) == (typed, [])


def test_paths_are_completed_as_far_as_all_agree(tmp_path: Path) -> None:
    for name in ("abc.tape", "abd.jsonl.gz", "abe.txt", ".hidden.tape"):
        (tmp_path / name).write_text("")
    (tmp_path / "other").mkdir()
    assert completed(f"{tmp_path}/a") == (f"{tmp_path}/ab", ["abc.tape", "abd.jsonl.gz"])
    assert completed(f"{tmp_path}/o") == (f"{tmp_path}/other/", ["other/"])
    assert completed(f"{tmp_path}/x") == (f"{tmp_path}/x", [])
    assert {path.name for path in tapes_in(tmp_path)} == {"abc.tape", "abd.jsonl.gz", ".hidden.tape"}
    with pytest.raises(TapeError, match="No such file"):
        tapes_in(tmp_path / "none")
