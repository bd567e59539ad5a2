"""``tickdesk status``: what is wrong with a feed stands beside it, what is well needs no words."""

from __future__ import annotations

import msgspec

from console.cli.status import lines
from engine.api.health_protocol import BusHealth, JobsHealth
from engine.api.protocol import FeedRow, Health
from tests.console import sample_desk as sample
from tests.console import sample_feeds


def test_each_feed_with_what_is_wrong_with_it() -> None:
    health = Health(True, 1, 42, sample.status(), sample_feeds.feeds())
    told = {line.split(":")[0]: line for line in lines(health) if line.startswith("feed ")}
    assert "2 gaps, 1 reconnects, 1 books wrong now, 7 books" in told["feed binance"]
    assert told["feed gateio"].endswith("3 malformed, best effort refused, tries again in 4 s")
    assert told["feed kraken"] == "feed kraken: late, data 9.2 s old, 40410 messages"


def test_what_is_asked_beside_the_market_has_no_age() -> None:
    asked = FeedRow("quant-server:mine", "up", "answers", None, 0, 240, 0, market=False)
    silent = FeedRow("deribit", "connecting", "asking", None, 0, 0, 0, market=False)
    heard = FeedRow("gateio", "up", "", None, 0, 3, 0)
    told = lines(Health(True, 1, 42, sample.status(), (asked, silent, heard)))
    assert "feed gateio: up, no data yet, 3 messages" in told, "acks and heartbeats are no data"
    assert "feed quant-server:mine: up, 240 messages answers" in told
    assert "feed deribit: connecting, no data yet, 0 messages asking" in told


def test_a_load_of_history_is_told() -> None:
    status = msgspec.structs.replace(sample.status(), loading="history 42%, 3 of 8 symbols")
    assert lines(Health(True, 1, 42, status, ())).count("history 42%, 3 of 8 symbols") == 1


def test_symbols_that_must_not_be_entered_are_counted() -> None:
    status = msgspec.structs.replace(sample.status(), stale_symbols=2)
    assert "2 symbols are stale: entries are denied there" in lines(Health(True, 1, 42, status, ()))


def test_a_clock_that_denies_entries_and_a_tape_at_its_end() -> None:
    off = msgspec.structs.replace(sample_feeds.feeds()[0], clock_offset_ms=12_400.0, clock_off=True)
    ended = FeedRow("okx", "ended", "end of tape", 100.0, 0, 7, 0)
    told = lines(Health(True, 1, 42, sample.status(), (off, ended)))
    assert any("12 s behind: entries denied" in line for line in told)
    assert "feed okx: ended, no more data, 7 messages end of tape" in told


def test_consoles_and_who_controls() -> None:
    status = msgspec.structs.replace(sample.status(), consoles=2, controller="ana@pts/3/4242")
    assert "2 consoles attached, ana@pts/3/4242 controls" in lines(Health(True, 1, 42, status, ()))
    alone = msgspec.structs.replace(status, consoles=1, controller="")
    assert "1 console attached, none controls" in lines(Health(True, 1, 42, alone, ()))


def test_the_bus_and_the_broker_are_told_where_there_are_any() -> None:
    health = Health(
        False,
        1,
        42,
        sample.status(),
        (),
        bus=BusHealth(False, "127.0.0.1:6379: nobody has market", None, None),
        jobs=JobsHealth(False, "127.0.0.1:6380: no worker takes jobs", 2),
    )
    told = lines(health)
    assert "bus 127.0.0.1:6379: nobody has market" in told
    assert "jobs 127.0.0.1:6380: no worker takes jobs" in told
    alone = lines(Health(True, 1, 42, sample.status(), ()))
    assert not [line for line in alone if line.startswith(("bus", "jobs"))]


def test_an_account_whose_worth_is_not_known_has_no_drawdown() -> None:
    unknown = msgspec.structs.replace(sample.status(), equity="", day_pnl="", drawdown_pct=0.0)
    told = lines(Health(True, 1, 42, unknown, ()))
    assert "equity unknown: a currency that is held has no rate" in told
    assert not any("drawdown" in line for line in told)
