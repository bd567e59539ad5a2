"""The regimes a symbol's market moves through, and what each does to the fair value and the order flow.

Order flow leads: a regime sets the *pressure* (the order-flow imbalance, -1 to +1) at once, while the fair
value's drift follows the pressure with a lag. So the book and the tape tell a little of what comes.
"""

from __future__ import annotations

from enum import IntEnum
from random import Random

import msgspec

BP = 1e-4


class Regime(IntEnum):
    CALM = 0
    TREND_UP = 1
    TREND_DOWN = 2
    WILD_UP = 3
    WILD_DOWN = 4

    @property
    def wild(self) -> bool:
        return self >= Regime.WILD_UP

    @property
    def direction(self) -> int:
        return _DIRECTION[self]


_DIRECTION = {
    Regime.CALM: 0,
    Regime.TREND_UP: 1,
    Regime.TREND_DOWN: -1,
    Regime.WILD_UP: 1,
    Regime.WILD_DOWN: -1,
}


class Character(msgspec.Struct, frozen=True):
    """The numbers of a regime."""

    action_rate: float
    """Order arrivals, cancels and market orders, per second."""
    market_share: float
    """Part of the actions that are market orders."""
    volatility: float
    """Of the log fair value, per square root of a second."""
    drift: float
    """Of the log fair value, per second at full lagged pressure."""
    pressure: float
    """Size of the order-flow imbalance, 0 to 1."""
    order_scale: float
    """Market-order size against calm."""
    limit_scale: float
    """Limit-order size against calm."""
    mean_s: float
    """Mean length; exponential. 0: the length is the burst's."""


CHARACTERS: dict[Regime, Character] = {
    Regime.CALM: Character(
        action_rate=30.0,
        market_share=0.2,
        volatility=0.6 * BP,
        drift=0.5 * BP,
        pressure=0.0,
        order_scale=1.0,
        limit_scale=1.0,
        mean_s=45.0,
    ),
    Regime.TREND_UP: (
        trend := Character(
            action_rate=40.0,
            market_share=0.25,
            volatility=0.8 * BP,
            drift=3.0 * BP,
            pressure=0.6,
            order_scale=1.3,
            limit_scale=1.0,
            mean_s=25.0,
        )
    ),
    Regime.TREND_DOWN: trend,
    Regime.WILD_UP: (
        wild := Character(
            action_rate=90.0,
            market_share=0.4,
            volatility=3.0 * BP,
            drift=0.0,
            pressure=0.9,
            order_scale=5.0,
            limit_scale=2.5,
            mean_s=0.0,
        )
    ),
    Regime.WILD_DOWN: wild,
}

_AFTER_CALM = ((Regime.TREND_UP, 0.4), (Regime.TREND_DOWN, 0.4), (Regime.CALM, 0.2))
_AFTER_TREND = ((Regime.CALM, 0.8), (Regime.TREND_UP, 0.1), (Regime.TREND_DOWN, 0.1))
_AFTER_WILD = ((Regime.CALM, 0.6), (Regime.TREND_UP, 0.2), (Regime.TREND_DOWN, 0.2))


def successor(regime: Regime, random: Random) -> Regime:
    """The Markov chain's next regime. Wild is entered by the burst schedule alone."""
    row = _AFTER_CALM if regime is Regime.CALM else _AFTER_WILD if regime.wild else _AFTER_TREND
    draw = random.random()
    for after, probability in row:
        draw -= probability
        if draw < 0:
            return after
    return row[0][0]


class Burst(msgspec.Struct, frozen=True):
    """One wild move of the fair value."""

    direction: int
    move: float
    """Of the log fair value, positive."""
    build_up_s: float
    """Order flow alone, before the fair value moves."""
    ramp_s: float
    """The move itself."""

    @property
    def length_s(self) -> float:
        return self.build_up_s + self.ramp_s


def draw_burst(random: Random, *, deviation: float, upward: bool) -> Burst:
    """A move of 3 % to 4.5 % that is over within 4.5 s.

    ``deviation`` is the fair value's log distance from its anchor: the farther it is, the likelier the burst
    leads back, so that prices stay sane for days. ``upward`` forces the direction.
    """
    up = random.random() < 0.5 - 4.0 * deviation or upward
    return Burst(
        direction=1 if up else -1,
        move=random.uniform(0.030, 0.045),
        build_up_s=random.uniform(0.3, 0.5),
        ramp_s=random.uniform(2.2, 4.0),
    )
