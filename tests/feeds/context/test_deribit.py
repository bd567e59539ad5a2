"""Deribit's answers, each trade counted once, and a poll of a server that gives them."""

from __future__ import annotations

import msgspec
import pytest

from engine.config import OptionsConfig
from engine.errors import ConfigError
from engine.events import NS, OptionsFlow
from engine.feeds.base import UnreachableError
from engine.feeds.context.deribit import MAX_PAGES, Deribit, OptionTrade, Tally, kind_of, page, totals
from engine.feeds.context.source import AnswerError
from tests.feeds.context.bodies import rpc, rpc_error, summary, trade
from tests.feeds.context.server import LoopbackServer, says

NOW = 1_700_000_000 * NS
LATE = 10_000
CALL, PUT = "BTC-27JUN25-100000-C", "BTC-27JUN25-80000-P"
SUMMARIES = "/api/v2/public/get_book_summary_by_currency"
TRADES = "/api/v2/public/get_last_trades_by_currency"


def test_kinds() -> None:
    assert [kind_of(name) for name in (CALL, PUT, "BTC-PERPETUAL", "BTC-27JUN25", "")] == [
        "C", "P", "", "", "",
    ]  # fmt: skip


def test_volume_and_open_interest_are_summed_by_kind() -> None:
    body = rpc(
        [summary(CALL, 5, 100), summary(CALL, 2, 50), summary(PUT, 3, 80), summary("BTC-PERPETUAL", 9, 9)]
    )
    assert totals(body.encode()) == (7.0, 3.0, 150.0, 80.0)


def test_errors_are_recognised_whatever_the_status() -> None:
    with pytest.raises(AnswerError, match="error -32602: Invalid params"):
        totals(rpc_error(-32602, "Invalid params").encode())
    with pytest.raises(UnreachableError, match="too_many_requests") as caught:
        page(rpc_error(10028, "too_many_requests").encode())
    assert caught.value.retry_after_s > 0
    with pytest.raises(AnswerError, match="without a result"):
        totals(b'{"jsonrpc":"2.0"}')
    with pytest.raises(msgspec.MsgspecError):
        totals(b"<html>")


def decoded(*trades: dict[str, object]) -> list[OptionTrade]:
    found, _ = page(rpc({"trades": list(trades), "has_more": False}).encode())
    return found


def test_each_trade_counts_once_however_often_it_is_told() -> None:
    tally = Tally(1000)
    first, second = trade(1, CALL, "buy", 2.0, 1000), trade(2, PUT, "sell", 3.0, 1500)
    third = trade(3, PUT, "buy", 0.5, 1500)
    assert tally.add(decoded(first, second), LATE) == 2
    assert tally.add(decoded(second, third), LATE) == 1
    assert tally.add(decoded(first, second, third), LATE) == 0
    assert tally.taken == {("C", "buy"): 2.0, ("C", "sell"): 0.0, ("P", "buy"): 0.5, ("P", "sell"): 3.0}
    assert (tally.trades, tally.since_ms) == (3, 1500)


def test_a_trade_from_the_future_does_not_make_the_others_old() -> None:
    tally = Tally(0)
    assert tally.add(decoded(trade(1, CALL, "buy", 2.0, LATE + 1)), LATE) == 0
    assert tally.add(decoded(trade(2, CALL, "buy", 2.0, LATE)), LATE) == 1


def test_a_negative_amount_counts_nothing() -> None:
    tally = Tally(0)
    tally.add(decoded(trade(1, CALL, "buy", -2.0, 1)), LATE)
    assert tally.taken["C", "buy"] == 0.0


def source(server: LoopbackServer, *currencies: str) -> Deribit:
    return Deribit(OptionsConfig(url=server.url, currencies=currencies, timeout_s=1.0), lambda: NOW)


async def test_pages_are_followed_from_where_the_last_one_ended(server: LoopbackServer) -> None:
    first_ms = NOW // 1_000_000 - 1000
    server.answers = {
        SUMMARIES: [says(rpc([summary(CALL, 5, 100), summary(PUT, 3, 80)]))],
        TRADES: [
            says(rpc({"trades": [trade(1, CALL, "buy", 1, first_ms)], "has_more": True})),
            says(
                rpc(
                    {
                        "trades": [trade(1, CALL, "buy", 1, first_ms), trade(2, PUT, "buy", 4, first_ms + 5)],
                        "has_more": False,
                    }
                )
            ),
            says(rpc({"trades": [trade(2, PUT, "buy", 4, first_ms + 5)], "has_more": False})),
        ],
    }
    deribit = source(server, "BTC")
    try:
        (first,), (second,) = await deribit.poll(), await deribit.poll()
    finally:
        await deribit.close()
    assert first == OptionsFlow(
        "deribit", "BTC", 5.0, 3.0, 100.0, 80.0, 1.0, 0.0, 4.0, 0.0, 2, (first_ms + 5) * 1_000_000, NOW
    )
    assert isinstance(second, OptionsFlow)
    assert (second.trades, second.puts_bought) == (0, 0.0), "a trade that was told already"
    start = NOW // 1_000_000 - 3_600_000
    asked = [path for path in server.asked if path.startswith(TRADES)]
    assert asked == [
        f"{TRADES}?currency=BTC&kind=option&start_timestamp={since}&count=1000&sorting=asc"
        for since in (start, first_ms, first_ms + 5)
    ]


async def test_a_venue_that_always_has_more_is_left_after_some_pages(server: LoopbackServer) -> None:
    pages = [
        says(rpc({"trades": [trade(n, CALL, "buy", 1, NOW // 1_000_000 + n)], "has_more": True}))
        for n in range(20)
    ]
    server.answers = {SUMMARIES: [says(rpc([summary(CALL, 5, 100)]))], TRADES: list(pages)}
    deribit = source(server, "BTC")
    try:
        (event,) = await deribit.poll()
    finally:
        await deribit.close()
    assert isinstance(event, OptionsFlow)
    assert event.trades == MAX_PAGES


async def test_a_currency_that_is_refused_costs_the_others_nothing(server: LoopbackServer) -> None:
    server.answers = {
        SUMMARIES: [says(rpc_error(-32602, "Invalid params"), 400), says(rpc([summary(CALL, 5, 100)]))],
        TRADES: [says(rpc({"trades": [], "has_more": False}))],
    }
    deribit = source(server, "DOGE", "BTC")
    try:
        (event,) = await deribit.poll()
    finally:
        await deribit.close()
    assert event.underlying == "BTC"
    assert "Invalid params" in deribit.troubles["DOGE"]


async def test_trades_of_before_a_long_silence_do_not_count_as_fresh(server: LoopbackServer) -> None:
    now = [NOW]
    old_ms = NOW // 1_000_000 + 60_000
    fresh_ms = old_ms + 2 * 3_600_000
    server.answers = {
        SUMMARIES: [says(rpc([summary(CALL, 5, 100)]))],
        TRADES: [
            says(rpc({"trades": [], "has_more": False})),
            says(rpc({"trades": [trade(1, CALL, "buy", 9, old_ms)], "has_more": True})),
            says("closed", 503),
            says(
                rpc(
                    {
                        "trades": [trade(2, CALL, "buy", 9, old_ms + 1), trade(3, PUT, "buy", 1, fresh_ms)],
                        "has_more": False,
                    }
                )
            ),
        ],
    }
    config = OptionsConfig(url=server.url, currencies=("BTC",), timeout_s=1.0)
    deribit = Deribit(config, lambda: now[0])
    try:
        await deribit.poll()
        now[0] = (old_ms + 1) * 1_000_000
        with pytest.raises(UnreachableError):
            await deribit.poll()
        now[0] = (fresh_ms + 1) * 1_000_000
        (event,) = await deribit.poll()
    finally:
        await deribit.close()
    assert isinstance(event, OptionsFlow)
    assert (event.trades, event.calls_bought, event.puts_bought) == (1, 0.0, 1.0)
    assert f"start_timestamp={fresh_ms + 1 - 3_600_000}&" in server.asked[-1]


@pytest.mark.parametrize("currencies", [(), ("btc",), ("BTC&x",), ("",)])
def test_currencies_that_are_none_are_refused_at_once(currencies: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"quant\.options\.currencies"):
        Deribit(OptionsConfig(currencies=currencies), lambda: NOW)
