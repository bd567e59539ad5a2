"""A desk has a processor for itself: one at a time, of those that it may use, and all else keeps off it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

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
    number, others = told["number"], sorted(set(told["allowed"]) - {told["number"]})
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
    assert os.sched_getaffinity(0) == before, "who has none of its own binds nobody"


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
