"""Figures: fixed forms, signs and arrows, unknowns."""

from __future__ import annotations

import math

import pytest

from engine.events import NS
from widgets import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (62_139.4713, "62,139.47"),
        (31_000.0, "31,000"),
        (-12.345678, "-12.3457"),
        (0.18750001, "0.1875"),
        (4.0, "4"),
        (0.0, "0"),
        (0.0000123456, "1.235e-05"),
    ],
)
def test_any_number_has_no_digit_that_says_nothing(value: float, text: str) -> None:
    assert figures.any_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.42, "▲+0.42%"), (-0.8, "▼-0.80%"), (0.0, "0.00%"), (-0.001, "0.00%"), (None, "–"), (math.nan, "–")],
)
def test_change_has_a_sign_and_an_arrow_or_neither(value: float | None, text: str) -> None:
    assert figures.change(value) == text


def test_decimal_text_keeps_every_digit() -> None:
    assert figures.amount("1234567.000000010") == "1,234,567.000000010"
    assert figures.amount("1E+3") == "1,000"
    assert figures.amount("") == "–"
    assert figures.amount("NaN") == "NaN"
    assert figures.money("-12.405", sign=True) == "-12.40"
    assert figures.money("100012.4") == "100,012.40"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "<1s"), (0.99, "<1s"), (1, "1s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (2e5, "2d")],
)
def test_age(seconds: float, text: str) -> None:
    assert figures.age(seconds * NS) == text


def test_what_lies_in_the_future_has_no_age() -> None:
    assert figures.age(-0.2 * NS) == "<1s", "two clocks never agree to the millisecond"
    assert figures.age(-5 * NS) == figures.age(None) == "–"


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (340.2, "340µs"),
        (999.7, "1.0ms"),
        (1_180.0, "1.2ms"),
        (999_960.0, "1.0s"),
        (2_100_000.0, "2.1s"),
        (None, "–"),
    ],
)
def test_latency(us: float | None, text: str) -> None:
    assert figures.micros(us) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (950, "950"),
        (9_999, "9,999"),
        (9_999.6, "10.0k"),
        (12_345, "12.3k"),
        (999_949, "999.9k"),
        (999_999, "1.0M"),
        (4_600_000, "4.6M"),
        (999_990_000, "1.0G"),
        (-0.3, "0"),
    ],
)
def test_counts(count: float, text: str) -> None:
    assert figures.compact(count) == text


def test_zero_has_no_minus() -> None:
    assert figures.signed(-0.001) == "+0.00"
    assert figures.number(-0.001) == "0.00"
    assert figures.money("-0.001") == "0.00"
    assert figures.money("-0.001", sign=True) == "+0.00"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("0.01234567", 10, "0.01234567"),
        ("-0.12345678", 10, "~-0.123457"),
        ("0.01234567/0.02345678", 15, "~0.0123/0.0235"),
        ("0/1234.50000001", 12, "~0/1,234.500"),
        ("1,234,567.12345678", 12, "~1,234,567.1"),
        ("0.00000001/0.02345678", 12, "0.00000001/0.02345678"),
        ("not a number at all", 5, "not a number at all"),
        ("92,683,911", 9, "~92.68M"),
        ("-14,283,990.25", 10, "~-14.28M"),
        ("0/123,456,789,012", 9, "~0/123.5G"),
        ("3/123,456,789,012", 10, "3/123,456,789,012"),
        (
            "-1,000,000,000,000,000,000,000,000,000,000,000",
            12,
            "-1,000,000,000,000,000,000,000,000,000,000,000",
        ),
    ],
)
def test_long_amounts_are_rounded_with_a_mark_and_never_to_zero(text: str, width: int, shown: str) -> None:
    assert figures.shortened(text, width) == shown


def test_spark_shows_the_newest_right_aligned() -> None:
    assert figures.spark((1.0, 2.0, 3.0), 5) == "  ▁▄▇"
    assert figures.spark((5.0, 1.0, 2.0, 3.0), 3) == "▁▄▇"
    assert figures.spark((2.0, 2.0), 3) == " ▄▄"
    assert figures.spark((math.nan,), 2) == "  "


def test_bar_is_as_wide_as_asked() -> None:
    assert figures.bar(0.5, 8) == "━━━━    "
    assert figures.bar(-0.5, 3, 1.0) == "━╸ "
    assert figures.bar(9.0, 4) == "━━━━"
    assert figures.bar(math.nan, 4) == "    "


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (-1_272.4, "-1,272.4"),
        (0.04, "+0.0"),
        (99_999.9, "+99,999.9"),
        (-130_000.0, "-2m"),
        (72_103_312_986.0, "+834d"),
    ],
)
def test_a_clocks_offset_fits_its_column_however_large(ms: float | None, text: str) -> None:
    assert figures.millis(ms, 1, sign=True) == text and len(text) <= 9


def test_clocks_apart_in_readable_units() -> None:
    assert [figures.apart(ms) for ms in (-1_272.4, 12_400, 3_600_000.0 * 5, -834.2 * 86_400_000)] == [
        "1,272 ms",
        "12 s",
        "5 h",
        "834 d",
    ]


@pytest.mark.parametrize("value", [0.0049, -0.0049, 0.0, -0.0, 0.006, -0.006, 12.0, math.nan, math.inf, None])
@pytest.mark.parametrize("decimals", [2, 3])
def test_no_colour_says_what_no_sign_says(value: float | None, decimals: int) -> None:
    style = figures.direction(value, decimals)
    for text in (figures.signed(value, decimals), figures.change(value, decimals)):
        told = "flat" if not text.strip("▲▼+-0.%–") else "down" if "-" in text else "up"
        assert told == style or text == figures.UNKNOWN, text
    assert figures.direction(1e-9, None) == "up"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("▲+12,345.67", 11, "▲+12,345.67"),
        ("▲+123,456.78", 11, "▲+123,457"),
        ("~▼-9,999,999.99", 11, "~▼-10000000"),
        ("▼-12,345,678.90", 11, "▼-12345679"),
        ("▲+98,765,432,109.00", 11, "▲+98765.43M"),
        ("▲+999,999,999,999.99", 9, "▲+1000.0G"),
        ("▼-1,234.56 EUR", 9, "▼-1,234.56 EUR"),
        ("–", 0, "–"),
    ],
)
def test_money_that_is_too_wide_is_rounded(text: str, width: int, shown: str) -> None:
    assert figures.rounded(text, width) == shown
