"""Fetching a hole: what was had before a request failed is kept, and the reason is told."""

from __future__ import annotations

import pytest

from engine.config import FeedConfig
from engine.errors import FeedError
from engine.feeds import backfill as backfill_module
from engine.feeds.backfill import backfill
from engine.feeds.base import Request, UnreachableError
from engine.feeds.binance import Binance
from engine.feeds.continuity import Missing
from engine.feeds.rest import RefusedError


def page(first: int, last: int) -> bytes:
    rows = (
        f'{{"id":{i},"price":"1","qty":"2","time":{i},"isBuyerMaker":false}}' for i in range(first, last + 1)
    )
    return f"[{','.join(rows)}]".encode()


class Answers:
    """Stands for Rest: answers, or errors, in turn."""

    def __init__(self, *answers: bytes | FeedError) -> None:
        self.answers = list(answers)

    async def get(self, request: Request) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, FeedError):
            raise answer
        return answer


async def fetched(*answers: bytes | FeedError) -> tuple[set[int], str, int]:
    """Ids found, reason, and answers not asked for; the hole is 1..30."""
    missing = Missing("binance:A", 1, 30, 0, 0)
    rest = Answers(*answers)
    venue = Binance(FeedConfig(symbols=("A",)))
    reason = await backfill(venue, rest, missing, lambda: 9, lambda _: False)  # type: ignore[arg-type]
    return {trade.trade_id for trade in missing.found}, reason, len(rest.answers)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(backfill_module, "_LAGS_S", (0.0,) * 6)


async def test_all_pages_are_fetched() -> None:
    ids, _, left = await fetched(page(21, 40), page(1, 10), page(11, 20))
    assert ids == set(range(1, 41)) and left == 0


@pytest.mark.parametrize("last", [RefusedError("no key"), b"[", page(1, 10)])
async def test_what_was_had_before_the_end_is_kept(last: bytes | FeedError) -> None:
    ids, reason, left = await fetched(page(21, 40), page(1, 10), last)
    assert ids == set(range(1, 11)) | set(range(21, 41)) and left == 0 and reason


async def test_a_venue_that_is_away_is_asked_again_but_not_for_ever() -> None:
    away = UnreachableError("away")
    ids, _, left = await fetched(away, away, page(1, 30))
    assert ids == set(range(1, 31)) and left == 0
    ids, reason, left = await fetched(page(21, 40), away, away, away, page(1, 20))
    assert ids == set(range(21, 41)) and left == 1 and reason == "backfill failed: away"


async def recent(*answers: bytes | FeedError, upto: int) -> tuple[set[int], str, int]:
    """The same for what came since a cut; what comes now begins with trade ``upto``."""
    missing = Missing("binance:A", -1, -1, 0, 0)
    rest = Answers(*answers)
    venue = Binance(FeedConfig(symbols=("A",)))

    def joined(missing: Missing) -> bool:
        return any(one.trade_id == upto for one in missing.found)

    reason = await backfill(venue, rest, missing, lambda: 9, joined)  # type: ignore[arg-type]
    return {trade.trade_id for trade in missing.found}, reason, len(rest.answers)


async def test_what_came_since_a_cut_is_asked_for_until_it_meets_what_comes_now() -> None:
    ids, reason, left = await recent(page(1, 10), page(1, 12), page(4, 15), upto=15)
    assert (ids, reason, left) == (set(range(4, 16)), "", 0)
    ids, reason, left = await recent(*[page(1, 10)] * 9, upto=15)
    assert ids == set(range(1, 11)) and "does not reach" in reason and left == 3
    ids, reason, _ = await recent(page(1, 10), RefusedError("no key"), upto=15)
    assert ids == set(range(1, 11)) and reason == "backfill failed: no key"
