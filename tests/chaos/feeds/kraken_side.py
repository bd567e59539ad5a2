"""https://docs.kraken.com/api/docs/websocket-v2/book, .../trade, .../guides/spot-ws-book-v2; REST Trades,
Ticker."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from tests.chaos.feeds.dialect import Dialect, Reply, Topic
from tests.chaos.feeds.truth import NS, TOP, Change, Market, Print, Side, price_text, size_text


class KrakenSide(Dialect):
    venue = "kraken"
    ws_path = "/v2"
    natives: ClassVar[tuple[str, ...]] = ("ETH/USD", "SOL/USD")
    beats_s = 1.0

    def __init__(self, markets: Sequence[Market]) -> None:
        super().__init__(markets)
        self._told: dict[str, tuple[Side, Side]] = {
            market.native: (dict(market.best(market.bids)), dict(market.best(market.asks)))
            for market in markets
        }
        """The best levels as of the last update."""

    def greeting(self) -> list[str]:
        return ['{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}']

    def answers(self, text: str, wanted: set[Topic]) -> list[str]:
        frame = json.loads(text)
        if frame["method"] == "ping":
            return ['{"method":"pong"}']
        params = frame["params"]
        out = []
        for native in params["symbol"]:
            topic = params["channel"], native
            result = {"channel": params["channel"], "symbol": native, "snapshot": True}
            if params["channel"] == "book":
                result["depth"] = params["depth"]
            out.append(json.dumps({"method": frame["method"], "result": result, "success": True}))
            if frame["method"] == "unsubscribe":
                wanted.discard(topic)
            else:
                wanted.add(topic)
                out += self._first(topic)
        return out

    def _first(self, topic: Topic) -> list[str]:
        channel, native = topic
        market = self.markets[native]
        if channel == "book":
            return [self._snapshot(market)]
        if channel == "trade" and market.trades:
            rows = ",".join(_print(market, one) for one in market.trades[-50:])
            return [f'{{"channel":"trade","type":"snapshot","data":[{rows}]}}']
        return []

    def trade(self, market: Market, trade: Print) -> list[tuple[Topic, str]]:
        row = _print(market, trade)
        return [(("trade", market.native), f'{{"channel":"trade","type":"update","data":[{row}]}}')]

    def change(self, market: Market, change: Change) -> list[tuple[Topic, str]]:
        """Only what is within the subscribed depth is told; what is pushed out of it, the client forgets."""
        now = dict(market.best(market.bids)), dict(market.best(market.asks))
        told = []
        for old, new, whole in zip(self._told[market.native], now, (market.bids, market.asks), strict=True):
            gone = {ticks: 0 for ticks in old if ticks not in whole}
            told.append(gone | {ticks: lots for ticks, lots in new.items() if old.get(ticks) != lots})
        self._told[market.native] = now
        if not told[0] and not told[1]:
            return []
        return [(("book", market.native), self._book(market, "update", told[0], told[1], change.ns))]

    def _snapshot(self, market: Market) -> str:
        return self._book(market, "snapshot", *self._told[market.native], 0)

    def _book(self, market: Market, kind: str, bids: Side, asks: Side, ns: int) -> str:
        data = (
            f'"symbol":"{market.native}","bids":[{_levels(bids)}],"asks":[{_levels(asks)}],'
            f'"checksum":{_checksum(market)}'
        )
        if ns:
            data += f',"timestamp":"{_iso(ns)}"'
        return f'{{"channel":"book","type":"{kind}","data":[{{{data}}}]}}'

    def snapshots(self, wanted: set[Topic]) -> list[str]:
        return [
            self._snapshot(self.markets[native]) for channel, native in sorted(wanted) if channel == "book"
        ]

    def heartbeats(self, wanted: set[Topic]) -> list[str]:
        return ['{"channel":"heartbeat"}']

    def rest(self, path: str, query: dict[str, str]) -> Reply:
        market = next(one for name, one in self.markets.items() if name.replace("/", "") == query["pair"])
        if path == "/0/public/Ticker":
            bid, ask = market.bid, market.ask
            tick = {
                "a": [price_text(ask), "1", size_text(market.asks[ask])],
                "b": [price_text(bid), "1", size_text(market.bids[bid])],
            }
            return 200, json.dumps({"error": [], "result": {query["pair"]: tick}})
        if path != "/0/public/Trades":
            return 404, "{}"
        since = int(query.get("since", "0"))
        rows = [one for one in market.trades if one.ns > since]
        rows = rows[:1000] if "since" in query else rows[-1000:]
        told = ",".join(
            f'["{price_text(one.ticks)}","{size_text(one.lots)}",{one.ns // NS}.{one.ns % NS:09d},'
            f'"{"b" if one.bought else "s"}","m","",{one.id}]'
            for one in rows
        )
        last = rows[-1].ns if rows else since
        return 200, f'{{"error":[],"result":{{"{query["pair"]}":[{told}],"last":"{last}"}}}}'


def _levels(side: Side) -> str:
    return ",".join(
        f'{{"price":{price_text(ticks)},"qty":{size_text(lots)}}}' for ticks, lots in side.items()
    )


def _checksum(market: Market) -> int:
    text = ""
    for side in (market.asks, market.bids):
        for ticks, lots in market.best(side, TOP):
            text += price_text(ticks).replace(".", "").lstrip("0")
            text += size_text(lots).replace(".", "").lstrip("0")
    return zlib.crc32(text.encode())


def _print(market: Market, one: Print) -> str:
    return (
        f'{{"symbol":"{market.native}","side":"{"buy" if one.bought else "sell"}",'
        f'"price":{price_text(one.ticks)},"qty":{size_text(one.lots)},"ord_type":"market",'
        f'"trade_id":{one.id},"timestamp":"{_iso(one.ns)}"}}'
    )


def _iso(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%dT%H:%M:%S}.{ns % NS:09d}Z"
