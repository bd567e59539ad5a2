"""A process that is to do little, of an engine that was started under limits of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.models.child_environment import child_environment

SHOWN = "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU))"


def run(given: str, limit: str) -> str:
    code = f"import resource\n{given}\n{limit}\n{SHOWN}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_less_memory_and_time_than_ours_stay_as_they_are() -> None:
    given = (
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 60))"
    )
    limit = "from engine.models import child_process; child_process.restrict()"
    assert run(given, limit) == f"{2 << 30} (50, 50)"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_of_more_ours_hold() -> None:
    limit = "from engine.models import child_process; child_process.restrict()"
    assert run("", limit) == f"{8 << 30} (120, 120)"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_a_users_model_runs_under_them_too() -> None:
    given = "import os\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    limit = (
        "from engine.models import user_limits; user_limits.bind(os.getppid())\n"
        "print(resource.getrlimit(resource.RLIMIT_FSIZE))"
    )
    assert run(given, limit).startswith(f"({1 << 20}, {1 << 20})")
