"""https://github.com/binance/binance-spot-api-docs: web-socket-streams.md, rest-api.md."""

from __future__ import annotations

import json
from typing import ClassVar
from urllib.parse import parse_qs

from tests.chaos.feeds.dialect import Dialect, Reply, Topic
from tests.chaos.feeds.truth import Change, Market, Print, Side, price_text, size_text

MS = 1_000_000


class BinanceSide(Dialect):
    venue = "binance"
    ws_path = "/stream"
    natives: ClassVar[tuple[str, ...]] = ("BTCUSDT", "ETHUSDT")

    def topics_of(self, query: str) -> set[Topic]:
        streams = parse_qs(query)["streams"][0].split("/")
        return {(channel, native.upper()) for native, _, channel in (one.partition("@") for one in streams)}

    def trade(self, market: Market, trade: Print) -> list[tuple[Topic, str]]:
        data = {
            "e": "trade",
            "E": trade.ns // MS,
            "s": market.native,
            "t": trade.id,
            "p": price_text(trade.ticks),
            "q": size_text(trade.lots),
            "T": trade.ns // MS,
            "m": not trade.bought,
            "M": True,
        }
        return [self._combined("trade", market, data)]

    def change(self, market: Market, change: Change) -> list[tuple[Topic, str]]:
        data = {
            "e": "depthUpdate",
            "E": change.ns // MS,
            "s": market.native,
            "U": change.update_id,
            "u": change.update_id,
            "b": _levels(change.bids),
            "a": _levels(change.asks),
        }
        best = {"u": change.update_id, "s": market.native, **self._best(market, "b", "B", "a", "A")}
        return [
            self._combined("depth@100ms", market, data),
            self._combined("bookTicker", market, best),
        ]

    def _best(self, market: Market, *names: str) -> dict[str, str]:
        bid, ask = market.bid, market.ask
        told = (price_text(bid), size_text(market.bids[bid]), price_text(ask), size_text(market.asks[ask]))
        return dict(zip(names, told, strict=True))

    def _combined(self, channel: str, market: Market, data: dict[str, object]) -> tuple[Topic, str]:
        body = json.dumps(data, separators=(",", ":"))
        return (channel, market.native), f'{{"stream":"{market.native.lower()}@{channel}","data":{body}}}'

    def farewell(self) -> list[str]:
        return ['{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}']

    def rest(self, path: str, query: dict[str, str]) -> Reply:
        market = self.markets[query["symbol"]]
        limit = int(query.get("limit", "500"))
        if path == "/api/v3/depth":
            body: object = {
                "lastUpdateId": market.update_id,
                "bids": _levels(dict(market.best(market.bids, limit))),
                "asks": _levels(dict(market.best(market.asks, limit))),
            }
        elif path == "/api/v3/ticker/bookTicker":
            body = {
                "symbol": market.native,
                **self._best(market, "bidPrice", "bidQty", "askPrice", "askQty"),
            }
        elif path == "/api/v3/trades":
            body = [_row(one) for one in market.trades[-limit:]]
        elif path == "/api/v3/historicalTrades":
            first = int(query["fromId"])
            body = [_row(one) for one in market.trades if one.id >= first][:limit]
        else:
            return 404, "{}"
        return 200, json.dumps(body)


def _levels(side: Side) -> list[list[str]]:
    return [[price_text(ticks), size_text(lots)] for ticks, lots in side.items()]


def _row(one: Print) -> dict[str, object]:
    return {
        "id": one.id,
        "price": price_text(one.ticks),
        "qty": size_text(one.lots),
        "time": one.ns // MS,
        "isBuyerMaker": not one.bought,
    }
