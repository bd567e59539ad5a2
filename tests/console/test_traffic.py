"""The rates on the status line."""

from __future__ import annotations

from console.traffic import Traffic
from engine.events import NS
from tests.console.fake_link import FakeLink


def test_bytes_of_two_links_are_never_counted_against_each_other() -> None:
    traffic, desk, tape = Traffic(), FakeLink(), FakeLink()
    desk.bytes_received = 8_000_000
    assert traffic.text(desk, 1_000, 10 * NS) == ""
    desk.bytes_received += 24_000
    assert traffic.text(desk, 7_000, 11 * NS) == "", "too soon"
    assert traffic.text(desk, 7_000, 12 * NS) == "link 12 tty 3 kB/s"
    tape.bytes_received = 2_000
    assert traffic.text(tape, 9_000, 15 * NS) == "", "nothing was measured of it yet"
    tape.bytes_received = 6_000
    assert traffic.text(tape, 9_000, 17 * NS) == "link 2 tty 0 kB/s"
    assert traffic.text(desk, 9_000, 20 * NS) == ""
