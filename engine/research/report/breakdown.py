"""Trades by symbol, by strategy and by signal source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from engine.portfolio.round_trips import TripTotals
from engine.research.result import Trade


class Part(msgspec.Struct, frozen=True):
    """What one of them came to, in the account's currency."""

    name: str
    net: float
    trades: int
    hit_rate: float | None
    profit_factor: float | None
    holding_s: float | None
    """Mean of the trades."""


def by_symbol(trades: Sequence[Trade]) -> list[Part]:
    return _parts((trade.symbol, Decimal(trade.net), trade) for trade in trades)


def by_strategy(trades: Sequence[Trade]) -> list[Part]:
    """A trade of several counts once for each, with its own part of the P&L."""
    return _parts((name, Decimal(net), trade) for trade in trades for name, net in trade.strategies)


def by_source(trades: Sequence[Trade]) -> list[Part]:
    """Divided by contribution to the blend that opened them; where none did, as among the strategies."""
    return _parts((name, net, trade) for trade in trades for name, net in _credited(trade))


def _credited(trade: Trade) -> list[tuple[str, Decimal]]:
    if trade.sources:
        return [(name, Decimal(trade.net) * Decimal(repr(share))) for name, share in trade.sources]
    return [(name, Decimal(net)) for name, net in trade.strategies]


def by_purpose(trades: Sequence[Trade]) -> list[Part]:
    """By the order that ended them."""
    return _parts((trade.purpose or "-", Decimal(trade.net), trade) for trade in trades)


def _parts(shares: Iterable[tuple[str, Decimal, Trade]]) -> list[Part]:
    """Best first."""
    totals: dict[str, TripTotals] = {}
    for name, net, trade in shares:
        totals.setdefault(name, TripTotals()).count(net, trade.closed_ns - trade.opened_ns)
    found = [
        Part(
            name,
            float(one.profit - one.loss),
            one.trips,
            one.hit_rate,
            one.profit_factor,
            one.holding_ns / one.trips / 1e9 if one.trips else None,
        )
        for name, one in totals.items()
    ]
    return sorted(found, key=lambda part: (-part.net, part.name))
