from __future__ import annotations

from datetime import date, timedelta

import pytest

from engine.market_days import closed_days, closed_in_new_york

CLOSED_2021_TO_2023 = """
2021-01-01 2021-01-18 2021-02-15 2021-04-02 2021-05-31 2021-07-05 2021-09-06 2021-11-25 2021-12-24
2022-01-17 2022-02-21 2022-04-15 2022-05-30 2022-06-20 2022-07-04 2022-09-05 2022-11-24 2022-12-26
2023-01-02 2023-01-16 2023-02-20 2023-04-07 2023-05-29 2023-06-19 2023-07-04 2023-09-04 2023-11-23 2023-12-25
"""
"""As the exchange told them."""


def test_new_york_closes_on_its_holidays_and_on_no_other_weekday() -> None:
    days = [date(2021, 1, 1) + timedelta(n) for n in range(3 * 365)]
    found = [day.isoformat() for day in days if day.weekday() < 5 and closed_in_new_york(day)]
    assert found == CLOSED_2021_TO_2023.split()


@pytest.mark.parametrize(
    ("name", "thanksgiving", "christmas"),
    [
        ("AAPL", True, True),
        ("BRK.B", True, True),
        ("EUR/USD", False, True),
        ("000001.SZ", False, False),
        ("", False, False),
    ],
)
def test_each_market_has_days_of_its_own(name: str, thanksgiving: bool, christmas: bool) -> None:
    closed = closed_days(name)
    assert closed is not None
    assert (closed(date(2024, 11, 28)), closed(date(2024, 12, 25))) == (thanksgiving, christmas)


def test_coins_are_traded_on_every_day() -> None:
    assert closed_days("BTC/USD") is None and closed_days("ETH/BTC-PERP") is None
