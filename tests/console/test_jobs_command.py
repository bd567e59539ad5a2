"""``tickdesk jobs``: what is printed, and what is refused before a worker begins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from console.cli import main
from console.cli.jobs import lines
from engine.api.protocol import JobRow

Capture = pytest.CaptureFixture[str]
NS = 1_000_000_000


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def refused(capsys: Capture, *argv: str) -> str:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_a_job_is_a_line_and_what_went_wrong_another() -> None:
    failed = JobRow("a", "one", "trend", "x:A", "failed", "jobs@far", 3, "", NS, 3 * NS, "cut\x1boff")
    waiting = JobRow("b", "two", "", "", "waiting", "", 1, "1/2 notify", NS)
    head, first, error, second = lines((failed, waiting))
    assert head.split() == [
        "started",
        "(UTC)",
        "automation",
        "symbol",
        "state",
        "where",
        "try",
        "took",
        "step",
    ]
    assert first.split()[2:] == ["one", "x:A", "failed", "jobs@far", "3", "2.0", "s"]
    assert error.strip() == "cutoff"
    assert second.split()[2:] == ["two", "waiting", "-", "1", "1/2", "notify"]


def test_a_worker_needs_a_broker_and_the_extra(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "automations.jobs.broker_url" in refused(capsys, "jobs", "worker")
    monkeypatch.setenv("TICKDESK_AUTOMATIONS__JOBS__BROKER_URL", "redis://:s3cret@127.0.0.1:1/0")
    assert "--worker-name" in refused(capsys, "jobs", "worker", "--worker-name", "a b")
    monkeypatch.setitem(sys.modules, "celery", None)
    told = refused(capsys, "jobs", "worker")
    assert "tickdesk[celery]" in told and "s3cret" not in told
    assert "tickdesk[celery]" in refused(capsys, "config", "check")


def test_the_brokers_password_is_not_shown(capsys: Capture) -> None:
    url = "automations.jobs.broker_url=redis://me:s3cret@host:6379/0"
    assert main(["config", "show", "--set", url]) == 0
    shown = capsys.readouterr().out
    assert 'broker_url = "redis://me:***@host:6379/0"' in shown and "s3cret" not in shown
