"""Sentiment: the crowd's mood, read against it, and the news, read with it.

Fear and greed, with g = index mapped to [-1, 1]: score = -g^3, confidence = 0.5 |g| x freshness. Contrarian:
the index follows prices, so its middle says what they already said, and its ends are where moves have turned;
the cube keeps the middle quiet. Freshness falls linearly to 0 at 48 h, two of its daily updates.

News: score = mean of the headlines' lexicon scores, weighted by 2^(-age / 2 h); confidence = n / (n + 5) for
n decayed headlines. Headlines in which the lexicon finds nothing are left out: they are no opinion, not a
neutral one. Older than 12 h they are forgotten. An underlying's news are its own and the whole market's,
which count half; its own index, where there is one, replaces the market's, which is of coins and says nothing
of currencies and metals.

Both together: mean weighted by 0.4 (index) and 0.6 (news) times confidence; confidence = the sum of those
weights. Absent without either.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

from engine.events import NS, ContextEvent, Family, Sentiment
from engine.quant.opinion import Opinion
from engine.spelling.name import FIAT

FEAR_GREED, NEWS = "fear-greed", "news"
INDEX_WEIGHT, NEWS_WEIGHT = 0.4, 0.6
INDEX_CONFIDENCE = 0.5
INDEX_LIFE_NS = 48 * 3600 * NS
HALF_LIFE_NS = 2 * 3600 * NS
NEWS_LIFE_NS = 12 * 3600 * NS
HALF_HEADLINES = 5.0
"""So many fresh headlines give half the confidence."""
MARKET_NEWS = 0.5
"""What a headline about the whole market counts for one underlying."""
MAX_HEADLINES = 2000


class SentimentModule:
    name = "sentiment"
    family = Family.SENTIMENT
    ttl_ns = 3600 * NS

    def __init__(self) -> None:
        self._index: dict[str, Sentiment] = {}
        self._news: dict[tuple[str, bytes], tuple[int, float]] = {}
        """(underlying, hash of the headline) -> (event_ns, score): the same headline counts once."""

    def on_event(self, event: ContextEvent) -> bool:
        if not isinstance(event, Sentiment) or not -1.0 <= event.value <= 1.0:
            return False
        if event.source == FEAR_GREED:
            known = self._index.get(event.underlying)
            if known is None or event.event_ns >= known.event_ns:
                self._index[event.underlying] = event
            return True
        if event.source == NEWS and event.value != 0.0:
            return self._read(event)
        return False

    def _read(self, event: Sentiment) -> bool:
        digest = hashlib.blake2b(event.text.casefold().encode(), digest_size=8).digest()
        known = event.underlying, digest
        if known in self._news or event.recv_ns - event.event_ns > NEWS_LIFE_NS:
            return False
        # A headline from the future would never grow old.
        self._news[known] = min(event.event_ns, event.recv_ns), event.value
        if len(self._news) > MAX_HEADLINES:
            oldest = min(self._news, key=lambda key: self._news[key][0])
            del self._news[oldest]
        return True

    def opinion(self, underlying: str, now_ns: int) -> Opinion | None:
        both = self._of_index(underlying, now_ns), self._of_news(underlying, now_ns)
        parts = [part for part in both if part is not None]
        confidence = sum(weight for weight, _, _ in parts)
        if not confidence > 0.0:
            return None
        score = sum(weight * score for weight, score, _ in parts) / confidence
        return Opinion(score, min(confidence, 1.0), ", ".join(told for _, _, told in parts))

    def _of_index(self, underlying: str, now_ns: int) -> tuple[float, float, str] | None:
        """(weight, score, what it rests on)."""
        event = self._index.get(underlying)
        if event is None and underlying not in FIAT:
            event = self._index.get("")
        if event is None:
            return None
        fresh = 1.0 - max(now_ns - event.event_ns, 0) / INDEX_LIFE_NS
        weight = INDEX_WEIGHT * INDEX_CONFIDENCE * abs(event.value) * max(fresh, 0.0)
        told = f"fear and greed {50 + 50 * event.value:.0f} of 100 ({event.text}), read against the crowd"
        return (weight, -(event.value**3), told) if weight > 0.0 else None

    def _of_news(self, underlying: str, now_ns: int) -> tuple[float, float, str] | None:
        total = count = 0.0
        heard = 0
        for decay, score in self._live(underlying, now_ns):
            total += decay * score
            count += decay
            heard += 1
        if not count > 0.0:
            return None
        weight = NEWS_WEIGHT * count / (count + HALF_HEADLINES)
        return weight, total / count, f"news {total / count:+.2f} of {heard} headlines"

    def _live(self, underlying: str, now_ns: int) -> Iterator[tuple[float, float]]:
        """(decayed weight, score) of the headlines that concern an underlying."""
        for (about, _), (event_ns, score) in self._news.items():
            age_ns = max(now_ns - event_ns, 0)
            if about in ("", underlying) and age_ns <= NEWS_LIFE_NS:
                share = 1.0 if about else MARKET_NEWS
                yield share * math.exp2(-age_ns / HALF_LIFE_NS), score
