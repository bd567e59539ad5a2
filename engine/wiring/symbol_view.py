"""What is asked for one thing at a time: a strategy with its settings, a symbol with all that is live."""

from __future__ import annotations

import msgspec

from engine.api.protocol import ParamRow, StrategyDetail, SymbolSignals
from engine.events import Blend, Family
from engine.opportunities.explain import basis
from engine.strategies.settings import StrategyInfo
from engine.wiring.desk import Desk


def strategy_detail(info: StrategyInfo, used_pct: float) -> StrategyDetail:
    """``used_pct``: what its positions are worth now, percent of equity."""
    return StrategyDetail(
        name=info.name,
        description=info.description,
        enabled=info.enabled,
        weight=info.weight,
        symbols=info.symbols,
        budget_pct=info.budget_pct,
        used_pct=round(used_pct, 4),
        params=tuple(ParamRow(*msgspec.structs.astuple(param)) for param in info.params),
        origin=info.origin,
        signals=info.signals,
        last_ns=info.last_ns,
        error=info.error,
    )


def symbol_signals(desk: Desk, symbol: str, now_ns: int) -> SymbolSignals | None:
    """Every live input of the symbol's blend at ``now_ns``; None when the desk does not have the symbol."""
    instrument = desk.instruments.get(symbol)
    if instrument is None:
        return None
    row = desk.features.row(instrument.index)
    blend = desk.signals.symbol_signals(symbol, now_ns)
    inputs = () if blend is None else blend.inputs
    return SymbolSignals(
        symbol=symbol,
        ns=now_ns,
        score=None if blend is None else blend.score,
        confidence=0.0 if blend is None else blend.confidence,
        agreement=0.0 if blend is None else blend.agreement,
        inputs=tuple(msgspec.structs.replace(part, reason=basis(part, row)) for part in inputs),
        absent=tuple(family.value for family in (tuple(Family) if blend is None else blend.absent)),
        blocked=desk.trading.blocked(symbol),
        features=row,
        notes=_notes(blend),
    )


def _notes(blend: Blend | None) -> tuple[str, ...]:
    """Why it is no opportunity by itself; what is absent stands in ``absent``."""
    if blend is None:
        return ("nothing is live: no strategy spoke, no module has data",)
    if Family.TECHNICAL in blend.absent:
        return ("no strategy speaks: quant scores alone start no trade",)
    return ()
