"""A live feed of Coinbase Exchange: what only its heartbeats and its ticker show to be missing."""

from __future__ import annotations

import json

from engine.events import BookStatus
from tests.feeds.conftest import listening
from tests.venue_server import Frame, VenueServer

NATIVE = "BTC-USD"
PRODUCTS = json.dumps(
    [{"id": NATIVE, "quote_currency": "USD", "quote_increment": "0.01", "base_increment": "0.01"}]
)


def frame(second: int, kind: str, **data: object) -> Frame:
    stamp = f"2026-04-07T14:{second // 60:02}:{second % 60:02}.5Z"
    body = {"type": kind, "product_id": NATIVE, **data, "time": stamp}
    return Frame(second * 1_000_000_000, json.dumps(body, separators=(",", ":")))


def match(second: int, trade_id: int) -> Frame:
    return frame(second, "match", trade_id=trade_id, side="buy", size="1", price="100")


def beat(second: int, last_id: int) -> Frame:
    return frame(second, "heartbeat", sequence=1, last_trade_id=last_id)


def server_of(frames: list[Frame], lost: str) -> VenueServer:
    """Frames that contain ``lost`` happen, and are never sent."""
    server = VenueServer("coinbase", frames, instruments=PRODUCTS, speed=100.0)
    topics = server.protocol.topics
    server.protocol.topics = lambda raw: set() if lost in raw else topics(raw)  # type: ignore[method-assign]
    return server


async def test_trades_lost_before_a_silence_are_fetched_by_what_heartbeats_tell() -> None:
    lost = [
        frame(second, "match", trade_id=second, side="buy", size="1", price="100.00")
        for second in (11, 12, 13)
    ]
    frames = [*(match(second, second) for second in range(1, 11)), *lost]
    frames += [beat(second, 13) for second in range(14, 120)]
    server = server_of(frames, '"price":"100.00"')
    async with server, listening(server, "coinbase", NATIVE) as feed:
        await feed.until(lambda: [trade.trade_id for trade in feed.trades] == list(range(1, 14)))
        assert [trade.trade_id for trade in feed.trades if trade.backfilled] == [11, 12, 13]
        assert not feed.gaps and server.connections == 1
        asked = [(one["type"], one["channels"]) for one in map(json.loads, server.subscriptions[1:])]
        assert asked[:2] == [("unsubscribe", ["matches"]), ("subscribe", ["matches"])]


async def test_a_book_that_missed_a_change_is_found_out_by_the_ticker_and_mended() -> None:
    bids = [["99.00", "1"], ["98.00", "1"]]
    frames = [frame(1, "snapshot", bids=bids, asks=[["101.00", "1"]])]
    frames.append(frame(2, "l2update", changes=[["buy", "99.00", "0.000"]]))  # never arrives
    for second in range(3, 160, 4):
        tick = {"best_bid": "98.00", "best_ask": "101.00", "best_bid_size": "1", "best_ask_size": "1"}
        frames.append(frame(second, "ticker", **tick))
        frames.append(frame(second + 2, "l2update", changes=[["sell", "150.00", str(second)]]))
    server = server_of(frames, '"0.000"')
    async with server, listening(server, "coinbase", NATIVE) as feed:

        def told() -> list[bool]:
            return [event.live for event in feed.events if isinstance(event, BookStatus)]

        await feed.until(lambda: told() == [False, True])
        await feed.until(lambda: feed.quotes[-1].bid == 98.0)
        assert server.connections == 1 and "ticker" in next(
            event.reason for event in feed.events if isinstance(event, BookStatus)
        )
        await feed.until(server.finished.is_set)
        assert told() == [False, True]
