"""Was everything told, once, in order, and true?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from engine.events import BookStatus, Depth, FeedState, FeedStatus, Gap, MarketEvent, Trade
from tests.chaos.feeds.server import FaultServer
from tests.chaos.feeds.truth import NS, Market, price_text, size_text

Told = Sequence[tuple[int, MarketEvent]]
"""(when, what) the sink was given."""
_LATE_NS = 2 * NS
"""A book that is said to be live is not older than this: as long as a swapped message or a batch is held."""
_UNNOTICED_NS = 5 * NS
"""A silent connection is found out by then."""
_UNDERWAY_S = 0.1
"""Requests that were on their way when another one was refused."""


def trades(venue: str, market: Market, told: Told) -> Iterator[str]:
    """Each trade from the first told on, once and in order, or in a Gap in its place."""
    symbol = f"{venue}:{market.native}"
    truth = {one.id: one for one in market.trades}
    last_id = -1
    for _, event in told:
        if isinstance(event, Gap) and event.symbol == symbol:
            if event.first_id < 0:
                yield f"{symbol}: a gap without ids: {event.reason}"
            elif last_id >= 0 and event.first_id != last_id + 1:
                yield f"{symbol}: a gap from {event.first_id} after {last_id}"
            last_id = event.last_id
            lost = [one for one in range(event.first_id, event.last_id + 1) if one not in truth]
            if lost:
                yield f"{symbol}: a gap of trades that never were: {lost[:5]}"
        elif isinstance(event, Trade) and event.symbol == symbol:
            if last_id >= 0 and event.trade_id != last_id + 1:
                yield f"{symbol}: trade {event.trade_id} after {last_id}"
            last_id = event.trade_id
            true = truth.get(event.trade_id)
            if true is None:
                yield f"{symbol}: trade {event.trade_id} never was"
                continue
            said = event.price, event.size, event.aggressor > 0, event.event_ns // 1_000_000
            was = (
                float(price_text(true.ticks)),
                float(size_text(true.lots)),
                true.bought,
                true.ns // 1_000_000,
            )
            if said != was:
                yield f"{symbol}: trade {event.trade_id} is told as {said}, and was {was}"
    if last_id != market.trades[-1].id:
        yield f"{symbol}: the last told is {last_id}, the last was {market.trades[-1].id}"


def apart(venue: str, market: Market, told: Told) -> Iterator[str]:
    """The same where ids only tell trades apart: what is lost lies where a Gap says so."""
    symbol = f"{venue}:{market.native}"
    position = {one.id: at for at, one in enumerate(market.trades)}
    seen: dict[int, int] = {}
    gaps = []
    for at, (_, event) in enumerate(told):
        if isinstance(event, Gap) and event.symbol == symbol:
            gaps.append(at)
        elif isinstance(event, Trade) and event.symbol == symbol:
            if event.trade_id in seen:
                yield f"{symbol}: trade {event.trade_id} is told twice"
            if event.trade_id not in position:
                yield f"{symbol}: trade {event.trade_id} never was"
                continue
            seen[event.trade_id] = at
    if not seen:
        yield f"{symbol}: no trade was told"
        return
    order = sorted((position[one], at) for one, at in seen.items())
    for (before, said), (after, later) in pairwise(order):
        if after != before + 1 and not any(min(said, later) < at < max(said, later) for at in gaps):
            yield f"{symbol}: {after - before - 1} trades after {market.trades[before].id} are lost"
    if order[-1][0] != len(market.trades) - 1:
        yield f"{symbol}: the last trades are not told"


def books(venue: str, market: Market, told: Told) -> Iterator[str]:
    """What is published of a book was true a moment ago, and nothing is while it is said to be wrong. What
    is not true any more is not left to stand, on a feed that is said to be up."""
    symbol = f"{venue}:{market.native}"
    live = up = True
    seen, why = 0, ""
    stands_ns = 1 << 62
    for now_ns, event in told:
        if live and up and now_ns > stands_ns + _UNNOTICED_NS:
            yield f"{symbol}: a book was left to stand {(now_ns - stands_ns) / NS:.1f} s after it was true"
            stands_ns = 1 << 62
        if isinstance(event, FeedStatus):
            up = event.state is FeedState.UP
            stands_ns = max(stands_ns, now_ns)
        elif isinstance(event, BookStatus) and event.symbol == symbol:
            if event.live is live and event.reason == why:
                yield f"{symbol}: said twice that its book is {'live' if live else f'wrong: {why}'}"
            why = event.reason
            live, stands_ns = event.live, 1 << 62
        elif isinstance(event, Depth) and event.symbol == symbol:
            seen += 1
            if not live:
                yield f"{symbol}: levels of a book that is said to be wrong"
            until_ns = market.tops.get((event.bids, event.asks))
            stands_ns = until_ns or 1 << 62
            if until_ns is None:
                yield f"{symbol}: a book that never was, at {now_ns / NS:.3f}: {event.bids[:2]}"
            elif until_ns < now_ns - _LATE_NS:
                yield f"{symbol}: a book that was true until {(now_ns - until_ns) / NS:.3f} s ago"
    if not live or not seen:
        yield f"{symbol}: its book is not live at the end"


def manners(server: FaultServer, gap_s: float, most: int, window_s: float) -> Iterator[str]:
    """Connects keep their distance and their number, and nobody comes back before it may."""
    for before, after in pairwise(server.handshakes):
        if after - before < gap_s - 0.01:
            yield f"connects {after - before:.3f} s apart, {gap_s} s are wanted"
    for at, start_s in enumerate(server.handshakes):
        within = sum(one - start_s < window_s for one in server.handshakes[at:])
        if within > most:
            yield f"{within} connects within {window_s:g} s"
    for what, refused, came in (
        ("socket", server.refused, server.handshakes),
        ("REST", server.rest_refused, server.requests),
    ):
        for at_s, back_s in refused:
            early = [one for one in came if at_s + _UNDERWAY_S < one < back_s - 0.01]
            if early:
                yield f"{what} asked {early[0] - at_s:.2f} s after a refusal for {back_s - at_s:.2f} s"
