"""Which feeds there are, and what is known of their instruments when."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.config import load
from engine.errors import ConfigError, FeedError
from engine.events import Alert, FeedState
from engine.feeds.base import FeedStats, InstrumentSpec, UnreachableError
from engine.wiring import sources
from engine.wiring.sources import learn_instruments, live_feeds, refuse
from tests.wiring.conftest import Bench, trade

A = "kraken:BTC/USD"
SPEC = InstrumentSpec(
    symbol=A,
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.00000001"),
    min_notional=Decimal("0.5"),
    quote_currency="USD",
)


def feeds(*overrides: str) -> list[str]:
    config = load(overrides=overrides, environ={})
    return [feed.venue for feed in live_feeds(config, lambda: 0, {})]


def test_the_simulated_venue_is_there_when_no_other_is() -> None:
    assert feeds() == ["sim"]
    assert feeds("feeds.kraken.symbols=BTC/USD") == ["kraken"]
    both = ("feeds.kraken.symbols=BTC/USD", "feeds.binance.symbols=BTCUSDT,ETHUSDT")
    assert sorted(feeds(*both)) == ["binance", "kraken"]
    assert feeds(*both, "feeds.kraken.enabled=false", "feeds.binance.enabled=false") == ["sim"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("feeds.nosuch.symbols=X", "unknown venue"),
        ("feeds.kraken.enabled=true", "at least one symbol"),
        ("simulated.enabled=false", "no feed is enabled"),
    ],
)
def test_a_configuration_without_a_feed_is_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        feeds(override)


class Venue:
    """Answers with what it is given, in turn."""

    venue = "kraken"

    def __init__(self, *answers: Any) -> None:
        self.stats = FeedStats()
        self.answers = list(answers)

    async def instruments(self) -> list[InstrumentSpec]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    async def run(self, sink: Any) -> None:
        raise NotImplementedError


async def test_a_venue_that_is_away_is_asked_again_and_its_grid_replaces_the_assumed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "RETRY_S", 0.001)
    bench, away = Bench(), UnreachableError("kraken does not answer")
    assert not await learn_instruments(bench.desk, Venue(away), patient=False)
    bench.desk.on_events([trade(A, 1, 60_000.0, 1.0, 0)])
    (before,) = bench.desk.instruments
    assert before.assumed
    assert await learn_instruments(bench.desk, Venue(away, away, SPEC), patient=True)
    (after,) = bench.desk.instruments
    assert (after.index, after.tick_size, after.lot_size) == (before.index, SPEC.tick_size, SPEC.lot_size)
    assert not after.assumed
    bench.desk.on_events([trade(A, 2, 60_001.0, 1.0, 1)])
    assert bench.desk.intake.trades == 2


async def test_an_unknown_symbol_is_told_once() -> None:
    bench, venue = Bench(), Venue(FeedError("kraken does not know NO/SUCH"))
    with pytest.raises(FeedError, match="NO/SUCH") as caught:
        await learn_instruments(bench.desk, venue, patient=True)
    refuse(bench.desk, venue, caught.value)
    assert (venue.stats.state, venue.stats.detail) == (FeedState.DOWN, str(caught.value))
    (alert,) = bench.kinds(Alert)
    assert "NO/SUCH" in alert.text and alert.level == "error"  # type: ignore[union-attr]
