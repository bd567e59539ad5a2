"""Instruments as they travel on the bus."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.bus.keys import Keys
from engine.bus.messages import Listed
from engine.instruments import Instrument

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from engine.workers.rounds import Rounds

log = logging.getLogger("engine.market")


def listed_as(one: Instrument, price: float) -> Listed:
    """``price``: from which its grid is assumed where the venue told none."""
    grid = (one.tick_size, one.lot_size, one.min_notional, one.max_quantity)
    told = () if one.assumed else (*map(str, grid), one.quote_currency)
    return Listed(one.index, one.symbol, price, *told)


def grid_of(listed: Listed) -> tuple[Decimal, Decimal, Decimal, Decimal, str]:
    """Tick, lot, least notional, most quantity and quote currency, where they were told."""
    return (
        Decimal(listed.tick_size),
        Decimal(listed.lot_size),
        Decimal(listed.min_notional or "0"),
        Decimal(listed.max_quantity or "0"),
        listed.currency,
    )


async def list_forgotten(redis: Redis, keys: Keys, rounds: Rounds) -> None:
    """Of a server that was emptied under way, whoever takes a shard over learns no instrument: they are told
    again. Raises what the client does when the server is away."""
    known: int = await redis.hlen(keys.instruments)  # type: ignore[misc]
    if known < len(rounds.instruments) - len(rounds.unlisted):
        log.warning("the server has forgotten the instruments: they are told again")
        rounds.list_all()
