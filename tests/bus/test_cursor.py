"""Whatever is told in whatever pieces and how often: each entry once, in order, each loss said once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus.cursor import Cursor, Source


class Note(msgspec.Struct, frozen=True, array_like=True):
    previous: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Note).decode
Raw = list[list[object]]


def chain(numbers: list[int]) -> Raw:
    """Entries as the server tells them, each naming the one before."""
    before = [0, *numbers]
    return [
        [b"%d-0" % number, [b"d", _encode(Note(previous))]]
        for previous, number in zip(before, numbers, strict=False)
    ]


def cursor(position: int | None = 0, **more: bool) -> Cursor:
    return Cursor(Source("a", _decode, position, **more))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_entries_come_once_however_often_they_are_told(data: st.DataObject) -> None:
    numbers = sorted(data.draw(st.sets(st.integers(1, 10_000), min_size=1, max_size=40)))
    gone = data.draw(st.sets(st.sampled_from(numbers[:-1]))) if len(numbers) > 1 else set()
    told = [entry for entry, number in zip(chain(numbers), numbers, strict=True) if number not in gone]
    left = [number for number in numbers if number not in gone]
    reader = cursor()
    had: list[int] = []
    acked: list[bytes] = []
    lost: list[tuple[int, int]] = []
    at = 0  # where the group stands in what is told
    while at < len(told):
        piece = told[at : at + data.draw(st.integers(1, 7))]
        at += len(piece)
        had += [number for number, _ in reader.take(piece)]
        lost += [(one.after, one.number) for one in reader.lost]
        reader.lost = []
        again = reader.torn or data.draw(st.booleans())
        if data.draw(st.booleans()):
            up_to = data.draw(st.integers(0, 10_000))
            acked += [ident for part in reader.ack(up_to) for ident in part]
        if again:  # a lost connection, or another look
            behind = reader.acked or 0
            reader.stands(behind)
            at = next((place for place, number in enumerate(left) if number > behind), len(left))
            assert behind <= (reader.read or 0)
    assert had == left
    # Acknowledged is what was had, each at most once in a row of tellings; the rest is open.
    acked += [ident for part in reader.ack(10_000) for ident in part]
    assert reader.unacknowledged == 0 and {int(ident[:-2]) for ident in acked} <= set(left)
    first_after = {
        min(other for other in left if other > number) for number in gone if any(o > number for o in left)
    }
    assert {number for _, number in lost} == first_after and len(lost) == len(first_after)


def test_a_hole_is_looked_at_twice_and_told_once() -> None:
    reader = cursor()
    first, _, third, fourth = chain([1, 2, 3, 4])
    assert [number for number, _ in reader.take([first])] == [1]
    assert reader.take([third, fourth]) == [] and reader.torn
    assert reader.read == 1 and not reader.lost
    reader.stands(0)
    assert [number for number, _ in reader.take([first, third, fourth])] == [3, 4]
    (lost,) = reader.lost
    assert (lost.after, lost.previous, lost.number, lost.why) == (1, 2, 3, "entries are missing")
    assert reader.repeats == 1


def test_many_holes_are_looked_at_together() -> None:
    reader = cursor()
    told = chain([1, 2, 3, 4, 5, 6, 7, 8])[::2]
    assert [number for number, _ in reader.take(told)] == [1] and reader.torn
    reader.stands(0)
    assert [number for number, _ in reader.take(told)] == [3, 5, 7] and not reader.torn
    assert [lost.number for lost in reader.lost] == [3, 5, 7]


def test_what_the_server_forgot_and_another_went_on_from_is_told() -> None:
    reader = cursor()
    reader.take(chain([1, 2, 3]))
    other = [[b"1000-0", [b"d", _encode(Note(1))]]]  # it found nothing behind 1
    assert reader.take(other) == [] and reader.torn
    reader.stands(3)
    assert [number for number, _ in reader.take(other)] == [1000]
    assert [(lost.after, lost.previous) for lost in reader.lost] == [(3, 1)]


def test_a_position_may_lie_between_entries() -> None:
    entries = chain([10, 20, 30])
    assert [number for number, _ in cursor(15).take(entries)] == [20, 30]
    for torn, rest in ((cursor(15, exact=True), entries[1:]), (cursor(15), entries[2:])):
        assert torn.take(rest) == [] and torn.torn
    anywhere = cursor(None)
    assert [number for number, _ in anywhere.take(entries[2:])] == [30] and anywhere.acked is None


@pytest.mark.parametrize("entry", [[b"2-0", [b"d", b"\xc1"]], [b"2-7", [b"x", b"y"]], [b"2-0", None]])
def test_an_entry_that_is_none_of_ours_is_told_and_passed_over(entry: list[object]) -> None:
    reader = cursor()
    first, _ = chain([1, 3])
    after = [b"3-0", [b"d", _encode(Note(1))]]
    assert [number for number, _ in reader.take([first, entry, after])] == [1, 3]
    (lost,) = reader.lost
    assert lost.why.startswith("unreadable entry")
    assert entry[0] in [ident for part in reader.ack(3) for ident in part]


def test_acknowledgements_are_sent_in_bounded_parts() -> None:
    reader = cursor()
    reader.take(chain(list(range(1, 2501))))
    parts = reader.ack(2400)
    assert [len(part) for part in parts] == [1000, 1000, 400] and reader.unacknowledged == 100
    assert parts[0][0] == b"1-0" and parts[-1][-1] == b"2400-0"
    # Not further than what was had, whatever the caller means by its number.
    reader.ack(9999)
    assert reader.acked == 2500
