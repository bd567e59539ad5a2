"""A tape's desk decides the same whatever is asked of its playback, forward and backward."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from engine.api.playback_protocol import PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.api.trading_protocol import FlattenPatch, OrderTicket
from engine.config import load
from engine.errors import TapeError
from engine.events import NS, MarketEvent, RiskState
from engine.feeds.normalised import lines_of
from engine.feeds.packing import Ticks
from engine.feeds.playback import Playback, PlayState
from engine.feeds.simulation.venue import SimulatedVenue
from engine.feeds.tape import Tape
from engine.feeds.tape_edit import convert
from engine.feeds.tape_feed import TapeFeed
from engine.logs import LogRing
from engine.wiring.engine_options import EngineOptions
from engine.wiring.live import LiveEngine
from engine.wiring.port import LivePort
from engine.wiring.replay import digest, replay
from engine.wiring.sources import adopt
from engine.wiring.tape_playback import Begin, TapePlayback, forget_journal
from tests.feeds.small_tape import binance_trade, row, write
from tests.wiring.conftest import START_NS, Bench, taped

SECONDS = 90


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    venue = SimulatedVenue(("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"), seed=3, start_ns=START_NS)
    events: list[MarketEvent] = []
    for step in range(1, SECONDS * 4 + 1):
        events += venue.advance(START_NS + step * NS // 4)
    path = tmp_path_factory.mktemp("tape") / "simulated.jsonl"
    path.write_bytes(lines_of(events))
    return path


@pytest.fixture(scope="module")
def packed(path: Path) -> Path:
    """The same ticks in blocks."""
    out = path.with_name("simulated.tape")
    convert(path, out)
    return out


@pytest.fixture(scope="module")
def plain(path: Path) -> list[bytes]:
    """What is journaled when nothing is asked."""
    bench = Bench()
    taped(bench, path)
    assert bench.desk.trading.fills > 0
    return [msgspec.json.encode(event) for event in bench.journal]


def ask(playback: Playback, draw: random.Random, now: int) -> None:
    what = draw.randrange(7)
    if what == 0:
        playback.pause(now)
    elif what == 1:
        playback.play(now)
    elif what == 2:
        playback.set_speed(draw.choice((0.1, 1.0, 10.0, 1000.0)), now)
    elif what == 3:
        playback.step_events(draw.randrange(1, 600), now)
    elif what == 4:
        playback.step_frame(now)
    elif what == 5:
        playback.step_bars(draw.randrange(1, 9), now)
    else:
        playback.seek(playback.at_ns(now) + draw.randrange(12 * NS), now)


@pytest.mark.parametrize("seed", range(4))
async def test_pauses_steps_speeds_and_seeks_change_no_decision(
    seed: int, path: Path, packed: Path, plain: list[bytes]
) -> None:
    draw, now = random.Random(seed), [0]
    tape = Tape([packed if seed % 2 else path])
    bench, playback = Bench(), Playback(1.0, paused=seed > 1)
    adopt(bench.desk, tape.specs)
    blocks: list[int] = []

    def take_ticks(ticks: Ticks, symbols: Sequence[str]) -> None:
        blocks.append(len(ticks))
        bench.desk.on_block(ticks, symbols)

    feed = TapeFeed(tape, playback, lambda: now[0], take_ticks)
    running = asyncio.create_task(feed.run(bench.desk.on_events))
    for _ in range(60):
        now[0] += draw.randrange(3 * NS)
        ask(playback, draw, now[0])
        feed.look()
        for _ in range(draw.randrange(1, 12)):
            await asyncio.sleep(0)
    while not running.done():
        playback.set_speed(math.inf, now[0])
        playback.play(now[0])
        feed.look()
        await asyncio.sleep(0)
    assert playback.state is PlayState.ENDED
    assert [msgspec.json.encode(event) for event in bench.journal] == plain
    assert feed.stats.messages == sum(1 for _ in path.open())
    # A whole block would keep whoever asks for something waiting until it was decided upon.
    assert bool(blocks) == (seed % 2 == 1) and max(blocks, default=0) <= 1024


class Desk:
    """A live engine on a tape."""

    def __init__(self, state_dir: Path, path: Path, begin: Begin) -> None:
        state_dir.mkdir(mode=0o700, exist_ok=True)
        options = EngineOptions(load(environ={}), state_dir, tapes=(path,))
        self.engine = LiveEngine(options, LogRing(), Tape([path]), begin)
        self.port = LivePort(self.engine)
        self.life: asyncio.Task[int] | None = None

    def ask(self, **patch: object) -> str:
        return self.port.set_playback(PlaybackPatch(**patch), "test").text  # type: ignore[arg-type]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                assert self.life is not None
                assert not self.life.done(), self.life.exception()
                await asyncio.sleep(0.005)

    async def until_state(self, *states: str) -> None:
        await self.until(lambda: self.row.first_ns > 0 and self.row.state in states)

    @property
    def playback(self) -> TapePlayback:
        assert self.engine.playback is not None
        return self.engine.playback

    @property
    def row(self) -> PlaybackRow:
        return self.playback.row()

    async def run(
        self, script: Callable[[], Awaitable[None]], after: Callable[[], Awaitable[None]] | None = None
    ) -> str:
        """The digest of its orders and fills after the script; ``after`` comes behind it."""
        self.life = asyncio.create_task(self.engine.main())
        await self.until(lambda: self.engine.phase == "running" and self.row.first_ns > 0)
        await script()
        assert await asyncio.to_thread(self.engine.store.flush, 30.0)
        found = digest(self.engine.store)
        if after is not None:
            await after()
        if self.engine.anew is None:
            self.engine.stop("test")
        assert await self.life == 0
        return found


async def test_the_engine_steps_seeks_and_begins_anew_to_the_same_digest(path: Path, tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    desk = Desk(state_dir, path, Begin(math.inf))

    async def ended() -> None:
        await desk.until_state("ended")

    async def back() -> None:
        told = desk.ask(to_share=0.5)
        assert "the desk begins anew from the tape's start" in told
        with pytest.raises(TapeError, match="begins anew"):
            desk.ask(state="paused")

    plain = await desk.run(ended, back)
    assert desk.engine.desk.trading.fills > 0
    begin = desk.engine.anew
    assert begin is not None and begin.rewinds == 1 and begin.last_ns > begin.goal_ns > 0

    forget_journal(state_dir)
    desk = Desk(state_dir, path, Begin(paused=True))

    async def first() -> None:
        await asyncio.sleep(0.1)  # paused: nothing comes however long it stands
        status = desk.port.state().status
        assert (desk.row.state, status.mode, status.ticks) == ("paused", "REPLAY", 0)
        first_ns = desk.row.first_ns
        assert desk.ask(step="event", count=3) == "3 events on"
        await desk.until(lambda: desk.engine.desk.intake.trades + desk.engine.desk.intake.quotes == 3)
        await desk.until(lambda: desk.row.last_ns > 0)
        assert desk.ask(speed=100.0) == "speed 100×"
        with pytest.raises(TapeError, match=r"not on the tape, which goes from 2023-11-14 22:13:20 to"):
            desk.ask(to_ns=1)
        with pytest.raises(TapeError, match=r"speed 0\.01: 0\.1 to 1000 times real time, or max"):
            desk.ask(speed=0.01)
        with pytest.raises(TapeError, match="one of a step, a time"):
            desk.ask(step="bar", by_s=1.0)
        assert desk.ask(by_s=20.0).startswith("to 2023-11-14 22:13:40, deciding on all")
        await desk.until_state("paused")
        assert desk.row.at_ns == pytest.approx(first_ns + 20 * NS, abs=NS)
        standing = desk.engine.desk.now_ns, desk.engine.desk.bars
        await asyncio.sleep(0.15)  # the timer's beat: it must close no bar on a clock that stands
        assert (desk.engine.desk.now_ns, desk.engine.desk.bars) == standing
        assert desk.ask(state="playing", speed=0).startswith("playing max from")
        await desk.until_state("ended")
        with pytest.raises(TapeError, match="at its end: seek back"):
            desk.ask(state="playing")

    assert await desk.run(first) == plain

    forget_journal(state_dir)
    desk = Desk(state_dir, path, msgspec.structs.replace(begin, paused=True))

    async def again() -> None:
        await desk.until_state("paused")
        assert (desk.row.at_ns, desk.row.rewinds) == (begin.goal_ns, 1)
        assert "paused" in desk.playback.stands()
        desk.ask(state="playing")
        assert desk.playback.stands() == ""
        await desk.until_state("ended")

    async def by_hand() -> None:
        """A market that stands is waited for by nobody: it is told."""
        trading, began = desk.port.trading, time.monotonic()
        trading._trading.set_state(RiskState.ACTIVE, "test", "")
        symbol = next(iter(desk.engine.desk.instruments)).symbol
        placed = await trading.place(OrderTicket(symbol, "sell", notional="50"), "test")
        assert placed.ok, placed.text
        told = await trading.cancel(placed.ids[0], "test")
        assert told.ok and told.text.endswith("cancel asked for; " + desk.playback.stands())
        told = await trading.flatten(FlattenPatch(), "test")
        assert not told.ok and "NOT FLAT: " in told.text and desk.playback.stands() in told.text
        assert time.monotonic() - began < 5.0

    assert await desk.run(again, by_hand) == plain


@pytest.mark.data
async def test_a_real_capture_played_by_the_engine_is_the_one_replayed(
    capture_head: Path, tmp_path: Path
) -> None:
    report = await asyncio.to_thread(replay, load(environ={}), [capture_head], tmp_path / "replayed")
    desk = Desk(tmp_path / "state", capture_head, Begin(speed=1000.0))

    async def script() -> None:
        desk.ask(step="bar", count=30)
        await desk.until_state("paused")
        desk.ask(by_s=200.0)
        await desk.until_state("paused")
        desk.ask(state="playing", speed=0)
        await desk.until_state("ended")

    assert await desk.run(script) == report.sha256
    assert report.fills > 0


async def test_a_tape_that_was_cut_off_says_so_at_its_end(path: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(path.read_bytes()[:9_980])
    playback = TapePlayback(Tape([cut]), Begin(math.inf), NS, time.monotonic_ns, lambda begin: None)
    assert not playback.row().cut
    await playback.feed.run(lambda events: None)
    assert playback.row().state == "ended" and playback.row().cut


async def test_the_end_is_found_of_a_capture_whose_venue_was_named(tmp_path: Path) -> None:
    frames = [json.dumps(dict(reversed(json.loads(binance_trade(i)).items()))) for i in (1, 2)]
    path = write(tmp_path / "a.jsonl", *(row(i * NS, raw) for i, raw in enumerate(frames, 1)))
    playback = TapePlayback(Tape([path], venue="binance"), Begin(), NS, time.monotonic_ns, lambda begin: None)
    await playback.measure()
    assert playback.row().last_ns == 2 * NS


def test_a_live_desk_refuses(tmp_path: Path) -> None:
    engine = LiveEngine(EngineOptions(load(environ={}), tmp_path), LogRing(), None)
    port = LivePort(engine)
    assert port.state().status.playback is None
    with pytest.raises(TapeError, match=r"^this desk plays no tape: its market is of now$"):
        port.set_playback(PlaybackPatch(state="paused"), "test")
