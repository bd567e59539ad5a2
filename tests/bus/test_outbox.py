"""What is put comes onto the streams once and in order, whatever the server forgets or does not answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.outbox import ENTRY_BYTES, Entry, Outbox
from engine.errors import FencedError

STREAMS = ("a", "b")


class Memory:
    """A server: what it has, call by call; a crash takes the last calls back, whole."""

    def __init__(self) -> None:
        self.calls: list[list[Entry]] = []

    def write(self, entries: list[Entry]) -> int:
        last = self.last()
        fresh = [entry for entry in entries if entry[1] > last[entry[0]]]
        for stream, number, _ in fresh:
            assert number > last[stream]
            last[stream] = number
        self.calls.append(fresh)
        return len(fresh)

    def last(self) -> dict[str, int]:
        found = dict.fromkeys(STREAMS, 0)
        for call in self.calls:
            for stream, number, _ in call:
                found[stream] = number
        return found

    def all(self, stream: str) -> list[int]:
        return [number for call in self.calls for name, number, _ in call if name == stream]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_everything_is_there_in_the_end(data: st.DataObject) -> None:
    memory, box = Memory(), Outbox(STREAMS, 1 << 30)
    box.connected(memory.last(), 0.0)
    now_s = 0.0
    kept_from = 0  # calls before are on disk for sure
    put: dict[str, list[int]] = {"a": [], "b": []}
    for _ in range(data.draw(st.integers(1, 60))):
        now_s += 0.1
        act = data.draw(st.sampled_from(("put", "put", "write", "write", "unheard", "crash", "sync")))
        if act == "put":
            entries = []
            for stream in data.draw(st.sampled_from((("a",), ("b",), STREAMS))):
                number = box.numbers[stream] + data.draw(st.integers(1, 3))
                put[stream].append(number)
                entries.append((stream, number, b"x" * number))
            box.put(entries)
        elif act in ("write", "unheard"):
            taken = box.take()
            if taken is None:
                continue
            arrived = act == "write" or data.draw(st.booleans())
            if arrived:
                assert memory.write(taken) == len(taken)
            if act == "write":
                box.answered(now_s)
            else:  # the connection is lost before the answer
                assert box.take() is None
                box.connected(memory.last(), now_s)
        elif act == "crash":
            memory.calls = memory.calls[
                : data.draw(st.integers(kept_from, max(kept_from, len(memory.calls))))
            ]
            box.connected(memory.last(), now_s)
        else:
            kept_from = len(memory.calls)
            box.on_disk(now_s + 0.05)
    while (taken := box.take()) is not None:
        assert memory.write(taken) == len(taken)
        box.answered(now_s)
    assert {stream: memory.all(stream) for stream in STREAMS} == put
    assert box.is_idle
    box.on_disk(now_s + 1)
    assert box.size == 0 and box.kept == 0


def test_the_bound_is_of_all_that_is_held() -> None:
    box = Outbox(("a",), 2 * (ENTRY_BYTES + 100))
    box.connected({"a": 7}, 0.0)
    assert box.numbers == {"a": 7}
    box.put([("a", 8, b"x" * 100)])
    assert not box.is_full
    box.put([("a", 9, b"x" * 100)])
    assert box.is_full
    assert [number for _, number, _ in box.take() or ()] == [8, 9]
    box.answered(1.0)
    assert box.is_full and box.is_idle  # kept: the disk may not have it yet
    box.on_disk(1.5)
    assert not box.is_full and box.size == 0


def test_numbers_rise_and_are_of_one_owner() -> None:
    box = Outbox(("a",), 1 << 20)
    box.connected({"a": 3}, 0.0)
    with pytest.raises(ValueError, match="a: 3 after 3"):
        box.put([("a", 3, b"")])
    box.put([("a", 4, b"")])
    box.connected({"a": 4}, 0.0)
    with pytest.raises(FencedError, match="entry 5 of another worker, ours end at 4"):
        box.connected({"a": 5}, 0.0)
