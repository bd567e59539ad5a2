"""The quarantine: what is kept of what was not believed, and that a flood is counted instead."""

from __future__ import annotations

from engine.events import NS, Malformed, Quarantined
from engine.market.quarantine import MOST_PER_MINUTE, PER_MINUTE, REPEATS_PER_MINUTE, Quarantine
from engine.market.screen import REJECTS
from tests.features.ticks import T0, block, quote, trade
from tests.market.candles import candle


def test_a_rejected_trade_is_kept_with_all_that_it_said() -> None:
    kept: list[Quarantined] = []
    tick = block(trade(1, 650.5, 0.25, -1, trade_id=77, reject=REJECTS.index("OUTLIER")))[0].item()
    Quarantine(kept.append).tick("binance:BTCUSDT", tick)
    (one,) = kept
    assert (one.ns, one.symbol, one.reason, one.kind) == (T0 + NS, "binance:BTCUSDT", "OUTLIER", "trade")
    assert one.content == f"price 650.5 size 0.25 sold id 77 at {T0 + NS}"


def test_a_rejected_quote_too() -> None:
    kept: list[Quarantined] = []
    tick = block((*quote(1, 11.0, 10.0, 2.0, 3.0)[:5], REJECTS.index("CROSSED"), 0, 0, 11.0, 10.0, 2.0, 3.0))
    Quarantine(kept.append).tick("kraken:BTC/USD", tick[0].item())
    assert (kept[0].reason, kept[0].kind) == ("CROSSED", "quote")
    assert kept[0].content == f"bid 11.0 x 2.0 ask 10.0 x 3.0 at {T0 + NS}"


def test_a_bar_and_a_frame() -> None:
    kept: list[Quarantined] = []
    quarantine = Quarantine(kept.append)
    quarantine.candle(candle(1, 100.0, low=120.0, source="yahoo"), "RANGE")
    quarantine.frame(Malformed("okx", '{"a":\x1b[31m', "not JSON", T0))
    bar, frame = kept
    assert (bar.kind, bar.reason) == ("bar", "RANGE")
    assert "by yahoo" in bar.content and "low 120.0" in bar.content
    assert (frame.symbol, frame.kind, frame.reason) == ("okx:", "frame", "MALFORMED")
    assert "\x1b" not in frame.content and frame.content.startswith("not JSON: ")


def test_a_flood_is_counted_by_symbol_and_reason_and_told_in_the_next_row() -> None:
    kept: list[Quarantined] = []
    quarantine = Quarantine(kept.append)

    def say(seconds: float, reason: str, symbol: str = "test:A") -> None:
        row = block(trade(seconds, 1.0, reject=REJECTS.index(reason)))[0].item()
        quarantine.tick(symbol, row)

    for _ in range(500):
        say(0, "DUPLICATE")
    say(0, "OUTLIER")
    say(0, "DUPLICATE", "test:B")
    assert [row.reason for row in kept] == ["DUPLICATE"] * REPEATS_PER_MINUTE + ["OUTLIER", "DUPLICATE"]
    say(60, "DUPLICATE")
    assert (kept[-1].reason, kept[-1].unkept) == ("DUPLICATE", 500 - REPEATS_PER_MINUTE)
    say(61, "DUPLICATE")
    assert kept[-1].unkept == 0


def test_what_is_wrong_is_kept_a_hundred_times_more_often_than_what_repeats() -> None:
    kept: list[Quarantined] = []
    quarantine = Quarantine(kept.append)
    row = block(trade(0, 1.0, reject=REJECTS.index("OUTLIER")))[0].item()
    for _ in range(PER_MINUTE + 7):
        quarantine.tick("test:A", row)
    assert len(kept) == PER_MINUTE


def test_a_flood_of_everything_is_bounded_too() -> None:
    kept: list[Quarantined] = []
    quarantine = Quarantine(kept.append)
    row = block(trade(0, 1.0, reject=REJECTS.index("OUTLIER")))[0].item()
    for number in range(MOST_PER_MINUTE + 500):
        quarantine.tick(f"test:{number % 100}", row)
    assert len(kept) == MOST_PER_MINUTE
    later = block(trade(60, 1.0, reject=REJECTS.index("OUTLIER")))[0].item()
    quarantine.tick("test:0", later)
    assert (len(kept), kept[-1].unkept) == (MOST_PER_MINUTE + 1, 5)


def test_symbols_without_end_do_not_fill_the_memory() -> None:
    quarantine = Quarantine(lambda row: None)
    for number in range(10_000):
        quarantine.frame(Malformed(f"v{number}", "x", "y", T0))
    assert len(quarantine._pairs) <= 4096
