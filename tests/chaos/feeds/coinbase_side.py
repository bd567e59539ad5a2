"""https://docs.cdp.coinbase.com/exchange/websocket-feed/channels; REST /products/<id>/trades, .../ticker."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar

from tests.chaos.feeds.dialect import Dialect, Reply, Topic
from tests.chaos.feeds.truth import NS, Change, Market, Print, Side, price_text, size_text


class CoinbaseSide(Dialect):
    venue = "coinbase"
    natives: ClassVar[tuple[str, ...]] = ("BTC-USD", "ETH-EUR")
    lossless_books = True
    beats_s = 1.0

    def answers(self, text: str, wanted: set[Topic]) -> list[str]:
        frame = json.loads(text)
        topics = {(channel, native) for channel in frame["channels"] for native in frame["product_ids"]}
        if frame["type"] == "unsubscribe":
            wanted -= topics
        else:
            wanted |= topics
        names = sorted({channel for channel, _ in wanted})
        channels = [{"name": one, "product_ids": [n for c, n in sorted(wanted) if c == one]} for one in names]
        out = [json.dumps({"type": "subscriptions", "channels": channels})]
        if frame["type"] == "subscribe":
            for channel, native in sorted(topics):
                market = self.markets[native]
                if channel == "matches" and market.trades:
                    out.append(_match("last_match", market, market.trades[-1]))
                elif channel == "level2_batch":
                    out.append(_snapshot(market))
        return out

    def trade(self, market: Market, trade: Print) -> list[tuple[Topic, str]]:
        bid, ask = market.bid, market.ask
        ticker = {
            "type": "ticker",
            "product_id": market.native,
            "price": price_text(trade.ticks),
            "best_bid": price_text(bid),
            "best_bid_size": size_text(market.bids[bid]),
            "best_ask": price_text(ask),
            "best_ask_size": size_text(market.asks[ask]),
            "side": "buy" if trade.bought else "sell",
            "time": _iso(trade.ns),
            "trade_id": trade.id,
            "last_size": size_text(trade.lots),
        }
        return [
            (("matches", market.native), _match("match", market, trade)),
            (("ticker", market.native), json.dumps(ticker, separators=(",", ":"))),
        ]

    def change(self, market: Market, change: Change) -> list[tuple[Topic, str]]:
        changes = [["buy", price_text(ticks), size_text(lots)] for ticks, lots in change.bids.items()]
        changes += [["sell", price_text(ticks), size_text(lots)] for ticks, lots in change.asks.items()]
        frame = {
            "type": "l2update",
            "product_id": market.native,
            "changes": changes,
            "time": _iso(change.ns),
        }
        return [(("level2_batch", market.native), json.dumps(frame, separators=(",", ":")))]

    def heartbeats(self, wanted: set[Topic]) -> list[str]:
        out = []
        for channel, native in sorted(wanted):
            market = self.markets[native]
            if channel == "heartbeat" and market.trades:
                last = market.trades[-1]
                beat = {
                    "type": "heartbeat",
                    "sequence": 1,
                    "last_trade_id": last.id,
                    "product_id": native,
                    "time": _iso(last.ns),
                }
                out.append(json.dumps(beat, separators=(",", ":")))
        return out

    def snapshots(self, wanted: set[Topic]) -> list[str]:
        return [
            _snapshot(self.markets[native]) for channel, native in sorted(wanted) if channel == "level2_batch"
        ]

    def rest(self, path: str, query: dict[str, str]) -> Reply:
        _, _, native, what = path.split("/")
        market = self.markets[native]
        if what == "ticker":
            body: object = {
                "bid": price_text(market.bid),
                "ask": price_text(market.ask),
                "time": _iso(market.trades[-1].ns),
                "trade_id": market.trades[-1].id,
            }
        elif what == "trades":
            after, limit = int(query.get("after", str(1 << 62))), int(query.get("limit", "1000"))
            body = [_row(one) for one in market.trades if one.id < after][::-1][:limit]
        else:
            return 404, "{}"
        return 200, json.dumps(body)


def _row(one: Print) -> dict[str, object]:
    return {
        "trade_id": one.id,
        "side": "sell" if one.bought else "buy",  # the maker's
        "size": size_text(one.lots),
        "price": price_text(one.ticks),
        "time": _iso(one.ns),
    }


def _match(kind: str, market: Market, one: Print) -> str:
    return json.dumps({"type": kind, "product_id": market.native, **_row(one)}, separators=(",", ":"))


def _snapshot(market: Market) -> str:
    frame = {
        "type": "snapshot",
        "product_id": market.native,
        "bids": _levels(dict(market.best(market.bids, 1000))),
        "asks": _levels(dict(market.best(market.asks, 1000))),
    }
    return json.dumps(frame, separators=(",", ":"))


def _levels(side: Side) -> list[list[str]]:
    return [[price_text(ticks), size_text(lots)] for ticks, lots in side.items()]


def _iso(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%dT%H:%M:%S}.{ns % NS:09d}Z"
