"""Answers as the sources give them."""

from __future__ import annotations

import json
from typing import Any

OPEN_INTEREST = '{"symbol":"BTCUSDT","openInterest":"81234.567","time":1700000012345}'
PREMIUM = (
    '{"symbol":"BTCUSDT","markPrice":"60123.40000000","indexPrice":"60120.11","estimatedSettlePrice":"60118.2",'
    '"lastFundingRate":"0.00010000","interestRate":"0.00010000","nextFundingTime":1700006400000,'
    '"time":1700000012000}'
)
HISTORY = (
    '[{"symbol":"BTCUSDT","sumOpenInterest":"80000.0","sumOpenInterestValue":"4800000000.0",'
    '"CMCCirculatingSupply":"19500000","timestamp":1699999200000},'
    '{"symbol":"BTCUSDT","sumOpenInterest":"81000.0","sumOpenInterestValue":"4868100000.0",'
    '"CMCCirculatingSupply":"19500000","timestamp":1699999500000}]'
)
BINANCE_ERROR = '{"code":-1121,"msg":"Invalid symbol."}'
FEAR_GREED = (
    '{"name":"Fear and Greed Index","data":[{"value":"25","value_classification":"Extreme Fear",'
    '"timestamp":"1699920000","time_until_update":"47111"}],"metadata":{"error":null}}'
)


def summary(name: str, volume: float, held: float) -> dict[str, Any]:
    return {
        "instrument_name": name,
        "base_currency": "BTC",
        "quote_currency": "BTC",
        "volume": volume,
        "volume_usd": volume * 1000,
        "open_interest": held,
        "mark_price": 0.05,
        "mark_iv": 55.1,
        "bid_price": None,
        "ask_price": 0.051,
        "mid_price": None,
        "underlying_price": 60100.2,
        "underlying_index": "BTC-27JUN25",
        "creation_timestamp": 1700000000000,
    }


def trade(number: int, name: str, direction: str, amount: float, timestamp: int) -> dict[str, Any]:
    return {
        "trade_seq": number,
        "trade_id": str(number),
        "timestamp": timestamp,
        "tick_direction": 2,
        "price": 0.0046,
        "mark_price": 0.00461,
        "iv": 54.9,
        "instrument_name": name,
        "index_price": 60010.4,
        "direction": direction,
        "contracts": amount,
        "amount": amount,
    }


def rpc(result: object) -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
    )


def rpc_error(code: int, message: str) -> str:
    return json.dumps({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "testnet": False})


def rss(*items: tuple[str, str]) -> str:
    """An RSS 2.0 document of (title, pubDate)."""
    told = "".join(
        f"<item><title>{title}</title><link>https://news.example/1</link><pubDate>{date}</pubDate>"
        f"<guid>{number}</guid></item>"
        for number, (title, date) in enumerate(items)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
        ' xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>'
        f'<atom:link href="https://news.example/rss"/>{told}</channel></rss>'
    )
