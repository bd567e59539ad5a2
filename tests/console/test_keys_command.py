"""``tickdesk keys``, and a key map with mistakes: told before anything is started."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from console.cli import main
from console.keymap.key_map import ids


def config(folder: Path, keys: str) -> list[str]:
    path = folder / "config.toml"
    path.write_text(f"[console.keys]\n{keys}")
    return ["--config", str(path), "--state-dir", str(folder / "state")]


def test_the_map_is_printed_for_people_scripts_and_editors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = config(tmp_path, 'sort = "ctrl+t"')
    assert main([*options, "keys"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["ctrl+t", "*", "sort"] for line in lines)
    assert main([*options, "keys", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["sort"]["keys"] == ["ctrl+t"] and rows["sort"]["changed"] and not rows["halt"]["changed"]
    assert main([*options, "keys", "--toml"]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["sort"] == "ctrl+t" and set(tomllib.loads(text)) == set(ids()) == set(rows)
    (tmp_path / "keys.toml").write_text(text)
    assert main(["--config", str(tmp_path / "config.toml"), "config", "check"]) == 0


@pytest.mark.parametrize("command", [["keys"], ["config", "check"]], ids=" ".join)
def test_every_mistake_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "keys.toml").write_text('slot = "x"\ncopy = "f99"\n')
    assert main([*config(tmp_path, 'help = ""'), *command]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("tickdesk: ") for line in lines)
    assert "keys.toml: slot: no action is called so; did you mean sort?" in lines[0]
    assert lines[2] == "tickdesk: console.keys: help: help must have a key, so that it can be found"
