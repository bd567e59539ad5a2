"""Headlines of RSS 2.0, RSS 1.0 and Atom documents. What they hold is text of strangers, and treated as such.

Documents are read by a parser that refuses a DTD, so no entity can grow; they are limited in size, and of
each only the first headlines are taken. A headline is cleaned, stripped of tags, cut, scored and not kept.
"""

from __future__ import annotations

import asyncio
import email.utils
import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from engine.config import NewsConfig
from engine.errors import ConfigError
from engine.events import NS, ContextEvent, Sentiment
from engine.feeds.address import check_url, place
from engine.feeds.base import Request, UnreachableError
from engine.feeds.context.lexicon import Lexicon, require
from engine.feeds.context.source import AnswerError, each
from engine.feeds.rest import Rest
from engine.text import clean

VENUE = "news"
PER_S = 1.0
MAX_BODY = 2 << 20
MAX_HEADLINES = 100
"""Of one document, the first: documents begin with the newest."""
TEXT = 120
KEPT_IDS = 5000
_TAG = re.compile(r"<[^<>]{0,400}>")
_WORD = re.compile(r"[\w-]+")


class Headline(NamedTuple):
    text: str
    """Cleaned, at most 120 characters."""
    published_ns: int
    """0 when it does not say."""


def headlines(body: bytes) -> list[Headline]:
    """The document's headlines, in its order. Raises AnswerError for what is none, or not safe."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise AnswerError(f"refused: the document holds a {type(error).__name__}") from None
    except (ParseError, ValueError, LookupError) as error:
        raise AnswerError(f"no XML document: {clean(error, 80)}") from None
    if _local(root.tag) not in ("rss", "RDF", "feed"):
        raise AnswerError(f"neither RSS nor Atom, but <{clean(_local(root.tag), 30)}>")
    found = []
    for item in root.iter():
        if _local(item.tag) in ("item", "entry"):
            headline = _headline(item)
            if headline.text:
                found.append(headline)
            if len(found) == MAX_HEADLINES:
                break
    return found


def _headline(item: Any) -> Headline:
    told = {_local(child.tag): child.text or "" for child in reversed(item)}
    text = _TAG.sub(" ", html.unescape(told.get("title", "")[:2000]))
    date = told.get("pubDate") or told.get("published") or told.get("updated") or told.get("date") or ""
    return Headline(" ".join(clean(text, TEXT).split()), _time_ns(date.strip()[:60]))


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _time_ns(date: str) -> int:
    """RFC 822 or ISO 8601 to ns; 0 for anything else."""
    for read in (email.utils.parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(date)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return max(int(moment.timestamp()), 0) * NS
        except (ValueError, TypeError, OverflowError):
            continue
    return 0


def asset_words(names: tuple[str, ...]) -> dict[str, str]:
    """Word (lower case) -> asset, from lines such as ``"BTC bitcoin"``: the asset's own name is one of them.

    Raises ConfigError for an empty line.
    """
    words: dict[str, str] = {}
    for line in names:
        parts = line.split()
        if not parts:
            raise ConfigError("quant.news.names: an empty entry; write it as 'BTC bitcoin'")
        for word in parts:
            words[word.lower()] = parts[0].upper()
    return words


def about(text: str, words: Mapping[str, str]) -> tuple[str, ...]:
    """The assets that a headline names, in its order; ("",) when it names none: the whole market."""
    found = (words.get(word) for word in _WORD.findall(text.lower()))
    return tuple(dict.fromkeys(asset for asset in found if asset)) or ("",)


class News:
    """See ContextSource. Documents are parsed and scored on a thread of their own."""

    venue = VENUE

    def __init__(self, config: NewsConfig, clock: Callable[[], int]) -> None:
        """Raises ConfigError for an address that is none, and without the optional libraries."""
        require()
        if not config.feeds:
            raise ConfigError("quant.news.feeds: name at least one RSS or Atom address, or disable it")
        self._documents: dict[str, tuple[Rest, Request]] = {}
        for url in config.feeds:
            base, _, query = url.partition("?")
            check_url("quant.news.feeds", base, ("http", "https"))
            parts = urlsplit(base)
            rest = Rest(
                place(base), f"{parts.scheme}://{parts.netloc}", PER_S,
                timeout_s=config.timeout_s, max_body=MAX_BODY,
            )  # fmt: skip
            self._documents[url] = rest, Request(parts.path + (f"?{query}" if query else ""))
        hosts = list(dict.fromkeys(place(url) for url in config.feeds))
        self.host = hosts[0] if len(hosts) == 1 else f"{hosts[0]} and {len(hosts) - 1} more"
        self.interval_s = config.interval_s
        self.troubles: dict[str, str] = {}
        self._quiet_until_s: dict[str, float] = {}
        """Loop time before which an address must not be asked."""
        self._words = asset_words(config.names)
        self._clock = clock
        self._seen: dict[str, None] = {}
        """Headlines that were scored already."""
        self._lexicon: Lexicon | None = None

    async def poll(self) -> list[ContextEvent]:
        return await each(tuple(self._documents), self._poll, self.troubles)

    async def _poll(self, url: str) -> list[ContextEvent]:
        rest, request = self._documents[url]
        now_s = asyncio.get_running_loop().time()
        if now_s < self._quiet_until_s.get(url, 0.0):
            raise AnswerError("asked to be left alone")
        try:
            body = await rest.get(request)
        except UnreachableError as error:
            # The others are other hosts: they may well answer.
            self._quiet_until_s[url] = now_s + error.retry_after_s
            raise AnswerError(str(error)) from None
        return await asyncio.to_thread(self._read, body, self._clock())

    def _read(self, body: bytes, recv_ns: int) -> list[ContextEvent]:
        if self._lexicon is None:
            self._lexicon = Lexicon()
        events: list[ContextEvent] = []
        for headline in headlines(body):
            if headline.text in self._seen:
                continue
            self._seen[headline.text] = None
            score = self._lexicon.score(headline.text)
            published_ns = min(headline.published_ns or recv_ns, recv_ns)
            events += [
                Sentiment(VENUE, asset, score, headline.text, published_ns, recv_ns)
                for asset in about(headline.text, self._words)
            ]
        while len(self._seen) > KEPT_IDS:
            del self._seen[next(iter(self._seen))]
        return events

    async def close(self) -> None:
        for rest, _ in self._documents.values():
            await rest.close()
