"""From context events to the signals of the symbols they are about."""

from __future__ import annotations

from engine.events import NS, Family, OptionsFlow, Sentiment
from engine.quant.context import ContextSet, underlying_of

NOW = 1_700_000_000 * NS
SYMBOLS = ("binance:BTCUSDT", "coinbase:BTC-USD", "kraken:XBT/USD", "simulated:ETH-USD", "simulated:ODD")


def btc_calls(at_ns: int = NOW) -> OptionsFlow:
    return OptionsFlow("deribit", "BTC", 10, 7, 10, 7, 5, 0, 0, 0, 40, at_ns, at_ns)


def test_an_underlying_concerns_its_symbols_on_every_venue() -> None:
    signals = ContextSet().on_events((btc_calls(),), SYMBOLS)
    assert [signal.symbol for signal in signals] == list(SYMBOLS[:3])
    first = signals[0]
    assert (first.source, first.family, first.ns) == ("options", Family.OPTIONS, NOW)
    assert first.score > 0.5 and 0 < first.confidence <= 1 and first.ttl_ns == 600 * NS
    assert first.reason.startswith("taker flow +1.00 of 40 trades")
    assert {signal.score for signal in signals} == {first.score}


def test_the_whole_market_concerns_every_symbol_with_an_underlying() -> None:
    mood = Sentiment("fear-greed", "", -0.9, "Extreme Fear", NOW, NOW)
    signals = ContextSet().on_events((mood,), SYMBOLS)
    assert [signal.symbol for signal in signals] == list(SYMBOLS[:4])
    assert {signal.family for signal in signals} == {Family.SENTIMENT}


def test_the_events_of_one_answer_make_one_signal() -> None:
    news = [Sentiment("news", "BTC", 0.5, f"headline {n}", NOW, NOW) for n in range(30)]
    signals = ContextSet().on_events(news, SYMBOLS[:1])
    assert len(signals) == 1
    assert "30 headlines" in signals[0].reason


def test_an_event_without_news_in_it_makes_no_signal() -> None:
    modules = ContextSet()
    assert modules.on_events((btc_calls(),), SYMBOLS)
    assert modules.on_events((btc_calls(),), SYMBOLS) == []
    assert modules.on_events((btc_calls(NOW + 1),), ()) == []


def test_underlyings() -> None:
    assert [underlying_of(symbol) for symbol in SYMBOLS] == ["BTC", "BTC", "BTC", "ETH", ""]
