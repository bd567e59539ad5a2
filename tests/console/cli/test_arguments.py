"""Options and words of the command line: where they may stand, and every mistake as one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cli.arguments import parse
from console.cli.desk import engine_options
from tests.console.cli.called import Capture, call, refused


def test_common_options_go_before_and_after_the_command() -> None:
    before = parse(["--state-dir", "a", "--config", "c", "--set", "x.y=1", "status", "--json"])
    after = parse(["status", "--json", "--state-dir", "a", "--config", "c", "--set", "x.y=1"])
    for arguments in (before, after):
        assert (arguments.state_dir, arguments.config) == (Path("a"), Path("c"))
        assert (arguments.overrides, arguments.json) == (["x.y=1"], True)
    both = parse(["--set", "a.a=1", "--set", "b.b=1", "status", "--set", "c.c=1"])
    assert both.overrides == ["a.a=1", "b.b=1", "c.c=1"]
    bare = parse(["status"])
    assert (bare.state_dir, bare.config, bare.overrides) == (None, None, [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("history import --dry-run A=a.csv b.csv", {"what": "import", "names": ["A=a.csv", "b.csv"]}),
        ("history import a.csv --bars 60 b.csv", {"names": ["a.csv", "b.csv"], "bars": 60}),
        ("lookahead ema_cross --cuts 3 goog.csv", {"which": "ema_cross", "data": ["goog.csv"], "cuts": 3}),
        ("backtest a.csv --set x.y=1 b.csv", {"data": ["a.csv", "b.csv"], "overrides": ["x.y=1"]}),
        ("sweep show --json folder", {"data": ["show", "folder"], "json": True}),
    ],
)
def test_options_may_stand_between_words(line: str, words: dict[str, object]) -> None:
    found = vars(parse(line.split()))
    assert {name: found[name] for name in words} == words


def test_a_word_too_many_is_refused_where_words_exclude_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["models", "shadow", "v1", "extra"])
    assert ended.value.code == 2
    assert "unrecognized arguments: extra" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "speed"),
    [("1", 1.0), ("10x", 10.0), ("2.5×", 2.5), ("max", float("inf")), ("full", float("inf"))],
)
def test_speeds(text: str, speed: float) -> None:
    assert parse(["--tape", "t", "--speed", text]).speed == speed


def test_the_engine_is_started_with_what_was_asked_for(tmp_path: Path) -> None:
    argv = "--set risk.stale_data_s=2 --tape a b --speed max --venue kraken --config c.toml"
    arguments = parse(argv.split())
    options = engine_options(arguments)
    assert options == [
        *("--config", str(Path("c.toml").absolute()), "--set", "risk.stale_data_s=2"),
        *("--tape", str(Path("a").absolute()), "--tape", str(Path("b").absolute())),
        *("--venue", "kraken", "--speed", "inf"),
    ]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["frobnicate"], "frobnicate"),
        (["--frobnicate"], "--frobnicate"),
        (["--speed", "abc"], "'abc' is no speed"),
        (["--speed", "nan"], "'nan' is no speed"),
        (["--speed", "-1"], "'-1' is no speed"),
        (["--speed", "0"], "'0' is no speed"),
        (["--tape"], "--tape"),
        (["replay"], "TAPE"),
        (["config"], "what"),
        (["config", "shwo"], "shwo"),
        (["train", "--seconds", "many"], "many"),
        (["status", "extra\x1b[31m"], "extra"),
    ],
)
def test_usage_errors(capsys: Capture, argv: list[str], says: str) -> None:
    code, err = refused(capsys, *argv)
    assert code == 2 and says in err and "--help" in err
    assert err.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (
            ["order", "buy", "X", "--quantity", "1"],
            "; see `tickdesk order --help`",
        ),
        (["parity", "--html", "x"], "see `tickdesk parity --help`"),
        (["models", "list", "extra"], "see `tickdesk models list --help`"),
        (["--bogus", "status"], "unrecognized arguments: --bogus; see `tickdesk --help`"),
        (["backtst"], "'backtst' is not known; did you mean backtest?; see `tickdesk --help`"),
        (["models", "activte"], "did you mean activate?; see `tickdesk models --help`"),
        (["config", "x"], "'x' is not known (choose from show, check); see `tickdesk config --help`"),
        (["frobnicate"], "tickdesk: argument COMMAND: 'frobnicate' is not known; see `tickdesk --help`\n"),
    ],
)
def test_a_usage_error_names_the_help_that_helps(capsys: Capture, argv: list[str], says: str) -> None:
    code, err = refused(capsys, *argv)
    assert code == 2 and says in err


def test_help_and_version_are_no_errors(capsys: Capture) -> None:
    for argv in (["--help"], ["replay", "--help"], ["--version"]):
        assert call(*argv) == 0
        out, err = capsys.readouterr()
        assert "tickdesk" in out and err == ""


def test_models_without_any(capsys: Capture, tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "s"))
    code, err = refused(capsys, "models", "activate", "nosuch", *where)
    assert code == 1 and "nosuch" in err
    code, err = refused(capsys, "models", "activate", *where)
    assert code == 2 and "VERSION" in err
