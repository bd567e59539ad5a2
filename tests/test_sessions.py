from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.sessions import Sessions


def open_at(texts: list[str], when: str) -> bool:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    return Sessions(texts).is_open(int(moment.timestamp()) * 1_000_000_000)


@pytest.mark.parametrize(
    ("texts", "when", "expected"),
    [
        ([], "2024-08-10T03:00", True),
        (["mon-fri 13:30-20:00"], "2024-08-09T13:30", True),  # a Friday
        (["mon-fri 13:30-20:00"], "2024-08-09T13:29:59", False),
        (["mon-fri 13:30-20:00"], "2024-08-09T19:59:59", True),
        (["mon-fri 13:30-20:00"], "2024-08-09T20:00", False),
        (["mon-fri 13:30-20:00"], "2024-08-10T15:00", False),
        (["mon-fri 13:30-20:00", "sat 14:00-16:00"], "2024-08-10T15:00", True),
        (["sun 22:00-05:00"], "2024-08-12T04:59", True),  # past midnight, past the week's end
        (["sun 22:00-05:00"], "2024-08-12T05:00", False),
        (["fri-mon 00:00-24:00"], "2024-08-11T12:00", True),
        (["fri-mon 00:00-24:00"], "2024-08-13T12:00", False),
        ([" Mon-Fri 13:30-20:00 "], "2024-08-09T15:00", True),
    ],
)
def test_hours_of_the_week(texts: list[str], when: str, expected: bool) -> None:
    assert open_at(texts, when) is expected


@pytest.mark.parametrize(
    "text", ["", "mon", "mon 9:00-10:00", "mom-fri 09:00-10:00", "mon 24:00-10:00", "mon 09:60-10:00",
             "mon 09:00-25:00", "mon 09:00-24:01", "mon-fri 09:00-10:00 UTC"],
)  # fmt: skip
def test_what_is_no_session_is_refused_when_the_configuration_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"session|days|hours"):
        Sessions([text])
    with pytest.raises(ConfigError) as caught:
        load(overrides=[f'opportunities.sessions=["{text}"]'], environ={})
    assert "opportunities.sessions" in str(caught.value) and "\n" not in str(caught.value)
