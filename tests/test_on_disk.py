"""What is told of a path, alike under every Python."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.on_disk import on_disk


def test_files_folders_and_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "fifo")
    found = {name: on_disk(tmp_path / name) for name in ("file", "link", "broken", "fifo", "none")}
    assert found == {"file": "file", "link": "folder", "broken": "", "fifo": "other", "none": ""}
    assert on_disk(file / "below") == ""


def test_what_nobody_can_tell_is_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    for name in ("x" * 300, "round"):
        with pytest.raises(OSError):
            on_disk(tmp_path / name)
