"""What consoles remember: two of one desk keep each other's lists, and no file is written over unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.memory import FILE, MOST_COMMANDS, ConsoleMemory, Layout, RememberError


def opened(folder: Path) -> ConsoleMemory:
    memory = ConsoleMemory(folder / FILE)
    memory.load()
    return memory


def test_two_consoles_keep_what_each_of_them_made(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.memory.watchlists = {"old": ["a"], "shared": ["a"]}
    first.memory.layouts["mine"] = Layout(pane=2)
    first.save()
    second = opened(tmp_path)
    first.memory.watchlists["majors"] = ["b", "c"]
    del first.memory.watchlists["old"]
    first.memory.watchlist = "majors"
    first.memory.commands = ["one"]
    first.save()
    second.memory.watchlists["shared"].append("z")
    second.memory.layouts["other"] = Layout(pane=3)
    second.memory.commands = ["two"]
    second.save()
    found = opened(tmp_path).memory
    assert found.watchlists == {"shared": ["a", "z"], "majors": ["b", "c"]}
    assert found.layouts == {"mine": Layout(pane=2), "other": Layout(pane=3)}
    assert found.watchlist == "majors" and found.commands == ["one", "two"]
    assert second.memory.watchlists == found.watchlists and second.memory.watchlist == "", "as it shows"
    second.memory.commands += [f"c{n}" for n in range(2 * MOST_COMMANDS)]
    second.save()
    assert len(opened(tmp_path).memory.commands) == MOST_COMMANDS


def test_one_that_is_alone_deletes_and_orders_as_it_likes(tmp_path: Path) -> None:
    memory = opened(tmp_path)
    memory.memory.watchlists = {"a": ["x"], "b": [], "c": []}
    memory.save()
    memory.memory.watchlists = {"c": [], "a": ["x"]}
    memory.save()
    memory.save()
    assert list(opened(tmp_path).memory.watchlists) == ["c", "a"]


def test_what_cannot_be_read_is_neither_written_over_nor_taken_for_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    memory = ConsoleMemory(tmp_path / FILE)
    for do in (memory.load, memory.save):
        with pytest.raises(RememberError, match="cannot be read"):
            do()


@pytest.mark.parametrize("when", ["load", "save"])
def test_a_damaged_file_is_put_aside(tmp_path: Path, when: str) -> None:
    path = tmp_path / FILE
    memory = ConsoleMemory(path)
    if when == "load":
        path.write_text('{"watchlists": {"typed by hand": ["x"],}}')
        with pytest.raises(RememberError, match=r"cannot be understood .*console\.json\.damaged now"):
            memory.load()
    else:
        memory.load()
        path.write_text('{"watchlists": {"typed by hand": ["x"],}}')
    memory.memory.watchlists["new"] = []
    memory.save()
    assert opened(tmp_path).memory.watchlists == {"new": []}
    assert "typed by hand" in (tmp_path / f"{FILE}.damaged").read_text()
