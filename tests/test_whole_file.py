"""A file is there whole or as it was, and nothing is left beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.whole_file import whole_binary, whole_bytes, whole_file


def test_what_is_written_is_there_at_the_end_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("before")
    with whole_file(path) as file:
        file.write("after\n")
        file.flush()
        assert path.read_text() == "before"
    assert path.read_bytes() == b"after\n" and list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "bars.npz"
    whole_bytes(path, b"before")
    with pytest.raises(KeyboardInterrupt), whole_binary(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("for_others", "mode"), [(False, 0o600), (True, 0o640)])
def test_a_file_is_private_unless_it_is_for_others(tmp_path: Path, for_others: bool, mode: int) -> None:
    path = tmp_path / "bars.parquet"
    before = os.umask(0o027)
    try:
        whole_bytes(path, b"bars", for_others=for_others)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_name_may_be_as_long_as_a_name_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("b" * 255)
    whole_bytes(path, b"bars")
    assert path.read_bytes() == b"bars"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        whole_bytes(tmp_path / "none" / "bars.npz", b"")
