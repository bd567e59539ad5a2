"""Alpaca's paper-trading API as a gateway: REST for orders, ``trade_updates`` for what becomes of them."""
