"""What the console costs: CPU and bytes to the terminal while a thousand ticks a second arrive.

The console runs in a pseudo-terminal that is drained at once; the engine plays the synthetic tape at its own
pace. The console draws four times a second, its default.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.machine import console, defaults
from tests.bench.registry import Figure, Skipped, bench
from tests.bench.running_engine import RunningEngine, cpu_s
from tests.bench.synthetic_tape import PER_SYMBOL_S, SYMBOLS, tape
from tests.bench.terminal import Terminal

SIZES = ((80, 24), (200, 50))
_TICKS_PER_S = PER_SYMBOL_S * len(SYMBOLS)
_TAPE_S = 90
_SETTLE_S, _MEASURE_S, _WINDOWS = 4.0, 4.0, 3
_FRAMES_PER_S = 4


@bench("console_cost")
def console_cost(scratch: Path) -> list[Figure]:
    """Console CPU and bytes on the wire with 1,000 ticks/s, at two sizes."""
    if not Path("/proc/self/stat").exists():
        raise Skipped("needs /proc to read CPU times")
    state = scratch / "console-cost"
    figures = []
    with RunningEngine(state, "--tape", str(tape(scratch, _TAPE_S * _TICKS_PER_S))) as engine:
        engine.wait(lambda health: health.status.phase == "running")
        for columns, rows in SIZES:
            with Terminal(
                console("attach", "--state-dir", str(state), *defaults(state)), columns, rows
            ) as screen:
                if screen.wait(lambda shown: any("S00-USD" in line for line in shown.display), 20.0) is None:
                    raise RuntimeError(f"no tick on the screen: {screen.text}")
                time.sleep(_SETTLE_S)
                figures += _measure(screen, engine, f"{columns}x{rows}")
    return figures


def _measure(screen: Terminal, engine: RunningEngine, size: str) -> list[Figure]:
    shares, engine_shares, rates = [], [], []
    first = engine.ticks()
    started = time.perf_counter()
    for _ in range(_WINDOWS):
        began, cpu, engine_cpu, received = (
            time.perf_counter(), cpu_s(screen.process.pid), cpu_s(engine.process.pid), screen.received
        )  # fmt: skip
        time.sleep(_MEASURE_S)
        if screen.process.poll() is not None:
            raise RuntimeError(f"the console ended with {screen.process.returncode}")
        seconds = time.perf_counter() - began
        shares.append((cpu_s(screen.process.pid) - cpu) / seconds)
        engine_shares.append((cpu_s(engine.process.pid) - engine_cpu) / seconds)
        rates.append((screen.received - received) / seconds)
    ticks_per_s = (engine.ticks() - first) / (time.perf_counter() - started)
    share, engine_share, rate = (sorted(values)[_WINDOWS // 2] for values in (shares, engine_shares, rates))
    note = f"median of {_WINDOWS} x {_MEASURE_S:g} s, least {{}}"
    return [
        Figure(
            f"{size}, console CPU", share * 100, "% of a core", note=note.format(f"{min(shares) * 100:.1f}")
        ),
        Figure(
            f"{size}, console CPU per frame",
            share / _FRAMES_PER_S * 1e3,
            "ms",
            note=f"{_FRAMES_PER_S} a second",
        ),
        Figure(f"{size}, engine CPU", engine_share * 100, "% of a core", note=f"{ticks_per_s:,.0f} ticks/s"),
        Figure(f"{size}, to the terminal", rate, "bytes/s", note=note.format(f"{min(rates):,.0f}")),
    ]
