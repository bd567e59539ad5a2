"""The configuration: every value can be set from outside, and no value that cannot work gets in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.cli.config import toml_lines
from engine.config import Config, SymbolExits, load
from engine.errors import ConfigError

LINKED = {
    "api.listen": "127.0.0.1:8791",
    "api.origins": "https://a.example,https://b.example",
    "features.ema_fast": "13",
    "features.sma_fast": "51",
    "features.sma_slow": "199",
    "risk.daily_loss_halt_pct": "6.5",
    "risk.on_console_lost": "reducing",
    "paper.market_remainder": "cancel",
    "performance.report_at": "06:30",
    "daily.at": "21:45",
    "daily.sessions": "mon-fri 13:30-20:00,sat 22:00-02:00",
    "daily.holidays": "2026-12-25,2027-01-01",
    "daily.bars": "123",
    "daily.max_age_bars": "3.5",
    "account.currency": "USDT",
    "account.pegged": "USD,X1",
    "logging.level": "debug",
    "logging.format": "json",
    "engine.at_stop": "cancel_entries",
    "engine.processor": "any",
    "notify.quiet_hours": "mon-sun 22:00-06:00",
    "console.up": "red",
    "console.colours": "256",
    "console.ascii": "on",
    "console.desktop_notifications": "osc9",
    "feeds.kraken.transport": "picows",
    "history.interval_s": "300",
    "models.compare_n": "3",
    "models.drift_psi": "0.5",
    "models.rollback.min_live_ic": "0.01",
    "models.retrain.every_s": "600.5",
    "models.retrain.at": "02:30",
    "models.retrain.days": "mon,fri",
    "models.retrain.then": "activate",
    "models.retrain.bar_s": "60.5",
    "models.retrain.horizon": "5",
    "models.retrain.days_of_bars": "30.5",
    "models.retrain.model": "/srv/my.py",
    "automations.jobs.when_down": "fail",
    "strategies_dir": "/srv/123",  # a relative one is completed
    "opportunities.sessions": "mon-fri 13:30-20:00,sat 22:00-02:00",
}
"""Another value where rules between keys, or a pattern, allow few."""
SIGNED = {"paper.maker_fee_bps", "paper.funding_rate_pct"}
"""May be below zero."""


def leaves(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{path}.{key}" if path else key
        found |= leaves(value, name) if isinstance(value, dict) else {name: value}
    return found


FEED = leaves(msgspec.to_builtins(load(overrides=["feeds.kraken.symbols=XBT/USD"], environ={})))
LEAVES = {name: value for name, value in FEED.items() if not isinstance(value, dict)}
NUMBERS = [name for name, value in LEAVES.items() if type(value) in (int, float)]


def changed(name: str, value: Any) -> str:
    """The text of another valid value."""
    if name in LINKED:
        return LINKED[name]
    match value:
        case bool():
            return str(not value).lower()
        case int():
            return str(value + 1)
        case float():
            return str(value / 2 + 0.125)
        case str():
            return "123"  # text, though it looks like a number
        case _:
            return "1INCH,123"


def variable(name: str) -> str:
    return "TICKDESK_" + name.replace(".", "__").upper()


def value_of(config: Config, name: str) -> Any:
    return leaves(msgspec.to_builtins(config))[name]


def refusal(overrides: list[str] | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(overrides=overrides or [], environ=environ or {})
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_the_leaves_are_all_there() -> None:
    assert len(LEAVES) > 70 and len(NUMBERS) > 50
    assert {"opportunities.weights.speed", "feeds.kraken.silence_s", "simulated.symbols"} <= LEAVES.keys()


@pytest.mark.parametrize("name", LEAVES)
def test_every_value_is_set_by_the_environment_and_by_set(name: str) -> None:
    text = changed(name, LEAVES[name])
    expected: Any = text
    match LEAVES[name]:
        case bool():
            expected = text == "true"
        case int() | float():
            expected = type(LEAVES[name])(text)
        case tuple() | list():
            expected = tuple(text.split(","))
        case None if re.fullmatch(r"[0-9.]+", text):
            expected = float(text)
    assert expected != LEAVES[name]
    base = {"TICKDESK_FEEDS__KRAKEN__SYMBOLS": "XBT/USD"}
    assert value_of(load(environ=base | {variable(name): text}), name) == expected
    by_set = load(environ=base, overrides=[f"{name}={text}"])
    assert value_of(by_set, name) == expected
    assert leaves(msgspec.to_builtins(by_set)).keys() == LEAVES.keys()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text", ["nan", "NaN", "inf", "-inf", "Infinity", "1e300", "1e999", "-1", "1" + "0" * 30, ""]
)
def test_no_number_is_without_bounds(name: str, text: str) -> None:
    text = "-101" if text == "-1" and name in SIGNED else text
    assert name.split(".")[-1] in refusal([f"{name}={text}"])
    assert name.split(".")[-1] in refusal(environ={variable(name): text})


@pytest.mark.parametrize(
    "override",
    [
        "features.bar_s=1e-12",
        "features.bar_s=604801",
        "features.window_s=6048001",
        "risk.stale_data_s=315360001",
        "account.starting_cash=1.1e12",
        "account.starting_cash=1e-9",
        "models.every_bars=1e20",
        "exits.stop_loss_pct=200",
        "risk.max_order_notional_pct=1001",
        "risk.max_orders_per_s=1e-300",
        "simulated.seed=9223372036854775808",
        "paper.maker_fee_bps=1001",
        "exits.trailing_stop_pct=100",
        "exits.max_holding_s=1e9",
        "targets.longs=-1",
    ],
)
def test_bounds(override: str) -> None:
    assert override.partition("=")[0].split(".")[1] in refusal([override])


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_is_not_finite_is_refused_by_name_also_in_a_strategy_and_a_file(
    text: str, tmp_path: Path
) -> None:
    for name in ("exits.stop_loss_pct", "strategies.trend.weight", "strategies.rapid_rise.min_change_pct"):
        assert refusal([f"{name}={text}"]) == f"configuration: {name} must be a finite number, not {text}"
    file = tmp_path / "c.toml"
    file.write_text(f"[risk]\nstale_data_s = {text}\n")
    with pytest.raises(ConfigError, match=r"risk\.stale_data_s must be a finite number"):
        load(file, environ={})


def test_a_byte_order_mark_is_none_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[risk]\nstale_data_s = 2\n", encoding="utf-8-sig")
    assert load(file, environ={}).risk.stale_data_s == 2


@pytest.mark.parametrize("content", ["[risk]\nstale_data_s = 1" + "0" * 5000, "v = " + "[" * 5000])
def test_a_file_that_toml_chokes_on_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match="is no TOML") as caught:
        load(file, environ={})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False), ("0", False)],
)
def test_switches(text: str, value: bool) -> None:
    assert load(environ={"TICKDESK_RISK__ALLOW_SHORT": text}).risk.allow_short is value


@pytest.mark.parametrize("text", ["2", "yes", "", "1.5", "[true]"])
def test_what_is_no_switch(text: str) -> None:
    assert "allow_short" in refusal(environ={"TICKDESK_RISK__ALLOW_SHORT": text})


def test_feeds_take_canonical_names_and_any_other_spelling_once() -> None:
    given = (
        "TICKDESK_FEEDS__BINANCE__SYMBOLS",
        "TICKDESK_FEEDS__KRAKEN__SYMBOLS",
        "TICKDESK_SIMULATED__SYMBOLS",
    )
    texts = "BTC/USDT,btcusdt,ETHUSDT,GOLD", "XBT/USD,AAPLx/USD", "BTC/USD,ETH-USD"
    environ = dict(zip(given, texts, strict=True)) | {"TICKDESK_SYMBOLS__GOLD__BINANCE": "PAXGUSDT"}
    config = load(environ=environ)
    assert config.feeds["binance"].symbols == ("BTCUSDT", "ETHUSDT", "PAXGUSDT")
    assert config.feeds["kraken"].symbols == ("BTC/USD", "AAPLx/USD")
    assert config.simulated.symbols == ("BTC-USD", "ETH-USD")


def test_a_name_that_a_venue_cannot_have_is_refused_with_the_setting_that_tells_it() -> None:
    environ = {"TICKDESK_FEEDS__BINANCE__SYMBOLS": "BTC/USD"}
    assert 'symbols."BTC/USD".binance' in refusal(environ=environ)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("BTCUSDT", ("BTCUSDT",)),
        ("BTCUSDT,ETHUSDT", ("BTCUSDT", "ETHUSDT")),
        (" BTCUSDT, ETHUSDT ,", ("BTCUSDT", "ETHUSDT")),
        ('["BTC/USD", "ETH/USD"]', ("BTC/USD", "ETH/USD")),
        ('"BTC/USD,ETH/USD"', ("BTC/USD", "ETH/USD")),
        ("123", ("123",)),
        ("1INCHUSDT", ("1INCHUSDT",)),
        ("true", ("true",)),
        ("nan", ("nan",)),
        ("2024-08-08", ("2024-08-08",)),
        ("", ()),
    ],
)
def test_lists_of_symbols(text: str, symbols: tuple[str, ...]) -> None:
    environ = {"TICKDESK_FEEDS__ELSEWHERE__SYMBOLS": text, "TICKDESK_STRATEGIES__TREND__SYMBOLS": text}
    config = load(environ=environ)
    assert config.feeds["elsewhere"].symbols == symbols
    assert tuple(config.strategies["trend"]["symbols"]) == tuple(f"elsewhere:{one}" for one in symbols)
    assert load(environ={}, overrides=[f"account.pegged=USD,{text}"]).account.pegged[0] == "USD"


def test_strategies_and_quoted_text() -> None:
    environ = {
        "TICKDESK_STRATEGIES__RAPID_RISE__MIN_CHANGE_PCT": "2.5",
        "TICKDESK_STRATEGIES__TREND__ENABLED": "false",
        "TICKDESK_CONSOLE__THEME": '"quoted"',
        "TICKDESK_FEEDS__KRAKEN__WS_URL": "ws://127.0.0.1:1/a,b#c",
    }
    config = load(environ=environ)
    assert config.strategies == {"rapid_rise": {"min_change_pct": 2.5}, "trend": {"enabled": False}}
    assert (config.console.theme, config.feeds["kraken"].ws_url) == ("quoted", "ws://127.0.0.1:1/a,b#c")


def test_one_variable_sets_one_value() -> None:
    assert "stale_data_s" in refusal(environ={"TICKDESK_RISK__STALE_DATA_S": "1\nclock_skew_s = 2"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TICKDESK_RISK_MAX_POSITION_PCT", "TICKDESK_RISK__MAX_POSITION_PCT"),
        ("TICKDESK_OPPORTUNITIES_WEIGHTS_SPEED", "TICKDESK_OPPORTUNITIES__WEIGHTS__SPEED"),
        ("TICKDESK_FEEDS_BINANCE", "TICKDESK_FEEDS__BINANCE"),
        ("TICKDESK_RISK", "TICKDESK_<SECTION>__<KEY>"),
        ("TICKDESK_STATEDIR", "TICKDESK_<SECTION>__<KEY>"),
        ("TICKDESK_", "TICKDESK_<SECTION>__<KEY>"),
    ],
)
def test_a_variable_without_two_underscores_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    text = refusal(environ={name: "1"})
    assert name in text and text.endswith(meant)


def test_variables_of_ours_that_are_no_configuration() -> None:
    names = ("TICKDESK_DATA", "TICKDESK_CONFIG", "TICKDESK_STATE_DIR", "TICKDESK_CHAOS_KILLS", "OTHER_RISK")
    assert load(environ=dict.fromkeys(names, "x")) == load(environ={})


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("history.interval_s=30", "allowed are 60, 300, 900, 3600, 86400"),
        ("models.retrain.then=trade", "allowed are activate, register, shadow"),
    ],
)
def test_what_is_allowed_is_told(override: str, allowed: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{override.partition('=')[0]}: ") + f".*{allowed};"):
        load(overrides=[override], environ={})


def test_an_unknown_key_is_named() -> None:
    assert "nosuch" in refusal(environ={"TICKDESK_RISK__NOSUCH": "1"})
    assert "nosuch" in refusal(environ={"TICKDESK_NOSUCH__KEY": "1"})


@pytest.mark.parametrize("section", ["strategies.trend", 'symbols."sim:BTC-USD"'])
def test_limits_of_single_strategies_and_symbols(section: str, tmp_path: Path) -> None:
    def read(line: str) -> Config:
        file = tmp_path / "config.toml"
        file.write_text(f"[risk.{section}]\n{line}\n")
        return load(file, environ={})

    risk = read("max_position_pct = 5\nmax_open_orders = 2").risk
    assert [*risk.strategies.values(), *risk.symbols.values()] == [
        {"max_position_pct": 5.0, "max_open_orders": 2.0}
    ]
    with pytest.raises(
        ConfigError, match=r"no limit max_pos; there are max_order_notional_pct, .*price_collar"
    ):
        read("max_pos = 5")
    for wrong in ("max_position_pct = 0", "max_position_pct = 1001", "max_open_orders = 1.5"):
        with pytest.raises(ConfigError, match=wrong.split()[0]):
            read(wrong)


FEEDS = (
    "feeds.coinbase.symbols=BTC/USD,ETH/USD",
    "feeds.kraken.symbols=BTC/USD,SOL/USD",
    "feeds.ccxt-gate.symbols=BTC/USDT:USDT",
    "collection.symbols=AAPL",
)


@pytest.mark.parametrize(
    ("given", "symbol"),
    [
        ("coinbase:BTC-USD", "coinbase:BTC-USD"),
        ("coinbase:BTC/USD", "coinbase:BTC-USD"),
        ("kraken:XBT/USD", "kraken:BTC/USD"),
        ("ETH/USD", "coinbase:ETH-USD"),
        ("eth-usd", "coinbase:ETH-USD"),
        ("ccxt-gate:BTC/USDT-PERP", "ccxt-gate:BTC/USDT:USDT"),
        ("BTC/USDT-PERP", "ccxt-gate:BTC/USDT:USDT"),
        ("AAPL", "poll:AAPL"),
        ("okx:ETH-USD", "okx:ETH-USD"),
    ],
)
def test_limits_and_exits_hold_whichever_spelling_they_are_given_in(given: str, symbol: str) -> None:
    config = load(
        overrides=[
            *FEEDS,
            f'risk.symbols={{"{given}"={{max_position_pct=5}}}}',
            f'exits.symbols={{"{given}"={{stop_loss_pct=2}}}}',
            f'quant.servers.mine={{url="http://127.0.0.1:1", symbols=["{given}", "{symbol}"]}}',
        ],
        environ={},
    )
    assert [*config.risk.symbols] == [*config.exits.symbols] == [symbol]
    assert config.quant.servers["mine"].symbols == (symbol,), "of another name there is nothing to ask"


def test_a_quant_server_is_asked_of_nothing_that_is_not_traded() -> None:
    given = 'quant.servers.mine={url="http://127.0.0.1:1", symbols=["XYZ"]}'
    with pytest.raises(ConfigError, match=r"quant\.servers\.mine\.symbols: unknown symbol XYZ"):
        load(overrides=[given], environ={})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('"BTC/USD"={max_position_pct=5}', r"risk.symbols.BTC/USD: BTC/USD is traded at several venues: say"),
        ('"DOGE/USD"={max_position_pct=5}', r"risk.symbols.DOGE/USD: unknown symbol DOGE/USD"),
        (
            '"SOL/USD"={max_position_pct=5}, "kraken:SOL/USD"={max_position_pct=6}',
            "risk.symbols speaks twice of kraken:SOL/USD",
        ),
    ],
)
def test_a_limit_that_would_hold_for_nobody_is_refused(given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(overrides=[*FEEDS, f"risk.symbols={{{given}}}"], environ={})


@pytest.mark.parametrize(
    "name", ["BTC-\x1b[2JUSDT", "BTC-USDT\u202e", "BTC\u200bUSDT", "A\nB", " ", "", "X" * 41]
)
@pytest.mark.parametrize(
    "text",
    [
        "[feeds.okx]\nsymbols = [{}]",
        "[simulated]\nsymbols = [{}]",
        "[collection]\nsymbols = [{}]",
        "[symbols.{}]\nokx = 'A-B'",
        "[symbols.'A/B']\nokx = {}",
    ],
)
def test_names_of_instruments_can_be_shown_whole(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text.format(json.dumps(name)), encoding="utf-8")
    with pytest.raises(ConfigError, match="is no name of an instrument") as told:
        load(path, environ={})
    assert str(told.value).isprintable()


def test_exits_of_single_symbols_are_checked_and_shown_as_toml(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[exits.symbols."sim:BTC-USD"]\nstop_loss_pct = 2\n')
    config = load(path, environ={})
    assert config.exits.symbols == {"sim:BTC-USD": SymbolExits(stop_loss_pct=2.0)}
    path.write_text("\n".join(toml_lines(msgspec.to_builtins(config))))
    assert load(path, environ={}) == config
    for text in ("stop_loss_pct = 0", "trailing_stop_pct = 100", "max_holding_s = -1", "nonsense = 1"):
        path.write_text(f'[exits.symbols."sim:BTC-USD"]\n{text}\n')
        with pytest.raises(ConfigError, match="exits"):
            load(path, environ={})
    path.write_text("[exits.symbols.BTC]\nstop_loss_pct = 2\n")
    with pytest.raises(ConfigError, match="exits"):
        load(path, environ={})


@pytest.mark.parametrize(
    ("given", "symbols"),
    [
        ("['SOL/USD']", ["kraken:SOL/USD"]),
        ("['ETH/USD', 'coinbase:ETH/USD', 'aapl']", ["coinbase:ETH-USD", "poll:AAPL"]),
        ("SOL/USD", ["kraken:SOL/USD"]),
        ("['okx:BTC-USDT']", ["okx:BTC-USDT"]),
    ],
)
def test_strategies_know_their_symbols_in_every_spelling(given: str, symbols: list[str]) -> None:
    config = load(overrides=[*FEEDS, f"strategies.trend.symbols={given}"], environ={})
    assert config.strategies["trend"]["symbols"] == symbols


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("BTC/USD", "strategies.trend.symbols: BTC/USD is traded at several venues"),
        ("DOGE/USD", "strategies.trend.symbols: unknown symbol DOGE/USD"),
    ],
)
def test_a_strategy_of_a_symbol_that_nobody_or_several_bring_is_refused(given: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(overrides=[*FEEDS, f"strategies.trend.symbols={given}"], environ={})


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("feeds.kraken.symbol=x", "feeds.kraken.symbol"),
        ("collection.sources.yahoo.priority=-1", "collection.sources.yahoo.priority"),
    ],
)
def test_the_table_that_is_wrong_is_named(setting: str, named: str) -> None:
    good = "feeds.binance.silence_s=5"
    with pytest.raises(ConfigError) as caught:
        load(environ={}, overrides=[good, setting])
    assert str(caught.value).startswith(f"configuration: {named}: ")
