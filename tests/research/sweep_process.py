"""A sweep as a process of its own, to be killed: ``python -m tests.research.sweep_process FOLDER MARKS``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from engine.research.run_log import RunLog
from engine.research.sweep_table import as_csv, rows
from engine.wiring.sweep_course import sweep
from engine.wiring.sweep_link import Setup
from engine.wiring.sweep_pool import Pool
from tests.research.made_runs import FAST, SLOW, Told, spec

RUNNER = "tests.research.made_runs"
SPEC = spec(f"{FAST}=2..25", f"{SLOW}=10..60:10")
SLEEPS_S = 0.01


def main(folder: Path, marks: Path) -> None:
    setup = Setup(RUNNER, msgspec.json.encode(Told(str(marks), sleeps_s=SLEEPS_S)))
    with RunLog(folder, SPEC) as log, Pool(setup, 2, lambda text: None) as pool:
        sweep(SPEC, log, pool)
        (folder / "table.csv").write_bytes(as_csv(rows(log.runs, SPEC)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
