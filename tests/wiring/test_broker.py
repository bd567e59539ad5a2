"""Brokers as they are configured: what is refused at the start, and in which words."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from engine.config import AlpacaConfig, BrokersConfig, Config
from engine.errors import ConfigError
from engine.wiring.broker import Brokers
from tests.execution.alpaca_desk import KEYS

BTC = "coinbase:BTC-USD"


def brokers(environ: dict[str, str] | None = None, **settings: Any) -> Brokers:
    alpaca = AlpacaConfig(**{"enabled": True, "symbols": {BTC: "BTC/USD"}, **settings})
    return Brokers(
        Config(brokers=BrokersConfig(alpaca=alpaca)),
        clock=lambda: 1,
        on_reports=lambda reports: None,
        alert=lambda level, source, text: None,
        failed=lambda error: None,
        rng=random.Random(1),
        environ=KEYS if environ is None else environ,
    )


def test_none_is_enabled_by_default() -> None:
    made = brokers(enabled=False, symbols={})
    assert made.gateways == {} and made.route(BTC) is None and made.text() == ""


def test_the_symbols_of_a_broker_are_routed_to_it() -> None:
    made = brokers()
    assert made.route(BTC) == "alpaca" and made.route("sim:BTC-USD") is None
    assert list(made.gateways) == ["alpaca"] and made.symbols("alpaca") == [BTC]
    assert made.text() == "alpaca: no updates"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rest_url": "https://api.alpaca.markets"}, "only Alpaca's paper trading"),
        ({"stream_url": "wss://api.alpaca.markets/stream"}, "only Alpaca's paper trading"),
        ({"rest_url": "http://paper-api.alpaca.markets"}, "keys are sent over https"),
        ({"symbols": {}}, "symbols is empty"),
        ({"symbols": {BTC: "BTC/USD", "sim:BTC-USD": "BTCUSD"}}, "are both"),
        ({"symbols": {BTC: "BTC USD?"}}, "no name that Alpaca"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        brokers(**settings)


def test_keys_are_needed_unless_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TICKDESK_ALPACA_KEY"):
        brokers({})
    keys = tmp_path / "keys"
    keys.write_text("PK\nsecret\n")
    keys.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        brokers({}, key_file=str(keys))
    keys.chmod(0o600)
    assert brokers({}, key_file=str(keys)).text() == "alpaca: no updates"
    assert brokers({}, dry_run=True).text() == "alpaca: dry run"
