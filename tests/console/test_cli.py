"""The command line without an engine: options, configuration, and every mistake as one line."""

from __future__ import annotations

import argparse
import errno
import gzip
import logging
import os
import socket as sockets
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from console import cli
from console.cli import desk, main
from console.cli.arguments import parse
from console.cli.config import toml_lines
from console.cli.desk import engine_options, tapes
from engine.api.address import socket_path
from engine.config import Config, load
from engine.errors import EngineBusyError
from engine.store.lock import StateLock
from engine.strategies.registry import StrategySet
from tests.conftest import SHARED

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_left_over_handlers() -> Iterator[None]:
    """An engine that ran in this process leaves its log handlers to the process's end."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the configuration nor the state of the person who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


def call(*argv: str) -> int:
    """The exit code, however the command ends."""
    try:
        return main(argv)
    except SystemExit as end:
        assert isinstance(end.code, int)
        return end.code


def refused(capsys: Capture, *argv: str) -> tuple[int, str]:
    """Exit code and the one line on stderr of a command that must fail."""
    code = call(*argv)
    out, err = capsys.readouterr()
    assert code != 0 and out == ""
    assert err.startswith("tickdesk: ") and err.count("\n") == 1 and err.endswith("\n"), err
    assert "Traceback" not in err and "internal error" not in err
    return code, err


# --- options -----------------------------------------------------------------------------------------


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
            "unrecognized arguments: --quantity 1; see `tickdesk order --help`",
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


# --- configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["cache.redis_url", "automations.jobs.broker_url", "bus.url"])
def test_config_show_shows_no_password(capsys: Capture, key: str) -> None:
    assert call("config", "show", "--set", f"{key}=redis://:s3cret@host:6379/0") == 0
    shown = capsys.readouterr().out
    assert f'{key.rpartition(".")[2]} = "redis://:***@host:6379/0"' in shown and "s3cret" not in shown


def test_config_show_round_trips(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown is a valid file that gives the same configuration again."""
    for name in SHARED:  # what all tests are set to
        monkeypatch.delenv(name)
    settings_ = [
        *("--set", "feeds.kraken.symbols=BTC/USD,ETH/USD", "--set", "strategies.trend.cooldown_s=7.5"),
        *("--set", "risk.allow_short=false", "--set", 'account.currency="USDT"'),
    ]
    assert call(*settings_, "config", "show") == 0
    shown = capsys.readouterr().out
    file = tmp_path / "shown.toml"
    file.write_text(shown)
    again, given = load(file, environ={}), load(overrides=settings_[1::2], environ={})
    assert replace(again, strategies={}) == replace(given, strategies={})
    assert again.strategies == StrategySet(given.strategies).settings(), "every strategy, defaults included"
    assert call("config", "show", "--config", str(file)) == 0
    assert capsys.readouterr().out == shown
    assert call("config", "check", "--config", str(file)) == 0
    assert str(file) in capsys.readouterr().out


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12), max_size=4),
    st.floats(1e-9, 1e12),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_value_is_shown_as_toml(names: list[str], number: float, flag: bool) -> None:
    import tomllib

    tree = {"a": number, "s": {"names": names, "flag": flag, "deep": {"text": "".join(names)}}, "empty": {}}
    back = tomllib.loads("\n".join(toml_lines(tree)))
    assert back == {key: value for key, value in tree.items() if value != {}}


def test_precedence(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(*argv: str) -> Config:
        assert call("config", "show", *argv) == 0
        text = capsys.readouterr().out
        file = tmp_path / "out.toml"
        file.write_text(text)
        return load(file, environ={})

    place = tmp_path / "config" / "tickdesk" / "config.toml"
    place.parent.mkdir(parents=True)
    place.write_text("[risk]\nstale_data_s = 4\nclock_skew_s = 4\nmax_position_pct = 4\n")
    assert shown().risk.stale_data_s == 4
    monkeypatch.setenv("TICKDESK_RISK__CLOCK_SKEW_S", "5")
    monkeypatch.setenv("TICKDESK_RISK__MAX_POSITION_PCT", "5")
    monkeypatch.setenv("TICKDESK_FEEDS__KRAKEN__SYMBOLS", "BTC/USD")
    config = shown("--set", "risk.max_position_pct=6")
    assert (config.risk.stale_data_s, config.risk.clock_skew_s, config.risk.max_position_pct) == (4, 5, 6)
    assert config.feeds["kraken"].symbols == ("BTC/USD",)
    other = tmp_path / "other.toml"
    other.write_text("[risk]\nstale_data_s = 9\n")
    monkeypatch.setenv("TICKDESK_CONFIG", str(other))
    assert shown().risk.stale_data_s == 9


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("nosuch.key=1", "nosuch"),
        ("risk.nosuch=1", "nosuch"),
        ("risk.max_position_pct=abc", "risk.max_position_pct"),
        ("risk.max_position_pct=-1", "risk.max_position_pct"),
        ("risk.max_position_pct=nan", "risk.max_position_pct"),
        ("risk.max_position_pct", "section.key=value"),
        ("risk.max_position_pct.deep=1", "max_position_pct"),
        ("risk=1", "risk"),
        ("features.ema_fast=30", "ema_fast must be below"),
        ("risk.daily_loss_reduce_pct=6", "daily_loss_reduce_pct"),
        ("account.currency=EUR", "pegged"),
        ("logging.level=loud", "level"),
        ("strategies.nosuch.enabled=true", "nosuch"),
        ("strategies.trend.nosuch=1", "strategies.trend"),
        ("strategies.trend.weight=much", "strategies.trend"),
        ("strategies.trend=1", "strategies"),
        ("feeds.nosuch.enabled=true", "nosuch"),
        ("feeds.binance.enabled=true", "feeds.binance.symbols"),
        ("feeds.binance.symbols=[1]", "symbols"),
        ("simulated.enabled=false", "no feed"),
        ("simulated.history_s=999999", "history_s"),
        ("console.theme=nosuch", "tickdesk-dark"),
        ("console.frames_per_s=100", "frames_per_s"),
        ("notify.enabled=true", "notify.enabled needs addresses"),
        ("cache.redis_url=localhost", "cache.redis_url is no address"),
        ("feeds.ccxt-nosuch.symbols=BTC/USDT", "feeds.ccxt-nosuch: ccxt has no socket"),
        ("quant.servers.mine.url=desk.example", "quant.servers.mine.url does not begin with http://"),
        ("quant.options={enabled=true, currencies=['btc']}", "quant.options.currencies: btc is no currency"),
    ],
)
def test_config_check_finds(capsys: Capture, override: str, says: str) -> None:
    code, err = refused(capsys, "config", "check", "--set", override)
    assert code == 2 and says in err


def test_config_check_warns_of_symbols_that_no_feed_brings(capsys: Capture) -> None:
    own = "--set", 'risk.symbols={"sim:BTC-USD"={max_position_pct=5}, "sim:NO-USD"={max_position_pct=5}}'
    exits = "--set", 'exits.symbols={"kraken:X/Y"={stop_loss_pct=1}}'
    assert call("config", "check", *own, *exits) == 0
    out, err = capsys.readouterr()
    assert out.startswith("configuration ok")
    assert "no feed brings the symbol of risk.symbols.sim:NO-USD, exits.symbols.kraken:X/Y" in err


def test_config_check_warns_of_names_that_are_probably_wrong(capsys: Capture) -> None:
    feed = "--set", "feeds.binance.symbols=['NAS100', 'foo bar', 'BTCUSDT']"
    assert call("config", "check", *feed, "--set", "symbols={NAS100={yaho='x', yahoo='y'}}") == 0
    out, err = capsys.readouterr()
    assert out.startswith("configuration ok")
    assert "feeds.binance.symbols: no rule knows NAS100, foo bar at binance" in err
    assert 'symbols."NAS100".yaho: no venue, broker or source is called so' in err and "yahoo:" not in err


def test_config_check_misses_the_library_of_redis(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    code, err = refused(capsys, "config", "check", "--set", "cache.redis_url=redis://host")
    assert code == 2 and "pip install 'tickdesk[redis]'" in err


def test_bad_files(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    for content, says in (
        (b"[risk\n", "TOML"),
        (b"[risk]\nstale_data_s = \n", "TOML"),
        (b"\xff\xfe\x00binary", "TOML"),
        (b"[nosuch]\nx = 1\n", "nosuch"),
        (b"risk = 3\n", "risk"),
        (b'[risk]\nstale_data_s = "\\u001b[31m"\n', "stale_data_s"),
    ):
        file.write_bytes(content)
        code, err = refused(capsys, "config", "check", "--config", str(file))
        assert code == 2 and says in err
    for path, says in ((tmp_path / "none.toml", "no configuration file"), (tmp_path, "directory")):
        code, err = refused(capsys, "config", "show", "--config", str(path))
        assert code == 2 and says in err


def test_bad_environment(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_RISK__MAX_POSITION_PCT", "abc")
    for command in (["config", "check"], ["--no-ui"], ["replay", "t"]):
        code, err = refused(capsys, *command)
        assert code == 2 and "risk.max_position_pct" in err


# --- state directory and engine -----------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["stop"], ["attach"]])
def test_without_an_engine(capsys: Capture, tmp_path: Path, command: list[str]) -> None:
    code, err = refused(capsys, *command, "--state-dir", str(tmp_path / "none"))
    assert code == 4 and "no engine runs" in err
    assert not (tmp_path / "none").exists()


def test_a_state_directory_that_is_none(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for command in (["status"], ["--no-ui"], ["attach"], ["models"], ["replay", str(file)]):
        code, err = refused(capsys, *command, "--state-dir", str(file))
        assert code == 2 and "choose a directory" in err
    code, err = refused(capsys, "status", "--state-dir", "/" + "x" * 300)
    assert code == 2 and "too long" in err


@pytest.mark.parametrize("where", ["/proc/nosuch/state", "/proc"])
def test_a_state_directory_that_cannot_be_written(capsys: Capture, where: str) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    code, err = refused(capsys, "--no-ui", "--state-dir", where)
    assert code == 1 and "--state-dir" in err


@pytest.mark.parametrize(
    "content",
    [b"this is no database, not at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["text", "damaged"],
)
def test_a_broken_database(capsys: Capture, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tickdesk.db").write_bytes(content)
    code, err = refused(capsys, "--no-ui", "--state-dir", str(tmp_path), "--set", "logging.level=error")
    assert code == 1 and "tickdesk.db" in err and "restore a copy" in err
    assert (tmp_path / "tickdesk.db").read_bytes() == content


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("feeds.nosuch.symbols=X", "as ccxt-<id>, such as ccxt-kucoin"),
        ("feeds.kraken.enabled=true", "feeds.kraken.symbols"),
        ("simulated.enabled=false", "no feed"),
    ],
)
def test_an_engine_without_a_usable_feed_does_not_start(
    capsys: Capture, tmp_path: Path, override: str, says: str
) -> None:
    where = ("--state-dir", str(tmp_path / "s"), "--set", "logging.level=error")
    code, err = refused(capsys, "--no-ui", *where, "--set", override)
    assert code == 2 and says in err
    assert not (tmp_path / "s" / "engine.sock").exists()


def test_a_database_of_a_newer_version(capsys: Capture, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tickdesk.db") as database:
        database.execute("PRAGMA user_version = 99")
    code, err = refused(capsys, "--no-ui", "--state-dir", str(tmp_path), "--set", "logging.level=error")
    assert code == 1 and "99" in err


def test_the_screen_needs_a_terminal_and_starts_nothing_without(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, err = refused(capsys, "--state-dir", str(tmp_path / "s"))
    assert code == 2 and "terminal" in err
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, err = refused(capsys, "--state-dir", str(tmp_path / "s"))
    assert code == 2 and "without a screen" in err
    assert not (tmp_path / "s").exists()


def test_a_pipe_that_closes_early_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", buffering=1) as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["config", "show"]) == 0


@pytest.mark.parametrize("command", [["config", "show"], ["config", "check"]])
def test_output_that_finds_no_room_is_told_in_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(command) == 1
    assert capfd.readouterr().err == "tickdesk: cannot write: No space left on device; make room\n"


def test_a_full_disk_without_any_output_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def show(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(cli, "parse", lambda argv: argparse.Namespace(run=show))
    assert main(["config", "show"]) == 1
    assert capfd.readouterr().err == "tickdesk: cannot write: No space left on device; make room\n"


def test_output_that_nobody_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["config", "check"]) == 0


# --- tapes ---------------------------------------------------------------------------------------------


def frame(n: int) -> bytes:
    raw = msgspec.json.encode({"e": "trade", "n": n}).decode()
    return msgspec.json.encode({"t": n, "ch": "ws", "raw": raw}) + b"\n"


def test_unreadable_tapes(capsys: Capture, tmp_path: Path) -> None:
    text = b"".join(frame(n) for n in range(2000))
    tapes = {
        "empty.jsonl": b"",
        "binary.jsonl": os.urandom(5000),
        "text.jsonl": b"hello\nworld\n",
        "json.jsonl": b'{"a":1}\n' * 10,
        "broken.jsonl.gz": b"\x1f\x8b\x08\x00 no gzip",
        "cut.jsonl.gz": gzip.compress(text)[:-200],
    }
    for name, content in tapes.items():
        path = tmp_path / name
        path.write_bytes(content)
        for command in (["replay", str(path)], ["--no-ui", "--tape", str(path)]):
            code, err = refused(capsys, *command, "--state-dir", str(tmp_path / "s"))
            assert code == 1 and name in err, (name, err)
    for path in (tmp_path / "none.jsonl", tmp_path):
        code, err = refused(capsys, "replay", str(path))
        assert code == 1 and str(path) in err
    code, err = refused(capsys, "replay", str(tmp_path / "text.jsonl"), "--venue", "nosuch")
    assert code == 1 and "nosuch" in err


@pytest.mark.data
def test_a_tape_cut_in_the_middle_is_replayed_up_to_there_and_says_so(
    capsys: Capture, tmp_path: Path, data_dir: Path
) -> None:
    whole = (data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz").read_bytes()
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 20])
    assert call("replay", "--json", str(cut)) == 0
    out, err = capsys.readouterr()
    report = msgspec.json.decode(out)
    assert report["truncated"] and report["trades"] > 100 and report["undecodable"] == 0
    assert "cut off" in err and err.count("\n") == 1
    assert call("replay", str(cut)) == 0
    out, _ = capsys.readouterr()
    assert report["sha256"] in out and f"{report['trades']:,}" in out


def test_models_without_any(capsys: Capture, tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "s"))
    code, err = refused(capsys, "models", "activate", "nosuch", *where)
    assert code == 1 and "nosuch" in err
    code, err = refused(capsys, "models", "activate", *where)
    assert code == 2 and "VERSION" in err


def test_of_two_that_start_at_once_one_joins_the_others_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "GONE_S", 0.1)
    told: list[str] = []
    assert not desk.comes(tmp_path, told.append)  # nobody starts
    lock = StateLock.acquire(tmp_path)
    socket = socket_path(tmp_path)
    with ThreadPoolExecutor() as pool, sockets.socket(sockets.AF_UNIX) as server:
        joined = pool.submit(desk.comes, tmp_path, told.append)
        with pytest.raises(TimeoutError):
            joined.result(0.3)  # it holds the directory, and does not listen yet
        server.bind(str(socket))
        server.listen()
        assert joined.result(10)
    socket.unlink()
    lock.release()
    assert not desk.comes(tmp_path, told.append)
    assert told == [f"waiting for the engine (pid {os.getpid()}) to answer"]


@pytest.mark.parametrize("meanwhile", [False, True], ids=["it runs", "it starts meanwhile"])
def test_who_joins_an_engine_hears_that_it_keeps_its_own_configuration(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    class Busy:
        def wait_ready(self, note: object) -> None:
            raise EngineBusyError("another engine")

    monkeypatch.setattr(desk, "require_terminal", lambda: None)
    monkeypatch.setattr(desk, "answers", lambda path: not meanwhile)
    monkeypatch.setattr(desk, "comes", lambda where, note: True)
    monkeypatch.setattr("console.engine_process.start_engine", lambda *given, **named: Busy())
    monkeypatch.setattr("console.attach.attach", lambda *given, **named: 0)
    where = ("--state-dir", str(tmp_path))
    assert call(*where) == 0
    assert capsys.readouterr().err.strip() == ""
    assert call(*where, "--set", "risk.max_drawdown_pct=5") == 0
    assert capsys.readouterr().err.count("keeps its own configuration") == 1


@pytest.fixture
def removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that we are in."""
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return folder


@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize("command", [["status"], ["--no-ui"], ["verify"]])
def test_a_relative_path_from_a_folder_that_was_removed(capsys: Capture, command: list[str]) -> None:
    code, err = refused(capsys, *command, "--state-dir", "state")
    assert code == 2 and err.startswith("tickdesk: the folder that you are in was removed: go to another")


@pytest.mark.usefixtures("removed")
def test_a_desk_is_watched_from_a_folder_that_was_removed(tmp_path: Path) -> None:
    arguments = parse(["attach", "--state-dir", str(tmp_path)])
    assert tapes(arguments, load(environ={}), tmp_path).folders == (tmp_path / "tapes",)


def test_a_bug_of_ours_is_one_line_and_its_traceback_is_kept(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.cli import config

    def bug(arguments: object) -> int:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(config, "run", bug)
    assert main(["config", "show"]) == 70
    err = capsys.readouterr().err
    (log,) = (tmp_path / "state" / "tickdesk").iterdir()
    assert err.count("\n") == 1 and str(log) in err
    assert "ZeroDivisionError: ours" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_crash_is_written_down_without_secrets_and_for_its_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def broken(arguments: argparse.Namespace) -> int:
        raise ValueError("redis://desk:hunter2@b.example/0 is no address")

    state, elsewhere = tmp_path / "state", tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.setattr(cli, "parse", lambda argv: argparse.Namespace(run=broken, state_dir=state))
    name = f"crash-{os.getuid()}.log"
    assert main([]) == 70 and str(state / name) in capsys.readouterr().err
    told = (state / name).read_text()
    assert "ValueError" in told and "b.example" in told and "hunter2" not in told
    (state / name).chmod(0o666)  # as who put it there before would have it
    assert main([]) == 70
    assert (state / name).read_text() == told and "ValueError" in (elsewhere / name).read_text()
