"""``tickdesk config``: what is shown is a valid file, what is wrong is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from console.cli.config import toml_lines
from engine.config import Config, load
from engine.strategies.registry import StrategySet
from tests.conftest import SHARED
from tests.console.cli.called import Capture, call, refused


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


@pytest.mark.parametrize("linked", ["config/tickdesk/config.toml", "config/tickdesk"])
def test_a_link_to_a_configuration_that_is_away_is_not_taken_for_none(
    linked: str, capsys: Capture, tmp_path: Path
) -> None:
    # The desk traded the default limits, without a word, while what held its own was not mounted.
    link = tmp_path / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "not mounted")
    code, err = refused(capsys, "config", "check")
    assert code == 2 and str(link) in err and "link" in err


def test_bad_environment(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_RISK__MAX_POSITION_PCT", "abc")
    for command in (["config", "check"], ["--no-ui"], ["replay", "t"]):
        code, err = refused(capsys, *command)
        assert code == 2 and "risk.max_position_pct" in err
