"""Where no peers are installed, their comparisons say so and the rest is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench import peers
from tests.bench.registry import Skipped


def test_without_an_environment_or_a_package_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKDESK_PEERS_PYTHON", str(tmp_path / "absent"))
    with pytest.raises(Skipped, match="make peers"):
        peers.run_peer("any.py", "json")
    monkeypatch.setenv("TICKDESK_PEERS_PYTHON", sys.executable)
    with pytest.raises(Skipped, match="no_such_package cannot be imported"):
        peers.run_peer("any.py", "no_such_package")


def test_the_last_line_counts_and_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_PEERS_PYTHON", sys.executable)
    script = tmp_path / "peer.py"
    script.write_text("import sys\nprint('chatter')\nprint('{\"n\": ' + sys.argv[1] + '}')\n")
    assert peers.run_peer(str(script), "json", "7") == {"n": 7}
    script.write_text("raise ValueError('it broke')\n")
    with pytest.raises(RuntimeError, match="it broke"):
        peers.run_peer(str(script), "json")
