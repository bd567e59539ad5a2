"""Peers for comparison: other projects in an environment of their own, made by ``make peers``.

Their scripts (``peer_scripts/``) run in processes of their own there, import nothing of ours, print a line
of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.machine import ROOT
from tests.bench.registry import Skipped

_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
_TIMEOUT_S = 300


def run_peer(script: str, package: str, *arguments: str) -> dict[str, Any]:
    """What a script of ``peer_scripts`` prints. Raises Skipped where ``package`` is not installed."""
    python = Path(os.environ.get("TICKDESK_PEERS_PYTHON", _PYTHON))
    if not python.exists():
        raise Skipped("no environment of peers: make one by `make peers`")
    asked = subprocess.run([str(python), "-c", f"import {package}"], capture_output=True, timeout=120)
    if asked.returncode != 0:
        raise Skipped(f"{package} cannot be imported in {python.parent.parent}: run `make peers`")
    done = subprocess.run(
        [str(python), str(Path(__file__).parent / "peer_scripts" / script), *arguments],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
