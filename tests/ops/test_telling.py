"""What is told beyond the desk: not again and again, and not at night what can wait."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.ops.telling import HELD, Message, Telling

NS = 1_000_000_000
NOON = 1_700_049_600 * NS
"""Wednesday 2023-11-15, 12:00 UTC."""
NIGHT = NOON + 11 * 3600 * NS
MORE = " (and 1 more)"
"""Of what has two lines."""
NIGHTS = ("mon-sun 22:00-06:00",)


def message(n: int, level: str = "info", *, critical: bool = False) -> Message:
    return Message(f"title {n}", f"text {n}\nmore", level, critical)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 30)), st.integers(0, 60))
def test_nothing_that_was_left_out_is_not_counted(pauses: list[int], window_s: int) -> None:
    telling, now_s, told, count = Telling(window_s), 0.0, list[float](), 0
    for pause in pauses:
        now_s += pause
        text = telling.again("a", "text", now_s)
        if text is not None:
            assert not told or now_s - told[-1] >= window_s
            told.append(now_s)
            count += int(text.split("(")[1].split()[0]) if "(" in text else 1
    left = telling.again("a", "text", now_s + window_s)
    assert left is not None
    count += int(left.split("(")[1].split()[0]) if "(" in left else 1
    assert count == len(pauses) + 1


def test_without_quiet_hours_everything_goes_at_once() -> None:
    telling = Telling(60)
    assert telling.sent_now(message(1), NIGHT) and telling.due(NIGHT) == []


def test_at_night_what_can_wait_is_held_and_told_as_one() -> None:
    telling = Telling(60, NIGHTS)
    assert telling.sent_now(message(1), NOON)
    assert telling.sent_now(message(2, "error", critical=True), NIGHT)
    assert not telling.sent_now(message(3), NIGHT) and not telling.sent_now(message(4, "warning"), NIGHT)
    assert telling.due(NIGHT) == []
    assert telling.due(NIGHT + 8 * 3600 * NS) == [
        Message(
            "2 messages of the quiet hours",
            "title 3: text 3 (and 1 more)\ntitle 4: text 4 (and 1 more)",
            "warning",
        )
    ]
    assert telling.due(NIGHT + 8 * 3600 * NS) == []


def test_a_night_of_messages_is_bounded_and_counted() -> None:
    telling = Telling(0, NIGHTS)
    for n in range(10 * HELD):
        assert not telling.sent_now(message(n), NIGHT)
    (due,) = telling.due(NOON)
    assert due.title == f"{10 * HELD} messages of the quiet hours"
    lines = due.text.splitlines()
    assert len(lines) == 21 and lines[0] == f"{10 * HELD - 20} earlier ones are not listed"
    assert lines[-1].startswith(f"title {10 * HELD - 1}")


def test_what_is_told_whole_loses_no_line_and_is_pushed_out_by_nothing_else() -> None:
    telling, report = Telling(60, NIGHTS), Message("daily report", "Net P&L: 5\nFees: 1", "info", whole=True)
    assert not telling.sent_now(report, NIGHT)
    for n in range(2 * HELD):
        assert not telling.sent_now(message(n), NIGHT)
    summary, whole = telling.due(NOON)
    assert summary.title == f"{2 * HELD} messages of the quiet hours" and whole == report


def test_what_a_night_held_outlives_the_engine() -> None:
    before, after = Telling(60, NIGHTS), Telling(60, NIGHTS)
    report = Message("daily report", "Net P&L: 5\nFees: 1", "info", whole=True)
    for n in range(HELD + 5):
        before.sent_now(message(n, "warning"), NIGHT)
    before.sent_now(report, NIGHT)
    kept = msgspec.json.decode(msgspec.json.encode(before.held()))
    after.sent_now(message(499), NIGHT)  # at the very start: the oldest makes room for it
    after.take_up(kept)
    after.sent_now(message(500), NIGHT)
    assert after.due(NIGHT) == []
    summary, whole = after.due(NOON)
    assert summary.title == f"{HELD + 7} messages of the quiet hours" and summary.level == "warning"
    assert (
        summary.text.endswith(
            f": text {HELD + 4}{MORE}\ntitle 499: text 499{MORE}\ntitle 500: text 500{MORE}"
        )
        and whole == report
    )
    assert after.held() is None


def test_what_is_kept_and_not_understood_is_forgotten() -> None:
    telling = Telling(60, NIGHTS)
    for kept in (None, 5, {"count": "x"}, {"messages": [["only a title"]]}):
        telling.take_up(kept)
    assert telling.due(NOON) == []
