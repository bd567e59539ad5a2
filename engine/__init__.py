"""The live engine: feeds, features, signals, risk, paper execution, ledger. Knows no user interface."""
