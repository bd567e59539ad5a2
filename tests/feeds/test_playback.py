"""The pace of a tape: every event once and in order, whatever is asked for, and never before its time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import NS, MarketEvent, Trade
from engine.feeds.playback import Playback, PlayState

MS = 1_000_000
BAR = NS


def trades(*at_ms: int) -> list[MarketEvent]:
    return [Trade("a:A", n, 1.0, 1.0, 0, ms * MS, ms * MS) for n, ms in enumerate(at_ms)]


class Player:
    """Gives a playback its events in batches and keeps what was let through; the clock stands until told."""

    def __init__(self, playback: Playback, events: list[MarketEvent], size: int = 1000) -> None:
        self.playback = playback
        self.batches = [events[at : at + size] for at in range(0, len(events), size)]
        self.now = 0
        self.seen: list[MarketEvent] = []
        self.at = 0
        if events:
            playback.begin(events[0].recv_ns, 0)

    def run(self) -> int:
        """All that is due now; returns how many."""
        before = len(self.seen)
        while self.batches:
            batch = self.batches[0]
            end = self.playback.due(batch, self.at, self.now)
            if end == self.at:
                break
            self.seen += batch[self.at : end]
            self.at = end
            if end == len(batch):
                del self.batches[0]
                self.at = 0
        if not self.batches:
            self.playback.end()
        return len(self.seen) - before

    def pass_by(self, ms: float) -> int:
        self.now += int(ms * MS)
        return self.run()


def test_events_come_when_they_are_due_and_what_is_late_at_once() -> None:
    player = Player(Playback(2.0), trades(0, 100, 200, 1000))
    assert player.run() == 1
    assert player.pass_by(49) == 0
    assert player.playback.wait_s(100 * MS, player.now) == pytest.approx(0.001)
    assert player.pass_by(1) == 1
    assert player.pass_by(10_000) == 2
    assert player.playback.state is PlayState.ENDED


def test_a_pause_holds_everything_and_playing_goes_on_from_there() -> None:
    player = Player(Playback(1.0), trades(0, 100, 200))
    player.pass_by(60)
    player.playback.pause(player.now)
    assert player.pass_by(10_000) == 0
    assert player.playback.at_ns(player.now) == 60 * MS
    assert player.playback.wait_s(100 * MS, player.now) is None
    player.playback.play(player.now)
    assert player.pass_by(39) == 0
    assert player.pass_by(1) == 1


def test_another_speed_makes_no_jump() -> None:
    player = Player(Playback(1.0), trades(0, 1000, 2000, 3000))
    player.pass_by(500)
    player.playback.set_speed(10.0, player.now)
    assert player.playback.at_ns(player.now) == 500 * MS
    assert player.pass_by(49) == 0
    assert player.pass_by(1) == 1
    player.playback.set_speed(math.inf, player.now)
    assert player.run() == 2


def test_slowing_down_a_desk_that_is_behind_its_pace_starts_from_what_it_has_reached() -> None:
    """At 1,000 times the desk may not keep up: what is due then is no longer due at 1 times."""
    player = Player(Playback(1000.0), trades(0, 1000, 60_000))
    player.run()
    player.now += 50 * MS  # due: 50 s; delivered: nothing of it yet
    player.playback.set_speed(1.0, player.now)
    assert player.playback.at_ns(player.now) == 1000 * MS, "not 50 s: it waits for what comes next"
    assert player.run() == 1
    assert player.pass_by(58_000) == 0
    assert player.pass_by(1001) == 1


def test_steps_by_events_frames_and_bars() -> None:
    player = Player(Playback(1.0, paused=True), trades(0, 0, 0, 100, 100, 900, 1000, 1000, 2500), size=2)
    assert player.run() == 0
    player.playback.step_events(2, player.now)
    assert player.run() == 2
    player.playback.step_frame(player.now)
    assert player.run() == 1, "what is left of the instant"
    player.playback.step_frame(player.now)
    assert player.run() == 2, "a frame goes on into the next batch"
    assert player.playback.at_ns(player.now) == 100 * MS
    player.playback.step_bars(1, player.now)
    assert player.run() == 3, "up to the bar's end, and the frame that closes it"
    assert player.playback.at_ns(player.now) == 1000 * MS
    assert player.pass_by(10_000) == 0 and player.playback.state is PlayState.PAUSED
    player.playback.step_bars(3, player.now)
    assert player.run() == 1, "the tape ends before"
    assert player.playback.state is PlayState.ENDED


@pytest.mark.parametrize("paused", [True, False])
def test_a_seek_runs_unpaced_to_its_goal_and_goes_on_as_before(paused: bool) -> None:
    player = Player(Playback(1.0, paused=paused), trades(0, 100, 200, 300, 5000), size=2)
    player.run()
    player.playback.seek(250 * MS, player.now)
    assert player.playback.state is PlayState.SEEKING and player.playback.unpaced
    assert player.playback.stands == paused, "who seeks back meanwhile finds it as it was"
    player.run()
    assert len(player.seen) == 3
    assert player.playback.at_ns(player.now) == 250 * MS
    assert player.playback.state is (PlayState.PAUSED if paused else PlayState.PLAYING)
    assert player.pass_by(50) == (0 if paused else 1)


def test_a_seek_may_play_on_as_fast_as_it_goes() -> None:
    player = Player(Playback(math.inf, paused=True), trades(0, 100, 200, 300), size=3)
    player.playback.seek(100 * MS, player.now)
    player.playback.play(player.now)
    assert player.run() == 4


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_what_is_no_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Playback(speed)


asks = st.one_of(
    st.tuples(st.just("play"), st.just(0)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("speed"), st.sampled_from([0.1, 1.0, 50.0, 1000.0, math.inf])),
    st.tuples(st.just("events"), st.integers(1, 20)),
    st.tuples(st.just("frame"), st.just(0)),
    st.tuples(st.just("bars"), st.integers(1, 3)),
    st.tuples(st.just("seek"), st.integers(0, 3000)),
    st.tuples(st.just("wait"), st.integers(0, 500)),
)


@given(
    gaps=st.lists(st.sampled_from([0, 0, 1, 40, 700]), min_size=1, max_size=40),
    size=st.integers(1, 9),
    script=st.lists(st.tuples(asks, st.booleans()), max_size=25),
)
def test_whatever_is_asked_each_event_comes_once_in_order_and_not_before_its_time(
    gaps: list[int], size: int, script: list[tuple[tuple[str, float], bool]]
) -> None:
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    events = trades(*times)
    playback = Playback(1.0, bar_ns=BAR)
    player = Player(playback, events, size)
    for (what, much), looks in script:
        before = playback.at_ns(player.now)
        if what == "wait":
            player.now += int(much) * MS
        elif what == "play":
            playback.play(player.now)
        elif what == "pause":
            playback.pause(player.now)
        elif what == "speed":
            playback.set_speed(much, player.now)
        elif what == "events":
            playback.step_events(int(much), player.now)
        elif what == "frame":
            playback.step_frame(player.now)
        elif what == "bars":
            playback.step_bars(int(much), player.now)
        else:
            playback.seek(before + int(much) * MS, player.now)
        after = playback.at_ns(player.now)
        assert after >= before, "the tape's time never steps back"
        if what != "wait":
            assert after == before, "and what is asked for makes no jump"
        if looks:
            player.run()
            if playback.state is PlayState.PLAYING and player.seen:
                assert player.seen[-1].recv_ns <= playback.at_ns(player.now)
    playback.set_speed(math.inf, player.now)
    playback.play(player.now)
    player.run()
    if playback.state is PlayState.PAUSED:  # a seek that was to stand at its goal
        playback.play(player.now)
        player.run()
    assert player.seen == events
    assert playback.state is PlayState.ENDED
