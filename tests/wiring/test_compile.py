"""The start: a first one says what it compiles, module by module, a later one is silent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine import kernels
from engine.wiring.compile import compile_all
from tests.conftest import ROOT

MODULES = (
    *("consume", "screen", "remember", "scan", "intake", "deal"),
    *("alpha158", "model", "drift", "binance_scan", "blend", "rules", "quant", "bars", "candles"),
)


def test_a_first_start_says_what_it_does_for_each_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "cache_folder", lambda: tmp_path)  # nothing is kept there
    told: list[str] = []
    compile_all(told.append)
    assert [line.split()[2] for line in told] == list(MODULES)
    assert all(line.startswith("compiling the ") and "first start" in line for line in told)
    assert all("longer while the machine is busy" in line for line in told)


def test_a_later_start_finds_every_kernel_and_says_nothing() -> None:
    compile_all(lambda text: None)
    told: list[str] = []
    compile_all(told.append)
    assert told == []
    folder = kernels.cache_folder()
    assert folder is not None and len(list(folder.rglob("*.nbi"))) >= len(MODULES)


def test_a_set_up_makes_them_all_in_two_processes() -> None:
    """Here it finds them; what it compiled is where a start looks."""
    compile_all(lambda text: None)
    made = subprocess.run(
        [sys.executable, "-m", "engine.wiring.compile"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
