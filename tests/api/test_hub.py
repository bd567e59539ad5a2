"""Events keep their sequence whoever reads them when; a frame holds what changed and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.conflator import Conflator, Frames
from engine.api.hub import Hub
from engine.api.protocol import EventFrame, Resync, StateFrame
from engine.slices import at_once
from tests.api import samples
from tests.api.conftest import alert
from tests.console import sample_desk as sample

replace = msgspec.structs.replace


def hub_with(count: int, capacity: int = 100, start: int = 0) -> Hub:
    hub = Hub(capacity)
    hub.start_at(start)
    for seq in range(start + 1, start + count + 1):
        hub.publish(seq, alert(seq))
    return hub


def desk_state() -> StateFrame:
    """With log lines numbered from 1, as the engine's are."""
    state = sample.full_frame()
    return replace(state, logs=tuple(replace(row, seq=n) for n, row in enumerate(state.logs, 1)))


def frame(conflator: Conflator, state: StateFrame, since: int = 0) -> StateFrame:
    return msgspec.json.decode(at_once(conflator.making(state, since)), type=StateFrame)


def seqs(items: list[tuple[int, bytes]] | Resync) -> list[int]:
    assert isinstance(items, list)
    for seq, raw in items:
        frame = msgspec.json.decode(raw, type=EventFrame)
        assert (frame.seq, frame.event) == (seq, alert(seq))
    return [seq for seq, _ in items]


@given(
    count=st.integers(0, 40), capacity=st.integers(1, 30), start=st.integers(0, 5), since=st.integers(0, 60)
)
@settings(max_examples=80, deadline=None)
def test_since_gives_every_later_event_once_or_says_that_it_cannot(
    count: int, capacity: int, start: int, since: int
) -> None:
    hub = hub_with(count, capacity, start)
    last, oldest = start + count, start + max(0, count - capacity) + 1
    answer = hub.since(since)
    if oldest - 1 <= since <= last:
        assert seqs(answer) == list(range(since + 1, last + 1))
    else:
        assert answer == Resync(oldest_seq=oldest if since < oldest else last + 1)


def test_a_gap_is_a_bug() -> None:
    hub = hub_with(3)
    for seq in (3, 5):
        with pytest.raises(ValueError, match="after 3"):
            hub.publish(seq, alert(seq))
    assert hub.last_seq == 3


def test_only_subscribers_are_woken() -> None:
    hub, woken = Hub(), []
    end = hub.subscribe(lambda: woken.append(hub.last_seq))
    hub.publish(1, alert(1))
    end()
    hub.publish(2, alert(2))
    assert woken == [1]


def test_the_first_frame_is_full_and_the_next_is_empty() -> None:
    state, conflator = desk_state(), Conflator()
    first = frame(conflator, state, 7)
    assert first == replace(state, last_seq=7)
    second = frame(conflator, state, 8)
    assert (second.full, second.last_seq) == (False, 8)
    assert second.status == state.status
    for name in ("feeds", "ticks", "opportunities", "positions", "orders", "strategies", "models", "logs"):
        assert getattr(first, name) == getattr(state, name)
        assert getattr(second, name) == ()


def test_only_changed_rows_and_new_log_lines_follow() -> None:
    state, conflator = sample.full_frame(), Conflator()
    frame(conflator, state)
    moved = replace(state.ticks[2], last=1.0)
    line = replace(state.logs[-1], seq=state.logs[-1].seq + 1)
    changed = replace(
        state,
        ticks=(*state.ticks[:2], moved, *state.ticks[3:]),
        logs=(*state.logs[3:], line),
    )
    told = frame(conflator, changed)
    assert (told.ticks, told.logs, told.orders) == ((moved,), (line,), ())


def test_a_row_that_went_and_came_back_is_sent_again() -> None:
    state, conflator = sample.full_frame(), Conflator()
    frame(conflator, state)
    gone = replace(state, opportunities=state.opportunities[1:])
    assert frame(conflator, gone).opportunities == ()
    assert frame(conflator, state).opportunities == state.opportunities[:1]


@given(st.lists(st.dictionaries(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_merging_all_frames_gives_the_newest_rows(history: list[dict[int, int]]) -> None:
    """Whatever changes between frames, a client that merges them knows every row of the last state."""
    base, conflator = sample.full_frame(), Conflator()
    known: dict[str, object] = {}
    state: StateFrame = base
    for values in history:
        rows = tuple(
            replace(base.strategies[0], name=f"s{key}", signals=value)
            for key, value in sorted(values.items())
        )
        state = replace(base, strategies=rows)
        known.update((row.name, row) for row in frame(conflator, state).strategies)
    assert {row.name: row for row in state.strategies}.items() <= known.items()


def test_rows_that_a_person_took_away_are_named_once() -> None:
    conflator, state = Conflator(), replace(desk_state(), automations=samples.automations())
    assert frame(conflator, state, 1).gone == {}
    fewer = replace(
        state,
        automations=(*state.automations[1:], replace(state.automations[0], name="new")),
        strategies=state.strategies[1:],
    )
    told = frame(conflator, fewer, 2)
    assert told.gone == {"strategies": ("rapid_rise",), "automations": ("tell me",)}
    assert [row.name for row in told.automations] == ["new"]
    assert frame(conflator, fewer, 3).gone == {}


def test_who_knows_the_same_is_told_the_same_and_it_is_made_once() -> None:
    state, frames = desk_state(), Frames()
    news = replace(state, strategies=tuple(replace(row, signals=99) for row in state.strategies))
    first, second, third, few = (
        Conflator(frames=frames),
        Conflator(frames=frames),
        Conflator(frames=frames),
        Conflator(frozenset({"ticks"}), frames),
    )
    for conflator in (first, second, few):
        assert frame(conflator, state, 1).full
    told = at_once(first.making(news, 2))
    assert at_once(second.making(news, 2)) is told
    assert msgspec.json.decode(told, type=StateFrame).strategies == news.strategies
    assert at_once(few.making(news, 2)) == b"", "nothing of its topics"
    assert frame(third, news, 2).full, "it knew nothing"
    again = replace(news, logs=())
    assert frame(first, again, 2).last_seq == 2 and frame(second, again, 3).last_seq == 3
