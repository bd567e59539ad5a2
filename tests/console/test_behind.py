"""A console's session steps back behind the desk's, and comes forward again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.behind import NICE, aside, behind


@pytest.fixture
def other() -> Iterator[int]:
    """A process of another session."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    while os.getsid(process.pid) == os.getsid(0):
        pass
    yield process.pid
    process.communicate()


def test_the_session_steps_back_while_the_screen_is_there(other: int, tmp_path: Path) -> None:
    session = tmp_path / "autogroup"
    session.write_text("/autogroup-7 nice 3\n")
    with pytest.raises(KeyError), behind(other, session):
        assert session.read_text() == str(NICE)
        raise KeyError
    assert session.read_text() == "3"


@pytest.mark.parametrize("told", ["/autogroup-7 nice 15\n", "what is this"])
def test_one_that_is_behind_already_or_tells_nothing_is_left_alone(
    other: int, tmp_path: Path, told: str
) -> None:
    session = tmp_path / "autogroup"
    session.write_text(told)
    with behind(other, session):
        assert session.read_text() == told


def test_beside_an_engine_of_its_own_session_or_none_it_stays(tmp_path: Path) -> None:
    session = tmp_path / "autogroup"
    session.write_text("/autogroup-7 nice 0\n")
    for engine in (os.getpid(), None):
        with behind(engine, session):
            assert session.read_text().endswith("nice 0\n")
    with behind(1, tmp_path / "none"):
        assert not (tmp_path / "none").exists()


_LIVE = """
import os, sys
from pathlib import Path
from console.behind import behind
os.setsid()
with behind(int(sys.argv[1])):
    print(Path("/proc/self/autogroup").read_text().split()[-1])
print(Path("/proc/self/autogroup").read_text().split()[-1])
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="sessions are not weighed here")
def test_the_kernel_takes_it(other: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LIVE, str(other)], capture_output=True, text=True, timeout=30
    )
    assert (ran.returncode, ran.stdout.split()) == (0, [str(NICE), "0"]), ran.stderr


def test_the_screen_leaves_the_processors_of_desks_until_it_ends() -> None:
    before = os.sched_getaffinity(0)
    steps: list[frozenset[int] | None] = [None, frozenset(before), None]
    with pytest.raises(KeyError), aside(lambda: steps.pop(0)) as look:
        os.sched_setaffinity(0, {min(before)})
        look()  # another engine is there, with a processor of its own
        look()
        assert not steps
        raise KeyError
    assert os.sched_getaffinity(0) == before


def test_a_screen_without_file_descriptors_goes_on_where_it_is() -> None:
    def step() -> None:
        raise OSError(24, "Too many open files")

    before = os.sched_getaffinity(0)
    with aside(step) as look:
        look()
    assert os.sched_getaffinity(0) == before
