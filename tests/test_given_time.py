"""Times and spans as a person gives them."""

from __future__ import annotations

import pytest

from engine.errors import ConfigError
from engine.given_time import given_ns, given_span

DAY_NS = 86_400 * 10**9


def test_a_time_is_of_utc_unless_it_says_otherwise() -> None:
    assert given_ns("1970-01-02") == given_ns("1970-01-02T02:00+02:00") == DAY_NS
    assert given_ns(None) is None
    for text in ("yesterday", "", "0001-01-01", "9999-12-31"):
        with pytest.raises(ConfigError):
            given_ns(text)


def test_a_span_has_an_end_after_its_beginning() -> None:
    assert given_span(None, None) == (None, None)
    assert given_span("1970-01-02", None) == (DAY_NS, None)
    assert given_span("1970-01-02", "1970-01-03") == (DAY_NS, 2 * DAY_NS)
    with pytest.raises(ConfigError, match="--until must be after --since"):
        given_span("1970-01-03", "1970-01-03")
    with pytest.raises(ConfigError, match="--until must be after 1970"):
        given_span("1960-01-01", "1965-01-01")
