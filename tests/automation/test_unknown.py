"""Names in a definition that the desk does not know."""

from __future__ import annotations

from engine.automation.definition import parse
from engine.automation.unknown import QUANT, SCORED, SERVER, scored_names, unknown_names
from engine.quant import external, registry
from engine.quant.context import ContextSet

SYMBOLS = ("sim:BTC-USD", "binance:BTCUSDT")
STRATEGIES = ("trend", "model")


def test_every_unknown_name_is_told_once_and_no_known_one() -> None:
    definition = parse(
        "a",
        {
            "trigger": {
                "type": "signal",
                "symbols": ["sim:BTC-USD", "BTCUSDT", "simulated:BTC-USD"],
                "sources": ["trend", "speed", "external:mine:oi", "trnd"],
            },
            "steps": [
                {"type": "order", "side": "buy", "notional": 100, "symbol": "sim:NOPE"},
                {"type": "strategy", "name": "model", "enabled": False},
                {"type": "strategy", "name": "trnd", "enabled": False},
            ],
        },
    )
    assert unknown_names(definition, SYMBOLS, STRATEGIES) == ["simulated:BTC-USD", "trnd", "sim:NOPE"]


def test_a_periodic_one_names_nothing_but_its_steps() -> None:
    definition = parse(
        "a",
        {
            "trigger": {"type": "periodic", "every_s": 60},
            "steps": [{"type": "order", "side": "close", "symbol": "sim:BTC-USD"}],
        },
    )
    assert unknown_names(definition, SYMBOLS, STRATEGIES) == []


def test_what_only_scores_and_no_server_says_is_told() -> None:
    sources = ["speed", "options", "technical", "external:mine", "external:mine:speed", "speed", "volatility"]
    definition = parse(
        "a",
        {
            "trigger": {"type": "signal", "sources": sources},
            "steps": [{"type": "notify", "text": "{source}"}],
        },
    )
    assert unknown_names(definition, SYMBOLS, STRATEGIES) == ["technical", "external:mine"]
    assert scored_names(definition) == ["speed", "volatility"]


def test_the_modules_that_only_score_are_those_that_rest_on_bars() -> None:
    assert set(registry.NAMES) == SCORED
    assert {module.name for module in ContextSet().modules} == QUANT
    assert all(SERVER.fullmatch(source) for source in external.sources("my-server"))
