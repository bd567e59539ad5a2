"""Strategies, signals and automations of the made-up desk, beyond what its frames show."""

from __future__ import annotations

from engine.api.protocol import (
    AutomationRow,
    JobRow,
    ParamRow,
    SignalStatistics,
    StrategyDetail,
    SymbolSignals,
)
from engine.events import NS
from tests.console import sample_desk as sample
from tests.console import sample_explanation


def strategy_details() -> tuple[StrategyDetail, ...]:
    return (
        StrategyDetail(
            name="trend",
            description="EMA and MACD agree on a direction",
            enabled=True,
            weight=1.0,
            symbols=(),
            budget_pct=0.0,
            used_pct=0.0,
            params=(
                ParamRow("ttl_s", "number", 10.0, 10.0, "> 0, at most 86,400", "how long a signal counts"),
                ParamRow("min_bars", "integer", 30, 26, "2 to 200", "bars before the first signal"),
            ),
            origin="",
            signals=418,
            last_ns=sample.NOW_NS - 4 * NS,
            error="",
        ),
        StrategyDetail(
            name="my_own",
            description="buys on Mondays",
            enabled=False,
            weight=2.5,
            symbols=("kraken:BTC/USD",),
            budget_pct=15.0,
            used_pct=4.25,
            params=(
                ParamRow("loud", "flag", True, False, "", ""),
                ParamRow("day", "text", "monday", "monday", "", "the day it buys on"),
            ),
            origin="strategies/my_own.py",
            signals=0,
            last_ns=0,
            error="ZeroDivisionError: division by zero",
        ),
    )


def symbol_signals(symbol: str) -> SymbolSignals:
    blend = sample_explanation.explanation().blend
    assert blend is not None
    return SymbolSignals(
        symbol=symbol,
        ns=sample.NOW_NS,
        score=0.48,
        confidence=0.66,
        agreement=0.98,
        inputs=blend.inputs,
        absent=tuple(family.value for family in blend.absent),
        blocked="",
        features=sample_explanation.features(),
        notes=("absent: options (10 %)",),
    )


def automations() -> tuple[AutomationRow, ...]:
    return (
        AutomationRow(
            name="tell me",
            active=True,
            trigger="signal rapid_rise on all symbols",
            steps="notify, call webhook",
            matched=12,
            started=11,
            succeeded=10,
            failed=1,
            running=0,
            last_ns=sample.NOW_NS - 9 * NS,
            error="call webhook: refused",
        ),
        AutomationRow("hourly", False, "every 3600 s", "run strategy trend", 0, 0, 0, 0, 0, 0, ""),
    )


def job() -> JobRow:
    return JobRow("0" * 24, "one", "trend", "x:A", "running", "jobs@here", 1, "1/2 call webhook", 5)


def signal_statistics() -> tuple[SignalStatistics, ...]:
    return (
        SignalStatistics("rapid_rise", 40, 12, 11, 10, 1, 1, 210.0, 880.0),
        SignalStatistics("trend", 418, 0, 0, 0, 0, 0, None, None),
    )
