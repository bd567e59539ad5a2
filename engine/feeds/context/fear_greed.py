"""The fear-and-greed index of alternative.me: one number a day for the whole crypto market.

GET /fng/?limit=1 gives ``{"name", "data": [{"value": "47", "value_classification": "Neutral", "timestamp":
"1777248000", "time_until_update": "..."}], "metadata": {"error": null}}``; value 0 (extreme fear) to 100
(extreme greed), timestamp in seconds, all of it as text. An error stands in metadata, also with HTTP 200.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.config import FearGreedConfig
from engine.events import NS, ContextEvent, Sentiment
from engine.feeds.address import check_url, place
from engine.feeds.base import Request
from engine.feeds.context.source import AnswerError
from engine.feeds.rest import Rest
from engine.text import clean

VENUE = "fear-greed"
REST_URL = "https://api.alternative.me"
PER_S = 1.0
"""The site allows 60 requests a minute."""
_MAX_BODY = 1 << 20


class _Reading(msgspec.Struct, frozen=True):
    value: float
    timestamp: int
    value_classification: str = ""


class _Metadata(msgspec.Struct, frozen=True):
    error: str | None = None


class _Reply(msgspec.Struct, frozen=True):
    data: list[_Reading] | None = None
    metadata: _Metadata = _Metadata()


_REPLY = msgspec.json.Decoder(_Reply, strict=False)


def reading(body: bytes, recv_ns: int) -> Sentiment:
    """The newest reading. Raises AnswerError for an error, no reading, or one outside of 0 to 100."""
    reply = _REPLY.decode(body)
    if reply.metadata.error:
        raise AnswerError(f"error: {clean(reply.metadata.error, 100)}")
    if not reply.data:
        raise AnswerError("an answer without a reading")
    newest = max(reply.data, key=lambda one: one.timestamp)
    if not 0.0 <= newest.value <= 100.0:
        raise AnswerError(f"an index of {newest.value:g}, which is not within 0 to 100")
    if not 0 <= newest.timestamp <= recv_ns // NS + 86_400:
        raise AnswerError("a reading from the future")
    words = clean(newest.value_classification, 40)
    return Sentiment(VENUE, "", (newest.value - 50.0) / 50.0, words, newest.timestamp * NS, recv_ns)


class FearGreed:
    """See ContextSource."""

    venue = VENUE

    def __init__(self, config: FearGreedConfig, clock: Callable[[], int]) -> None:
        """Raises ConfigError for an address that is none."""
        base = config.url or REST_URL
        check_url("quant.fear_greed.url", base, ("http", "https"))
        self.host = place(base)
        self.interval_s = config.interval_s
        self.troubles: dict[str, str] = {}
        self._clock = clock
        self._rest = Rest(VENUE, base, PER_S, timeout_s=config.timeout_s, max_body=_MAX_BODY)

    async def poll(self) -> list[ContextEvent]:
        body = await self._rest.get(Request("/fng/", (("limit", "1"),)))
        return [reading(body, self._clock())]

    async def close(self) -> None:
        await self._rest.close()
