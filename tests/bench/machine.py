"""What the figures were measured on: machine, versions, commit; and where the captures are."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import processor
from tests.bench.registry import Skipped

ROOT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = (
    "aiohttp",
    "lightgbm",
    "llvmlite",
    "msgspec",
    "numba",
    "numpy",
    "textual",
    "websockets",
    "zstandard",
)


def describe() -> dict[str, object]:
    """Machine, versions and commit, ready for JSON."""
    return {
        "system": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def child_environment() -> dict[str, str]:
    """The environment for a process under measurement: no setting of the person's own reaches it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKDESK_")}
    return {**kept, "PYTHONHASHSEED": "0"}


def elsewhere(*processes: int) -> None:
    """These stand for other machines, as this one does from now on: they leave what an engine has for itself.
    To be called once it has it."""
    left = processor.allowed_here()
    left -= processor.owned(left)
    for process in (0, *processes):
        if left:
            os.sched_setaffinity(process, left)


def on_time(process: int) -> None:
    """What it does is done when it is due, as on a machine of its own: before all else on its processor.
    Where this user may not have that done, it waits its turn."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(process, os.SCHED_FIFO, os.sched_param(1))


def stolen() -> tuple[int, int] | None:
    """Of the processors' time so far: what others on the same host took, and all of it; ticks. None where the
    system does not tell."""
    try:
        times = [
            int(field) for field in Path("/proc/stat").read_text(encoding="ascii").split("\n")[0].split()[1:]
        ]
    except (OSError, ValueError):
        return None
    return (times[7], sum(times[:8])) if len(times) > 7 else None


def defaults(scratch: Path) -> list[str]:
    """Options that give a ``tickdesk`` process the defaults, whatever the person's own configuration is."""
    empty = scratch / "defaults.toml"
    empty.touch()
    return ["--config", str(empty)]


def captured(name: str) -> Path:
    """A file of the captured market data, e.g. ``feeds/binance/….jsonl.gz``. Raises Skipped without it."""
    path = Path(os.environ.get("TICKDESK_DATA", ROOT.parent / "shared" / "data")) / name
    if not path.is_file():
        raise Skipped(f"no captured data at {path}: set TICKDESK_DATA")
    return path


def console(*arguments: str) -> list[str]:
    """The command line of ``tickdesk ARGUMENTS`` in this interpreter."""
    return [sys.executable, "-m", "console", *arguments]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"
