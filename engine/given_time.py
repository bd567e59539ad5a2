"""Times as a person gives them."""

from __future__ import annotations

from datetime import UTC, datetime

from engine.errors import ConfigError
from engine.text import clean

_FARTHEST_DAYS = 106_000
"""From 1970, in 63 bits of nanoseconds."""


def given_ns(text: str | None) -> int | None:
    """ISO 8601, UTC unless it says otherwise; in ns. Raises ConfigError."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{clean(text, 40)!r} is no time: write it as in 2025-01-31 or 2025-01-31T13:30"
        ) from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    if not -_FARTHEST_DAYS < since.days < _FARTHEST_DAYS:
        raise ConfigError(f"{clean(text, 40)} is beyond what nanoseconds can say: leave it out")
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def given_span(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """``--since`` and ``--until``, which is exclusive and after 1970: in ns, or None. Raises ConfigError."""
    since_ns, until_ns = given_ns(since), given_ns(until)
    begins_ns = max(0, since_ns or 0)
    if until_ns is not None and until_ns <= begins_ns:
        raise ConfigError("--until must be after " + ("--since" if begins_ns else "1970"))
    return since_ns, until_ns
