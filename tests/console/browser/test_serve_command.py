"""`tickdesk serve`: what it refuses, in one line, and the console that it starts for a tab."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from console.browser import tab
from console.browser.driver import BrowserDriver
from console.cli import main
from console.cli.arguments import parse
from console.cli.serve import tab_command


def refused(capsys: pytest.CaptureFixture[str], state_dir: Path, *options: str, lines: int = 1) -> str:
    assert main(["serve", "--port", "0", "--state-dir", str(state_dir), *options]) != 0
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("tickdesk: ") and told.err.count("\n") == lines
    return told.err


def test_what_is_not_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no engine" in refused(capsys, tmp_path, "--read-only")
    assert "TLS in front" in refused(capsys, tmp_path, "--host", "0.0.0.0")
    assert "did you mean tickdesk-light" in refused(capsys, tmp_path, "--theme", "tickdesk-ligth")
    (tmp_path / "config.toml").write_text('[console.keys]\nhlat = "f5"\n')
    said = refused(capsys, tmp_path, "--read-only", "--config", str(tmp_path / "config.toml"), lines=2)
    assert "hlat" in said and "its default keys are in force" in said and "no engine" in said
    (tmp_path / "config.toml").unlink()
    assert "No such file" in refused(capsys, tmp_path, "--token-file", str(tmp_path / "none"))
    found = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "textual_serve" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert "pip install 'tickdesk[web]'" in refused(capsys, tmp_path)
    assert not list(tmp_path.iterdir()), "no engine was started"


@pytest.mark.parametrize("option", [("--port", "65536"), ("--port", "-1"), ("--tabs", "0"), ("--tabs", "33")])
def test_numbers_out_of_range(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["serve", *option])
    assert capsys.readouterr().err.count("\n") == 1


def test_a_tab_has_the_keys_and_rights_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it takes another
    (tmp_path / "config.toml").write_text('[console.keys]\nsort = "f7"\n')
    given: dict[str, Any] = {}
    monkeypatch.setattr("console.attach.attach", lambda *_, **options: given.update(options) or 0)
    options = ["--config", str(tmp_path / "config.toml"), "--state-dir", str(tmp_path), "--read-only"]
    assert tab.main(options) == 0
    assert given["keys"].changed and given["read_only"] and not given["first_run"]
    assert given["driver_class"] is BrowserDriver


def test_the_console_of_a_tab(tmp_path: Path) -> None:
    arguments = parse(["serve", "--theme", "tickdesk-mono", "--set", "console.frames_per_s=2"])
    command = tab_command(arguments, tmp_path, read_only=True)
    assert command[:4] == [sys.executable, "-P", "-m", "console.browser.tab"]
    given = parse(["attach", *command[4:]])
    assert (given.state_dir, given.theme, given.read_only) == (tmp_path, "tickdesk-mono", True)
    assert given.overrides == ["console.frames_per_s=2"]
    assert "--read-only" not in tab_command(arguments, tmp_path, read_only=False)
