"""Work: what of a run is done outside of the desk, as it travels to whoever does it, and back.

Steps that act on the desk (orders, strategies, halts, alerts) are no work: whoever does work reaches the end
of what it was given and hands the run back; the desk, and its risk gate, does the next step itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from engine.automation.definition import MAX_STEPS
from engine.automation.parts import Level, Text, Webhook
from engine.errors import AutomationError
from engine.text import clean

MAX_BYTES = 128 * 1024
"""Of work or news on the wire: larger ones are refused unread."""
MAX_ERROR = 200
NOTIFY_S = 30.0
"""Longest that a notification takes."""
MAX_PAUSE_S = 30.0
"""Between two attempts of a call."""

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{24}$")]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Place = Annotated[int, Meta(ge=0, lt=MAX_STEPS)]
_Count = Annotated[int, Meta(ge=0, le=MAX_STEPS)]
_T = TypeVar("_T")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    pass


class Tell(_Part, frozen=True, tag="tell"):
    """A notification with its text filled in. An address ``env:NAME`` is read where the work is done."""

    urls: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=10)]
    title: Annotated[str, Meta(max_length=200)]
    text: Annotated[str, Meta(max_length=1000)]
    level: Level

    def __str__(self) -> str:
        return "notify"


class Call(_Part, frozen=True, tag="call"):
    """A webhook with its body (JSON). What it names ``env:NAME`` is read where the work is done."""

    step: Webhook
    body: Annotated[str, Meta(max_length=16 * 1024)]

    def __str__(self) -> str:
        return "call webhook"


Outside = Tell | Call


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Steps of one run that follow each other outside of the desk. Those that come after are the desk's."""

    run_id: _Id
    automation: _Name
    first: _Place
    """The first one's place among the run's steps."""
    steps: Annotated[tuple[Outside, ...], Meta(min_length=1, max_length=MAX_STEPS)]
    last: bool
    """No step of the run comes after them."""
    engine: _Id
    """Who hears of it."""

    @property
    def id(self) -> str:
        """The same run and place give the same id: work with this id is done once."""
        return f"{self.run_id}-{self.first}"


class Begun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="begun"):
    """Somebody does it now."""

    run_id: _Id
    first: _Place
    worker: _Name
    attempt: Annotated[int, Meta(ge=1, le=1000)]


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="outcome", kw_only=True):
    """How far it came. Without an error the run is handed back: its next step is ``first + done``."""

    run_id: _Id
    first: _Place
    done: _Count
    texts: Annotated[tuple[str, ...], Meta(max_length=MAX_STEPS)] = ()
    """What came of each step that is done."""
    error: str = ""
    """Why the step after those that are done failed."""
    worker: _Name
    attempt: Annotated[int, Meta(ge=0, le=1000)] = 1
    last: bool
    """As the work's."""

    @property
    def id(self) -> str:
        return f"{self.run_id}-{self.first}"


News = Begun | Outcome

_work = msgspec.json.Decoder(Work)
_news: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)
encode: Callable[[Work | News], bytes] = msgspec.json.Encoder().encode


def decode_work(raw: str | bytes) -> Work:
    """Raises AutomationError for what is no work."""
    return _decoded(_work, raw, "work")


def decode_news(raw: str | bytes) -> News:
    """Raises AutomationError for what is no news; texts come cleaned."""
    news = _decoded(_news, raw, "news")
    if isinstance(news, Begun):
        return msgspec.structs.replace(news, worker=clean(news.worker, 80))
    return msgspec.structs.replace(
        news,
        worker=clean(news.worker, 80),
        texts=tuple(clean(text, MAX_ERROR) for text in news.texts),
        error=clean(news.error, MAX_ERROR),
    )


def _decoded(decoder: msgspec.json.Decoder[_T], raw: str | bytes, what: str) -> _T:
    if len(raw) > MAX_BYTES:
        raise AutomationError(f"{what} is longer than {MAX_BYTES // 1024} KiB")
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise AutomationError(f"this is no {what}: {clean(error, 120)}") from None


def longest_s(step: Outside) -> float:
    """Seconds that a step takes at most, with all its attempts and the pauses between them."""
    if isinstance(step, Tell):
        return NOTIFY_S
    return (step.step.retries + 1) * step.step.timeout_s + step.step.retries * MAX_PAUSE_S


def fitting(steps: Sequence[Outside], limit_s: float) -> tuple[Outside, ...]:
    """As many of the first steps as surely end within ``limit_s``; one at least."""
    total = 0.0
    for count, step in enumerate(steps):
        total += longest_s(step)
        if total > limit_s and count:
            return tuple(steps[:count])
    return tuple(steps)


def pause_s(attempt: int, first_s: float = 0.1, most_s: float = 5.0) -> float:
    """Seconds before attempt ``attempt`` + 1 (from 1): doubling."""
    return min(first_s * 2.0 ** min(attempt - 1, 30), most_s)
