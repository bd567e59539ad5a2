"""What a person types of a playback: places, steps and speeds, and what is refused in a line."""

from __future__ import annotations

import msgspec
import pytest

from console import playback_words
from engine.api.playback_protocol import PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.events import NS

START_NS = 1_700_000_000 * NS  # 2023-11-14 22:13:20 UTC
ROW = PlaybackRow("playing", 4.0, START_NS + 30 * NS, START_NS, START_NS + 120 * NS)


@pytest.mark.parametrize(
    ("text", "patch"),
    [
        ("22:14", PlaybackPatch(to_ns=START_NS + 40 * NS)),
        ("22:14:00.25", PlaybackPatch(to_ns=START_NS + 40 * NS + NS // 4)),
        ("2023-11-14 22:14:10", PlaybackPatch(to_ns=START_NS + 50 * NS)),
        ("+30s", PlaybackPatch(by_s=30.0)),
        ("-2m", PlaybackPatch(by_s=-120.0)),
        ("50%", PlaybackPatch(to_share=0.5)),
        ("start", PlaybackPatch(to_share=0.0)),
        ("end", PlaybackPatch(to_share=1.0)),
    ],
)
def test_places_on_a_tape(text: str, patch: PlaybackPatch) -> None:
    assert playback_words.where(text, ROW) == patch


def test_a_time_is_of_the_day_that_the_tape_has_it_on() -> None:
    row = msgspec.structs.replace(ROW, last_ns=START_NS + 4 * 3600 * NS)
    midnight = START_NS + (3600 + 46 * 60 + 40) * NS
    assert playback_words.where("00:30", row) == PlaybackPatch(to_ns=midnight + 1800 * NS)


@pytest.mark.parametrize(
    "text", ["", "25:00", "half", "101%", "+x", "2023-13-01 10:00", "1e400%", "-", "+nan"]
)
def test_what_is_no_place_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        playback_words.where(text, ROW)


def test_steps_and_speeds_as_typed() -> None:
    assert playback_words.step("") == PlaybackPatch(step="frame")
    assert playback_words.step("12") == PlaybackPatch(step="event", count=12)
    assert playback_words.step("10s") == PlaybackPatch(state="paused", by_s=10.0)
    assert [playback_words.speed(text) for text in ("4x", "max", "0.1")] == [4.0, 0.0, 0.1]
    for bad in ("0", "frames", "999999999999"):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            playback_words.step(bad)
    for bad in ("0", "1001", "-1", "fast"):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            playback_words.speed(bad)
