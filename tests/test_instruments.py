"""Currencies of an instrument by its venue's spelling."""

from __future__ import annotations

import pytest

from engine.instruments import base_currency


@pytest.mark.parametrize(
    ("native", "base"),
    [
        ("BTCUSDT", "BTC"),
        ("ETHBTC", "ETH"),
        ("BTC-USD", "BTC"),
        ("BTC/USD", "BTC"),
        ("XBT/USD", "BTC"),
        ("XBTUSDT", "BTC"),
        ("XDG/USD", "DOGE"),
        ("sol-usd", "SOL"),
        ("USDCUSDT", "USDC"),
        ("AVAX_USDC", "AVAX"),
        ("USDT", ""),
        ("AAPL", ""),
        ("", ""),
    ],
)
def test_one_asset_has_one_name_on_every_venue(native: str, base: str) -> None:
    assert base_currency(native) == base
