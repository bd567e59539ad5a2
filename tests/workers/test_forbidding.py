"""Entries are denied while it is not known what is true, and it is told once."""

from __future__ import annotations

import itertools

from engine.events import Alert
from engine.workers.forbidding import BLOCK_NS, Forbidding
from tests.wiring.conftest import START_NS, Bench, quote


def test_entries_are_denied_for_a_moment_and_an_alert_tells_it_once_of_each_kind() -> None:
    bench = Bench()
    bench.desk.on_events([quote("sim:A", 99.0, 101.0, 0)])
    clock = itertools.count(START_NS)
    forbidding = Forbidding(bench.desk, lambda: next(clock))
    for old_s in range(3):
        forbidding.forbid(f"rounds are {old_s} s old", kind="behind")
    forbidding.forbid("no round comes", told=False)
    assert bench.desk.trading.blocked("sim:A") == "no round comes"
    sent = bench.desk.trading
    bench.desk.block("sim:A", "panic", START_NS + 10 * BLOCK_NS)
    assert sent.blocked("sim:A") == "no round comes"
    told = [event.text for event in bench.kinds(Alert)]
    assert told == ["rounds are 0 s old: no entries meanwhile"]
    assert not forbidding.is_news("behind") and forbidding.is_news("memory")
    bench.desk.advance(START_NS + 5 + BLOCK_NS)
    assert sent.blocked("sim:A") == "panic" and not sent.blocked(""), "nobody says it any more"
