"""Venue timestamps are exact to the nanosecond."""

from __future__ import annotations

import pytest

from engine.feeds.timestamps import decimal_seconds_ns, rfc3339_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2021-04-17T16:43:30.244075Z", 1_618_677_810_244_075_000),
        ("2026-08-12T19:28:43.952985558Z", 1_786_562_923_952_985_558),
        ("2021-04-17T18:43:30.5+02:00", 1_618_677_810_500_000_000),
        ("2021-04-17T11:43:30-05:00", 1_618_677_810_000_000_000),
    ],
)
def test_rfc3339(text: str, ns: int) -> None:
    assert rfc3339_ns(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2021",
        "2021-04-17T16:43:30",
        "2300-01-01T00:00:00Z",
        "2021-04-17T16:43:30.x5Z",
        "2021-13-17T16:43:30Z",
    ],
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rfc3339_ns(text)


def test_decimal_seconds() -> None:
    assert decimal_seconds_ns("1618678142.557535") == 1_618_678_142_557_535_000
    assert decimal_seconds_ns("1762795433.9717445") == 1_762_795_433_971_744_500
    assert decimal_seconds_ns("7") == 7_000_000_000
    with pytest.raises(ValueError, match="not a"):
        decimal_seconds_ns("1e9")
