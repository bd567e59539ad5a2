"""The terminal of the benchmarks: what it times is what a program in it did."""

from __future__ import annotations

import sys
import time

import pytest

from engine.events import MarketEvent, Quote, Trade
from engine.feeds.binance import BinanceDecoder
from tests.bench import order_script
from tests.bench.terminal import Terminal

ECHO = """
import sys
print("\\x1b[>1uready", flush=True)
for line in sys.stdin:
    print("got", line.upper(), flush=True)
"""


def test_a_key_and_its_effect_are_seen_in_order() -> None:
    with Terminal([sys.executable, "-c", ECHO], 40, 10) as terminal:
        shown = terminal.wait(lambda screen: "ready" in screen.display[0], 10.0)
        assert shown is not None and shown > terminal.started_ns
        pressed = terminal.press("abc\n")
        effect = terminal.wait(lambda screen: any("got ABC" in line for line in screen.display), 10.0)
        assert effect is not None and pressed < effect < time.perf_counter_ns()
        assert terminal.received >= len("ready" + "got ABC")
        assert terminal.wait(lambda screen: "never" in screen.display[0], 0.05) is None
    assert terminal.process.returncode is not None


def test_a_program_that_has_ended_is_no_endless_wait() -> None:
    with Terminal([sys.executable, "-c", "print('bye')"], 40, 10) as terminal:
        assert terminal.wait(lambda screen: "bye" in screen.display[0], 10.0) is not None
        assert terminal.process.wait(10.0) == 0
        assert terminal.wait(lambda screen: False, 0.05) is None


@pytest.mark.parametrize("symbol", range(3))
def test_the_script_raises_each_symbol_far_enough(symbol: int) -> None:
    decoder, events = BinanceDecoder(), list[MarketEvent]()
    for raw, recv_ns in list(order_script.script())[:6_000]:
        decoder.decode(raw, recv_ns, events)
    assert decoder.malformed == 0 and len(events) == 6_000
    trades = [e for e in events if isinstance(e, Trade) and e.symbol == f"binance:S{symbol}USDT"]
    quotes = [e for e in events if isinstance(e, Quote) and e.symbol == f"binance:S{symbol}USDT"]
    assert len(trades) == len(quotes) == 300
    assert all(q.bid < t.price < q.ask for q, t in zip(quotes, trades, strict=True))
    within_s = round(5 / 0.2)
    rises = [later.price / first.price for first, later in zip(trades, trades[within_s:], strict=False)]
    assert max(rises) > 1.025
