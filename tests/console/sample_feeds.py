"""Feeds of a desk made up: what they bring, what is old, what was set aside."""

from __future__ import annotations

from engine.api.protocol import FeedRow, QuarantineRow, SymbolDataRow
from engine.events import NS
from tests.console.sample_desk import NOW_NS


def feeds() -> tuple[FeedRow, ...]:
    """A venue that is well, one that is best effort and away, a source that is polled, and context."""
    return (
        FeedRow(
            *("binance", "up", "", 210.0, 1, 1_284_002, 2),
            latency_ms=0.8,
            latency_p99_ms=14.0,
            clock_offset_ms=-1_272.4,
            backfilled=311,
            duplicates=40,
            books=3,
            books_broken=1,
            resyncs=7,
        ),
        FeedRow(
            *("gateio", "down", "refused, tries again in 4 s", 64_000.0, 12, 88_120, 0),
            malformed=3,
            best_effort=True,
        ),
        FeedRow("kraken", "up", "", 9_200.0, 0, 40_410, 0, latency_ms=3.1, latency_p99_ms=88.0, books=5),
        FeedRow("yahoo", "up", "12 of 60 a minute", 900.0, 0, 71, 0, market=False),
    )


def symbol_data() -> list[SymbolDataRow]:
    return [
        SymbolDataRow("binance:BTCUSDT", 50.0, 0.0, 100.0, None, "", False, 2, "", False, 0.31),
        SymbolDataRow("binance:ETHUSDT", 450.0, 50.0, 200.0, None, "", True, 1, "", False, -0.12),
        SymbolDataRow(
            *("kraken:BTC/USD", 2_000.0, None, None, None),
            *("book checksum differs", False, 0, "book checksum differs", False, None),
        ),
        SymbolDataRow(
            "kraken:SOL/USD", 90_000.0, 1_000.0, 15_000.0, None, "trade 90 s old", False, 0, "", True, 0.0
        ),
        SymbolDataRow("poll:AAPL", 40_000.0, None, None, 900.0, "", False, 0, "", False, None),
    ]


def set_aside() -> list[QuarantineRow]:
    return [
        QuarantineRow(
            *(NOW_NS - 9 * NS, "binance:BTCUSDT", "OUTLIER", "trade"),
            "price 6412.01 size 0.25 sold id 77 at 1767268798000000000",
            0,
        ),
        QuarantineRow(NOW_NS - 70 * NS, "kraken:", "MALFORMED", "frame", 'not JSON: {[red]"a":', 0),
        QuarantineRow(NOW_NS - 80 * NS, "binance:ETHUSDT", "DUPLICATE", "trade", "price 3412.5 id 12", 1_240),
    ]
