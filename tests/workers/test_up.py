"""A whole topology: one in a state directory, and what its workers are told."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from console.cli import up
from engine.errors import EngineBusyError, StoreError
from engine.store.lock import StateLock


def told(*overrides: str, tape: tuple[Path, ...] = (), spares: bool = False) -> argparse.Namespace:
    return argparse.Namespace(
        config=None,
        overrides=list(overrides),
        state_dir=None,
        features=2,
        tape=list(tape),
        venue=None,
        json=False,
        no_spares=not spares,
    )


async def test_another_topology_of_a_state_directory_is_refused(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path / "workers")
    with pytest.raises(EngineBusyError, match=r"another `tickdesk up` \(pid \d+\) has"):
        await up._locked(tmp_path, tmp_path / "workers")
    lock.release()
    (await up._locked(tmp_path, tmp_path / "workers")).release()


async def test_a_server_that_does_not_end_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "ENDS_S", 0.01)
    lock = StateLock.acquire(tmp_path / "workers")
    (tmp_path / "workers" / "engine.lock").write_text("")  # who took it is gone, a child has it still
    with pytest.raises(EngineBusyError, match="that is ending"):
        await up._locked(tmp_path, tmp_path / "workers")
    lock.release()


def test_tapes_are_where_those_of_one_process_are_and_no_address_is_on_a_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TICKDESK_CONFIG", raising=False)
    url = "redis://:secret@box/0"
    made = up._children(told(), tmp_path, tmp_path / "workers", url)
    assert [child.name for child in made] == ["market", "features-1", "features-2", "execution"]
    assert [child.told for child in made] == [False, False, False, True]
    for child in made:
        assert child.environment["TICKDESK_RECORD__DIR"] == str(tmp_path / "tapes")
        assert child.environment["TICKDESK_BUS__URL"] == url
        assert not any("secret" in word for word in child.command)
    elsewhere = up._children(told("record.dir=/elsewhere"), tmp_path, tmp_path / "workers", url)
    assert "TICKDESK_RECORD__DIR" not in elsewhere[0].environment


def test_the_desk_has_the_time_to_end_that_it_was_given(tmp_path: Path) -> None:
    made = up._children(told("engine.shutdown_s=90"), tmp_path, tmp_path / "workers", "redis://box/0")
    assert made[-1].name == "execution" and made[-1].end_s > 91


def test_a_terminal_that_is_gone_keeps_nobody_from_being_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    up._tell("market ended")


def test_a_tape_has_a_bus_of_its_own_from_the_start(tmp_path: Path) -> None:
    """What a run before has read is trimmed there: the next one would wait for its first rounds."""
    bus = tmp_path / "workers" / "redis"
    (bus / "appendonlydir").mkdir(parents=True)
    up._begin_anew(tmp_path, bus)
    up._begin_anew(tmp_path, bus)
    assert not bus.exists() and bus.parent.exists()
    bus.mkdir()
    (tmp_path / "tickdesk.db").touch()
    with pytest.raises(StoreError, match="holds the journal of a live desk: choose another --state-dir"):
        up._begin_anew(tmp_path, bus)
    assert bus.exists()


def test_each_worker_has_a_spare_that_ends_with_it_and_a_tape_has_none(tmp_path: Path) -> None:
    made = up._children(told(spares=True), tmp_path, tmp_path / "workers", "redis://box/0")
    names = ["market", "features-1", "features-2", "execution"]
    assert [child.name for child in made] == [one + end for one in names for end in ("", "-spare")]
    for first, spare in zip(made[::2], made[1::2], strict=True):
        assert first.command == spare.command and "--spare" in first.command
        assert first.group == spare.group == first.name and first.told == spare.told
        assert first.later_s == 0 < spare.later_s and first.output != spare.output
    tape = up._children(told(tape=(tmp_path / "t",), spares=True), tmp_path, tmp_path / "workers", "u")
    assert [child.name for child in tape] == names


def test_each_worker_is_heard_while_it_lives_and_a_path_too_long_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = up._children(told(), tmp_path, tmp_path / "workers", "redis://box/0")
    with up._watched(made, tmp_path / "life"):
        heard = {child.name: child.life.environment["NOTIFY_SOCKET"] for child in made if child.life}
        assert sorted(heard) == ["execution", "features-1", "features-2", "market"]
        assert all(Path(path).is_socket() for path in heard.values())
    assert not any(Path(path).exists() for path in heard.values())
    made = up._children(told(), tmp_path, tmp_path / "workers", "redis://box/0")
    with up._watched(made, tmp_path / ("x" * 120)):
        assert not any(child.life for child in made)
    assert capsys.readouterr().err.count("is not killed where it hangs: AF_UNIX path too long") == 4
