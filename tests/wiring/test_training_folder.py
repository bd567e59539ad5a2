"""Temporary folders of training runs: removed at the end, and by the next run after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine.wiring.training_folder import training_folder

KILLED = """
import os, signal
from engine.wiring.training_folder import training_folder
with training_folder() as folder:
    (folder / "model.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_it_is_gone_in_the_end_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), training_folder() as folder:
        (folder / "model.txt").write_text("half")
        assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_and_no_other(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    (tmp_path / "tickdesk-training-notes").symlink_to(Path.home())
    (tmp_path / "mine").mkdir()
    with training_folder() as first, training_folder() as second:
        assert not left.exists() and first.exists() and second.exists() and Path.home().exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "tickdesk-training-notes"]
