"""Names in a definition that the desk does not know."""

from __future__ import annotations

from engine.automation.definition import parse
from engine.automation.unknown import unknown_names

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
