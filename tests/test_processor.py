"""A desk has a processor for itself: one at a time, of those that it may use, and all else keeps off it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import processor
from tests.conftest import ROOT

two = pytest.mark.usefixtures("two_processors")


@pytest.mark.parametrize(
    ("allowed", "taken", "chosen"),
    [
        ({0, 1, 2, 3}, set(), 3),
        ({0, 1, 2, 3}, {3}, 2),
        ({0, 1, 2, 3}, {1, 2, 3}, None),  # one stays for all else
        ({0, 1}, set(), 1),
        ({0, 1}, {0}, None),
        ({5}, set(), None),
        (set(), set(), None),  # not told
        ({4, 6}, {1, 2}, 6),  # others than those that we may use
    ],
)
def test_the_last_free_one_is_chosen_and_one_always_stays(
    allowed: set[int], taken: set[int], chosen: int | None
) -> None:
    assert processor.choose(allowed, taken & allowed) == chosen


_OWN = """
import json, os, subprocess, sys, threading, time
from engine import processor

def mask(of=0):
    return sorted(os.sched_getaffinity(of))

told = {"allowed": mask()}
own = processor.take()
told |= {"number": own.number, "loop": mask(), "again": processor.take() is not None}
masks, go = {}, threading.Event()
thread = threading.Thread(target=lambda: (go.wait(), masks.update(thread=mask())))
thread.start()
own.spread()
go.set()
thread.join()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
processor.keep_off(child.pid)
told |= masks | {"spread": mask(), "child": mask(child.pid)}
print(json.dumps(told), flush=True)
input()
child.communicate()
own.give_back()
os.sched_setaffinity(0, told["allowed"])
print(json.dumps({"back": mask(), "owned": sorted(processor.owned(told["allowed"]))}), flush=True)
"""


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OWN],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


@two
def test_the_loop_is_alone_on_it_and_threads_and_children_run_on_the_others(
    owner: subprocess.Popen[str],
) -> None:
    assert owner.stdin is not None and owner.stdout is not None
    told = json.loads(owner.stdout.readline())
    number, others = told["number"], sorted(set(told["allowed"]) - processor.owned(told["allowed"]))
    assert told["loop"] == told["spread"] == [number]
    assert told["thread"] == told["child"] == others
    assert not told["again"], "a thread that may use one processor alone has none to spare"
    assert processor.owned(told["allowed"]) >= {number}
    print("", file=owner.stdin, flush=True)
    after = json.loads(owner.stdout.readline())
    assert after["back"] == told["allowed"] and number not in after["owned"]


@two
def test_it_is_free_again_however_its_owner_ends(owner: subprocess.Popen[str]) -> None:
    assert owner.stdout is not None
    number = json.loads(owner.stdout.readline())["number"]
    assert number in processor.owned([number])
    owner.kill()
    owner.wait()
    assert number not in processor.owned([number])


def test_where_the_system_refuses_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {1_000_001, 1_000_002}
    monkeypatch.setattr(processor, "allowed_here", lambda: frozenset(numbers))
    with pytest.raises(OSError, match="Invalid argument"):
        processor.take()
    assert processor.owned(numbers) == frozenset()
    before = os.sched_getaffinity(0)
    processor.keep_off(os.getpid())
    assert os.sched_getaffinity(0) == before, "who keeps no place binds nobody"


NUMBERS = frozenset(range(1_000_001, 1_000_005))
"""No machine has them, and no desk."""
A, B, C, D = sorted(NUMBERS)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> dict[int, set[int]]:
    """A machine of four, and where each thread or process was bound to last."""
    masks: dict[int, set[int]] = {}
    me = threading.get_native_id()
    monkeypatch.setattr(processor, "allowed_here", lambda thread=0: NUMBERS)
    monkeypatch.setattr(processor, "_threads", lambda process=0: {me, 7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, mask: masks.update({thread or me: set(mask)}))
    return masks


def test_two_desks_keep_off_each_others_processor(bound: dict[int, set[int]]) -> None:
    me = threading.get_native_id()
    with taken() as first:
        assert first.number == D
        first.spread()
        assert bound == {me: {D}, 7: {A, B, C}}
        with taken() as second:
            assert second.number == C
            second.spread()
            assert bound[7] == {A, B}, "of the second"
            bound.clear()
            first.spread()
            assert bound == {7: {A, B}}, "of the first, whose threads were bound before"
            processor.keep_off(99)
            assert bound[99] == {A, B}
            first.share(True)
            assert bound[me] == bound[7] == {A, B, D}
        first.spread()
        assert bound[me] == bound[7] == set(NUMBERS), "the second one has ended"
        first.share(False)
        assert bound[me] == {D} and bound[7] == {A, B, C}


def test_a_desk_without_one_keeps_off_those_of_others(bound: dict[int, set[int]]) -> None:
    me = threading.get_native_id()
    place = processor.share()
    assert place is not None
    try:
        with marked(D):
            place.spread()
            assert bound == {me: {A, B, C}, 7: {A, B, C}}
            processor.keep_off(99)
            assert bound[99] == {A, B, C}
            assert processor.step_aside() is None, "its place is kept"
        place.spread()
        assert bound[me] == bound[7] == set(NUMBERS)
        with marked(A), marked(B), marked(C), marked(D):
            place.spread()
            assert bound[me] == set(NUMBERS), "never nowhere"
    finally:
        place.give_back()


def test_who_loses_one_to_another_desk_takes_the_next(
    bound: dict[int, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "owned", lambda among: frozenset())  # it has not seen it yet
    with taken() as first, taken() as second, taken() as third:
        assert [first.number, second.number, third.number] == [D, C, B]
        assert processor.take() is None, "one stays"


def marked(number: int) -> socket.socket:
    """As another desk does."""
    mark = processor._marked(number)
    assert mark is not None
    return mark


@contextlib.contextmanager
def taken() -> Iterator[processor.Own]:
    own = processor.take()
    assert own is not None
    try:
        yield own
    finally:
        own.give_back()


@two
def test_all_threads_of_a_process_step_aside() -> None:
    ran = "import threading; threading.Thread(target=input).start(); print(flush=True)"
    child = subprocess.Popen(
        [sys.executable, "-c", ran], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline()
        before = processor.allowed_here(child.pid)
        last = max(before)
        assert processor.step_aside(child.pid, of=lambda _: frozenset({last})) == before
        threads = [int(each.name) for each in Path(f"/proc/{child.pid}/task").iterdir()]
        assert len(threads) == 2
        assert all(os.sched_getaffinity(thread) == before - {last} for thread in threads)
    finally:
        child.communicate("")
    assert processor.step_aside(child.pid) is None, "it has ended"


@two
def test_who_steps_aside_leaves_what_desks_have_and_never_all() -> None:
    before = processor.allowed_here()
    last = max(before)
    try:
        assert processor.step_aside(of=lambda _: frozenset()) is None
        assert processor.step_aside(of=lambda _: before) is None and processor.allowed_here() == before
        assert processor.step_aside(of=lambda _: frozenset({last})) == before
        assert processor.allowed_here() == before - {last}
    finally:
        os.sched_setaffinity(0, before)
