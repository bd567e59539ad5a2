"""The report for programs."""

from __future__ import annotations

import msgspec

from engine.research.report.not_modelled import not_modelled
from engine.research.result import Backtest
from engine.research.summary import Summary


def as_json(backtest: Backtest, summary: Summary) -> str:
    """``summary``, ``backtest`` and ``not_modelled``; null is what is not known."""
    whole = {"summary": summary, "backtest": backtest, "not_modelled": not_modelled(backtest)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
