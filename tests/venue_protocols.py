"""The venues' side of their protocols, for ``VenueServer``: after their documentation, not our decoders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs

Topic = tuple[str, str]
"""(channel, native symbol)."""


class Protocol:
    """What has happened so far, and how the venue speaks of it."""

    ws_path = "/"
    ws_base = ""
    channels = 1
    """Channels that are subscribed by a message each: the stream waits for all of them."""

    def __init__(self, instruments: str) -> None:
        self.instruments = instruments
        self.trades: dict[str, list[dict[str, Any]]] = {}
        """By symbol, in order of id, in the shape of the venue's REST."""
        self.best: dict[str, tuple[str, str, str, str]] = {}
        """bid, size, ask, size as text."""

    def greeting(self) -> list[str]:
        return []

    def heartbeat(self) -> str:
        return ""

    def subscribed_by_url(self, query: str) -> set[Topic] | None:
        """Topics that the URL subscribes; None when the URL is refused."""
        return set()

    def subscribe(self, text: str, wanted: set[Topic]) -> Iterator[str]:
        """Answers to a client's frame, each made just before it is sent; ``wanted`` changes on the way."""
        yield from ()

    def topics(self, raw: str) -> set[Topic]:
        raise NotImplementedError

    def happen(self, raw: str) -> None:
        raise NotImplementedError

    def corrupted(self, raw: str) -> str:
        return raw

    def rest(self, path: str, query: dict[str, str], history: bool) -> tuple[int, str]:
        raise NotImplementedError


class BinanceProtocol(Protocol):
    ws_path = "/stream"
    symbols: ClassVar[tuple[str, ...]] = ("BTCUSDT",)

    def subscribed_by_url(self, query: str) -> set[Topic] | None:
        streams = parse_qs(query).get("streams", [""])[0].split("/")
        if not all(
            "@" in one and one == one.replace(one.partition("@")[0], one.partition("@")[0].lower())
            for one in streams
        ):
            return None
        return {(kind, symbol.upper()) for symbol, _, kind in (one.partition("@") for one in streams)}

    def topics(self, raw: str) -> set[Topic]:
        stream = raw[11 : raw.index('"', 11)]
        symbol, _, kind = stream.partition("@")
        return {(kind, symbol.upper())}

    def happen(self, raw: str) -> None:
        ((kind, symbol),) = self.topics(raw)
        if kind == "trade":
            data = json.loads(raw)["data"]
            row = {
                "id": data["t"],
                "price": data["p"],
                "qty": data["q"],
                "time": data["T"],
                "isBuyerMaker": data["m"],
            }
            self.trades.setdefault(symbol, []).append(row)
        elif kind == "bookTicker":
            data = json.loads(raw)["data"]
            self.best[symbol] = (data["b"], data["B"], data["a"], data["A"])

    def rest(self, path: str, query: dict[str, str], history: bool) -> tuple[int, str]:
        if path == "/api/v3/exchangeInfo" and not query:
            asked = list(self.symbols)
        else:
            asked = json.loads(query["symbols"]) if "symbols" in query else [query.get("symbol", "")]
        if not set(asked) <= set(self.symbols):
            return 400, '{"code":-1121,"msg":"Invalid symbol."}'
        trades = self.trades.get(asked[0], [])
        limit = int(query.get("limit", "500"))
        if path == "/api/v3/exchangeInfo":
            filters = [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ]
            entries = [{"symbol": one, "quoteAsset": "USDT", "filters": filters} for one in asked]
            return 200, json.dumps({"symbols": entries})
        if path == "/api/v3/trades":
            # A venue that cannot look back still knows its very last trades.
            return 200, json.dumps(trades[-(limit if history else 1) :])
        if path == "/api/v3/historicalTrades":
            if not history:
                return 401, '{"code":-2014,"msg":"API-key format invalid."}'
            first = int(query["fromId"])
            return 200, json.dumps([one for one in trades if one["id"] >= first][:limit])
        if path == "/api/v3/ticker/bookTicker" and asked[0] in self.best:
            bid, bid_size, ask, ask_size = self.best[asked[0]]
            quote = {
                "symbol": asked[0],
                "bidPrice": bid,
                "bidQty": bid_size,
                "askPrice": ask,
                "askQty": ask_size,
            }
            return 200, json.dumps(quote)
        return 404, "{}"


class CoinbaseProtocol(Protocol):
    _CHANNELS: ClassVar[dict[str, str]] = {
        "match": "matches",
        "last_match": "matches",
        "ticker": "ticker",
        "heartbeat": "heartbeat",
        "l2update": "level2_batch",
        "snapshot": "level2_batch",
    }

    def __init__(self, instruments: str) -> None:
        super().__init__(instruments)
        self._books: dict[str, dict[str, dict[str, str]]] = {}
        self._times: dict[str, str] = {}

    def heartbeat(self) -> str:
        return (
            '{"type":"heartbeat","sequence":1,"last_trade_id":1,"product_id":"BAND-GBP",'
            '"time":"2021-04-17T16:43:30.244075Z"}'
        )

    def _products(self) -> set[str]:
        return {product["id"] for product in json.loads(self.instruments)}

    def subscribe(self, text: str, wanted: set[Topic]) -> Iterator[str]:
        frame = json.loads(text)
        for product in frame["product_ids"]:
            if product not in self._products():
                reason = f"{product} is not a valid product"
                yield json.dumps({"type": "error", "message": "Failed to subscribe", "reason": reason})
                return
        topics = {(channel, product) for channel in frame["channels"] for product in frame["product_ids"]}
        if frame["type"] == "unsubscribe":
            wanted -= topics
            return
        wanted |= topics
        channels = [{"name": name, "product_ids": frame["product_ids"]} for name in frame["channels"]]
        yield json.dumps({"type": "subscriptions", "channels": channels})
        yield from self._last_matches(frame)
        yield from self._snapshots(frame)

    def _last_matches(self, frame: dict[str, Any]) -> list[str]:
        if "matches" not in frame["channels"]:
            return []
        latest = {
            product: self.trades[product][-1] for product in frame["product_ids"] if self.trades.get(product)
        }
        return [json.dumps({"type": "last_match", "product_id": one, **row}) for one, row in latest.items()]

    def _snapshots(self, frame: dict[str, Any]) -> list[str]:
        products = frame["product_ids"] if "level2_batch" in frame["channels"] else ()
        return [
            json.dumps(
                {"type": "snapshot", "product_id": one, "time": self._times.get(one, "")}
                | {side: list(levels.items()) for side, levels in self._books[one].items()},
                separators=(",", ":"),
            )
            for one in products
            if one in self._books
        ]

    def topics(self, raw: str) -> set[Topic]:
        kind = raw[9 : raw.index('"', 9)]
        if kind == "subscriptions":
            return set()  # the server acknowledges by itself
        at = raw.index('"product_id":"') + 14
        return {(self._CHANNELS[kind], raw[at : raw.index('"', at)])}

    def happen(self, raw: str) -> None:
        kind = raw[9 : raw.index('"', 9)]
        if kind in ("match", "last_match"):
            data = json.loads(raw)
            row = {key: data[key] for key in ("trade_id", "side", "size", "price", "time")}
            self.trades.setdefault(data["product_id"], []).append(row)
        elif kind == "ticker":
            data = json.loads(raw)
            self.best[data["product_id"]] = (data["best_bid"], "", data["best_ask"], "")
        elif kind == "snapshot":
            data = json.loads(raw)
            self._books[data["product_id"]] = {side: dict(data[side]) for side in ("bids", "asks")}
        elif kind == "l2update":
            data = json.loads(raw)
            self._times[data["product_id"]] = data["time"]
            for side, price, size in data["changes"]:
                levels = self._books[data["product_id"]]["bids" if side == "buy" else "asks"]
                levels[price] = size
                if float(size) == 0:
                    del levels[price]

    def rest(self, path: str, query: dict[str, str], history: bool) -> tuple[int, str]:
        if path == "/products":
            return 200, self.instruments
        _, _, product, what = path.split("/")
        if what == "trades":
            after = int(query.get("after", str(1 << 62)))
            limit = int(query.get("limit", "1000"))
            if "after" in query and not history:
                return 404, '{"message":"NotFound"}'
            rows = [row for row in self.trades.get(product, []) if row["trade_id"] < after]
            return 200, json.dumps(rows[::-1][:limit])
        if what == "ticker" and product in self.best:
            bid, _, ask, _ = self.best[product]
            return 200, json.dumps({"bid": bid, "ask": ask, "time": "2021-04-17T16:43:30Z", "trade_id": 1})
        return 404, '{"message":"NotFound"}'


class KrakenProtocol(Protocol):
    channels = 2
    ws_path = "/v2"
    ws_base = "/v2"

    def __init__(self, instruments: str) -> None:
        super().__init__(instruments)
        self._books: dict[str, dict[str, dict[str, str]]] = {}
        self._checksums: dict[str, int] = {}
        self._times: dict[str, str] = {}

    def greeting(self) -> list[str]:
        return ['{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2"}]}']

    def heartbeat(self) -> str:
        return '{"channel":"heartbeat"}'

    def _pairs(self) -> dict[str, str]:
        """v2 name -> REST name."""
        pairs = json.loads(self.instruments)["result"].values()
        return {pair["wsname"].replace("XBT", "BTC"): pair["altname"] for pair in pairs}

    def subscribe(self, text: str, wanted: set[Topic]) -> Iterator[str]:
        frame = json.loads(text)
        params = frame["params"]
        for symbol in params["symbol"]:
            answer = {"method": frame["method"], "success": True}
            if symbol not in self._pairs():
                answer |= {
                    "success": False,
                    "error": f"Currency pair not supported {symbol}",
                    "symbol": symbol,
                }
            else:
                result = {"channel": params["channel"], "symbol": symbol, "snapshot": True}
                if params["channel"] == "book":
                    result["depth"] = 1000
                answer["result"] = result
            yield json.dumps(answer)
            if answer["success"] and frame["method"] == "subscribe":
                wanted.add((params["channel"], symbol))
                yield from self._snapshot(params["channel"], symbol)
            elif answer["success"]:
                wanted.discard((params["channel"], symbol))

    def _snapshot(self, channel: str, symbol: str) -> list[str]:
        if channel == "trade" and self.trades.get(symbol):
            rows = ",".join(row["v2"] for row in self.trades[symbol][-50:])
            return [f'{{"channel":"trade","type":"snapshot","data":[{rows}]}}']
        if channel == "book" and symbol in self._books:
            sides = {
                side: "[" + ",".join(f'{{"price":{p},"qty":{q}}}' for p, q in levels.items()) + "]"
                for side, levels in self._books[symbol].items()
            }
            checksum = f',"checksum":{self._checksums[symbol]}' if symbol in self._checksums else ""
            return [
                f'{{"channel":"book","type":"snapshot","data":[{{"symbol":"{symbol}","bids":{sides["bids"]},'
                f'"asks":{sides["asks"]}{checksum},"timestamp":"{self._times[symbol]}"}}]}}'
            ]
        return []

    def topics(self, raw: str) -> set[Topic]:
        if '"heartbeat"' in raw:
            return {("book", symbol) for symbol in self._pairs()}
        at = raw.index('"symbol":"') + 10
        return {(raw[12 : raw.index('"', 12)], raw[at : raw.index('"', at)])}

    def corrupted(self, raw: str) -> str:
        return raw.replace('"checksum":', '"checksum":1')

    def happen(self, raw: str) -> None:
        if '"channel":"trade"' in raw:
            for one in json.loads(raw, parse_float=str)["data"]:
                seconds = datetime.fromisoformat(one["timestamp"][:19] + "+00:00").timestamp()
                when = f"{int(seconds)}.{one['timestamp'][20:-1]}"
                v2 = (
                    f'{{"symbol":"{one["symbol"]}","side":"{one["side"]}","price":{one["price"]},"qty":{one["qty"]},'
                    f'"ord_type":"limit","trade_id":{one["trade_id"]},"timestamp":"{one["timestamp"]}"}}'
                )
                row = {"id": one["trade_id"], "ns": _ns(when), "v2": v2}
                row["rest"] = (
                    f'["{one["price"]}","{one["qty"]}",{when},"{one["side"][0]}","l","",{one["trade_id"]}]'
                )
                self.trades.setdefault(one["symbol"], []).append(row)
        elif '"channel":"book"' in raw:
            frame = json.loads(raw, parse_float=str)
            for data in frame["data"]:
                self._apply(data, frame["type"] == "snapshot")

    def _apply(self, data: dict[str, Any], snapshot: bool) -> None:
        symbol = data["symbol"]
        self._times[symbol] = data["timestamp"]
        book = self._books.setdefault(symbol, {"bids": {}, "asks": {}})
        for side, levels in book.items():
            if snapshot:
                levels.clear()
            for level in data[side]:
                if float(level["qty"]) == 0:
                    levels.pop(level["price"], None)
                else:
                    levels[level["price"]] = level["qty"]
            if len(levels) > 1000:
                for price in sorted(levels, key=float, reverse=side == "bids")[1000:]:
                    del levels[price]
            if levels:
                best = (max if side == "bids" else min)(levels, key=float)
                bid, bid_size, ask, ask_size = self.best.get(symbol, ("", "", "", ""))
                self.best[symbol] = (
                    (best, levels[best], ask, ask_size)
                    if side == "bids"
                    else (bid, bid_size, best, levels[best])
                )
        if "checksum" in data:
            self._checksums[symbol] = data["checksum"]

    def rest(self, path: str, query: dict[str, str], history: bool) -> tuple[int, str]:
        if path == "/0/public/AssetPairs":
            return 200, self.instruments
        natives = {rest: native for native, rest in self._pairs().items()}
        native = natives.get(query.get("pair", ""))
        if native is None:
            return 200, '{"error":["EQuery:Unknown asset pair"]}'
        if path == "/0/public/Trades":
            if not history:
                return 200, '{"error":["EGeneral:Temporary lockout"]}'
            since = int(query.get("since", "0"))
            rows = [row for row in self.trades.get(native, []) if row["ns"] > since][:1000]
            body = ",".join(row["rest"] for row in rows)
            last = rows[-1]["ns"] if rows else since
            return 200, f'{{"error":[],"result":{{"{query["pair"]}":[{body}],"last":"{last}"}}}}'
        if path == "/0/public/Ticker" and native in self.best:
            bid, bid_size, ask, ask_size = self.best[native]
            tick = {"a": [ask, "1", ask_size], "b": [bid, "1", bid_size]}
            return 200, json.dumps({"error": [], "result": {query["pair"]: tick}})
        return 404, "{}"


def _ns(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


PROTOCOLS: dict[str, type[Protocol]] = {
    "binance": BinanceProtocol,
    "coinbase": CoinbaseProtocol,
    "kraken": KrakenProtocol,
}
