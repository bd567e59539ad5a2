"""The report of a backtest, for people and for programs."""
