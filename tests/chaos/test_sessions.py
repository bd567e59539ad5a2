"""Whole seeded sessions: whatever a feed, a person, a disk and crashes do, every invariant holds in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.chaos.amounts import SEEDS
from tests.chaos.sessions.run import Outcome, run
from tests.conftest import ROOT

_ONE = os.environ.get("TICKDESK_CHAOS_SEED", "")
"""Only the session of this seed."""
_ALONE = 40
"""So few are run in this very process."""


def _outcomes() -> Iterator[Outcome]:
    if _ONE:
        yield run(int(_ONE))
    elif SEEDS <= _ALONE:
        yield from map(run, range(SEEDS))
    else:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            yield from pool.map(run, range(SEEDS), chunksize=4)


@pytest.mark.timeout(120 + 4 * SEEDS)
def test_every_invariant_holds_in_every_session() -> None:
    total: Counter[str] = Counter()
    broken = []
    for outcome in _outcomes():
        total.update(outcome.count)
        if outcome.problems:
            broken.append(outcome.seed)
            said = "\n  ".join(problem[:500] for problem in outcome.problems[:12])
            print(f"TICKDESK_CHAOS_SEED={outcome.seed}\n  {said}")
    named = (
        "sessions",
        "orders",
        "fills",
        "crashes",
        "commits lost",
        "store failures",
        "feed faults",
        "acts",
    )
    print(", ".join(f"{total[name]:,} {name}" for name in named))
    assert not broken, f"{len(broken)} broken, each alone with TICKDESK_CHAOS_SEED=n: {broken}"
    if not _ONE and SEEDS >= 10:
        # It was chaos, and there was trade in it.
        assert total["fills"] > 3 * SEEDS and total["strategies' orders"] > SEEDS
        assert min(total[name] for name in named) > 0


@pytest.mark.parametrize("seed", [3, 7])
def test_a_session_is_made_by_its_seed_alone(seed: int) -> None:
    """Byte for byte the same journal, also in another process where sets have another order."""
    told = subprocess.run(
        [sys.executable, "-c", f"from tests.chaos.sessions.run import run; print(run({seed}).digest)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    first = run(seed)
    assert first.digest == told
    assert first.digest != run(seed + 1).digest
