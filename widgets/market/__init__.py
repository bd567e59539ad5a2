"""One symbol's market: its book, its trades, its chart."""
