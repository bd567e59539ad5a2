"""Automations as rows and as lines."""

from __future__ import annotations

import msgspec

from engine.events import NS
from tests.api import samples
from tests.console import sample_desk as sample
from widgets.automations import automation_cells, automation_lines

ROW = sample.automations()[0]


def text(row: object) -> list[str]:
    return [cell for cell, _ in automation_cells(row, sample.NOW_NS).cells]  # type: ignore[arg-type]


def test_counts_trigger_and_steps_are_in_the_row() -> None:
    assert text(ROW) == [
        *("[x]", "tell_me", "signal rapid_rise on all symbols", "notify, call webhook"),
        *("12", "12", "12", "0", "–", "12s"),
    ]


def test_a_failure_stands_where_the_trigger_was() -> None:
    failed = msgspec.structs.replace(ROW, error="webhook: refused", active=False, failed=3)
    assert text(failed)[0] == "[ ]" and text(failed)[2] == "! webhook: refused"


def test_what_runs_now_and_what_never_ran() -> None:
    assert text(msgspec.structs.replace(ROW, running=2))[-1] == "▶2"
    assert text(msgspec.structs.replace(ROW, last_ns=0))[-1] == "–"


def test_where_its_job_is_done_is_told() -> None:
    away = msgspec.structs.replace(ROW, place="jobs@far", running=1)
    assert text(away)[2] == "▶ on jobs@far" and text(away)[-2:] == ["jobs@far", "▶1"]
    assert text(msgspec.structs.replace(away, place="waiting"))[2] == "▶ waits for a worker"
    assert text(msgspec.structs.replace(away, running=0))[2] == ROW.trigger
    assert text(msgspec.structs.replace(away, place="in process"))[2] == ROW.trigger
    shown = ["".join(cell for cell, _ in line) for line in automation_lines(away, {}, (), 0)]
    assert shown[0].endswith("jobs@far")


def test_the_definition_keeps_its_indents_and_its_letters() -> None:
    lines = automation_lines(
        ROW, {"steps": [{"do": "grüße"}]}, samples.signal_statistics(), sample.NOW_NS + NS
    )
    shown = ["".join(cell for cell, _ in line) for line in lines]
    assert '      "do": "grüße"' in shown
    assert any(line.startswith("rapid_rise") and "failed 1" in line for line in shown)


def test_one_that_is_gone_shows_only_its_definition() -> None:
    shown = ["".join(cell for cell, _ in line) for line in automation_lines(None, {}, (), 0)]
    assert shown == ["", "Definition", "{}"]
