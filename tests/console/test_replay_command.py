"""``tickdesk replay``: what it prints for a person."""

from __future__ import annotations

import msgspec

from console.cli.replay import lines
from engine.wiring.replay import ReplayReport

OF_A_TAPE = ReplayReport(
    tapes=("a.tape",), venue="tape", symbols=1, lines=0, undecodable=0, truncated=False, trades=3, quotes=4,
    rejected={}, bars=1, features=1, signals=0, blends=0, opportunities=0, dropped={"stale": 2}, denied={},
    orders=0, fills=0, pnl="0", realized="0", unrealized="0", fees="0", open_positions=0, model="",
    seconds=1.25, ticks_per_s=569.7, sha256="ab",
)  # fmt: skip


def test_a_report_says_what_there_is_and_none_of_what_there_is_not() -> None:
    told = [line.split() for line in lines(OF_A_TAPE)]
    assert ["rejected", "none"] in told and ["denied", "none"] in told
    assert ["dropped:"] in told and ["stale", "2"] in told
    assert ["ticks_per_s", "570"] in told and ["seconds", "1.250"] in told
    assert not {"venue", "lines"} & {row[0] for row in told}


def test_a_capture_is_told_with_its_venue_and_lines() -> None:
    report = msgspec.structs.replace(OF_A_TAPE, venue="kraken", lines=12_345, ticks_per_s=226_666.4)
    told = [line.split() for line in lines(report)]
    assert ["venue", "kraken"] in told and ["lines", "12,345"] in told
    assert ["ticks_per_s", "226,666"] in told
