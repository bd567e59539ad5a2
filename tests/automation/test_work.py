"""Work and news as they travel."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.automation.parts import Webhook
from engine.automation.work import (
    MAX_BYTES,
    Begun,
    Call,
    Outcome,
    Outside,
    Tell,
    Work,
    decode_news,
    decode_work,
    encode,
    fitting,
    longest_s,
    pause_s,
)
from engine.errors import AutomationError

RUN = "0123456789abcdef01234567"
texts = st.text(max_size=40)
calls = st.builds(
    Call,
    step=st.builds(
        Webhook,
        url=st.just("https://x.test/"),
        timeout_s=st.floats(0.1, 60),
        retries=st.integers(0, 5),
    ),
    body=texts,
)
tells = st.builds(
    Tell,
    urls=st.just(("env:PHONE",)),
    title=texts,
    text=texts,
    level=st.sampled_from(("info", "warning", "error")),
)
steps = st.lists(calls | tells, min_size=1, max_size=20).map(tuple)
works = st.builds(
    Work,
    run_id=st.just(RUN),
    automation=st.just("one"),
    first=st.integers(0, 19),
    steps=steps,
    last=st.booleans(),
    engine=st.just(RUN),
)


@given(works)
def test_work_comes_out_as_it_went_in(work: Work) -> None:
    assert decode_work(encode(work)) == work
    assert work.id == f"{RUN}-{work.first}"


almost = works.map(encode).flatmap(lambda raw: st.binary(max_size=5).map(raw.__add__))


@given(st.binary(max_size=300) | almost)
def test_bytes_from_outside_are_work_or_one_line(raw: bytes) -> None:
    for decode in (decode_work, decode_news):
        try:
            decode(raw)
        except AutomationError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_id", "../" * 8),
        ("run_id", RUN.upper()),
        ("engine", ""),
        ("first", 20),
        ("first", -1),
        ("steps", []),
        ("steps", [{"type": "order", "side": "buy"}]),
        ("steps", [{"type": "strategy", "name": "trend", "enabled": True}]),
        ("steps", [{"type": "halt", "state": "halted"}]),
        ("more", 1),
    ],
)
def test_work_that_is_none_is_refused(field: str, value: object) -> None:
    step = Call(step=Webhook(url="https://x.test/"), body="{}")
    work = Work(run_id=RUN, automation="one", first=0, steps=(step,), last=True, engine=RUN)
    document = {**msgspec.to_builtins(work), field: value}
    with pytest.raises(AutomationError, match="this is no work"):
        decode_work(msgspec.json.encode(document))


def test_what_is_too_long_is_not_read() -> None:
    with pytest.raises(AutomationError, match="longer than 128 KiB"):
        decode_work(b" " * (MAX_BYTES + 1))


def test_news_come_clean() -> None:
    told = Outcome(
        run_id=RUN, first=0, done=1, texts=("\x1b[31mred",), error="a\nb" * 200, worker="w\u202e", last=True
    )
    found = decode_news(encode(told))
    assert isinstance(found, Outcome)
    assert "\x1b" not in found.texts[0] and "\n" not in found.error and len(found.error) <= 200
    assert found.worker == "w" and found.id == f"{RUN}-0"
    begun = Begun(RUN, 3, "w", 2)
    assert decode_news(encode(begun)) == begun


@given(steps, st.floats(1, 4000))
def test_what_is_given_ends_in_time_where_one_step_can(
    given_steps: tuple[Outside, ...], limit_s: float
) -> None:
    part = fitting(given_steps, limit_s)
    assert part == given_steps[: len(part)] and part
    assert len(part) == 1 or sum(map(longest_s, part)) <= limit_s
    if len(part) < len(given_steps):
        assert sum(map(longest_s, given_steps[: len(part) + 1])) > limit_s


@given(st.integers(1, 10_000))
def test_pauses_grow_and_are_bounded(attempt: int) -> None:
    assert 0 < pause_s(attempt) <= pause_s(attempt + 1) <= 5.0
