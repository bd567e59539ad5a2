"""What the console costs: CPU and bytes to the terminal while five thousand ticks a second arrive.

The console runs in a pseudo-terminal that is drained at once; the engine plays the synthetic tape at its own
pace. The console draws four times a second, its default: its first page, and the page of one symbol's market.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.machine import console, defaults
from tests.bench.registry import Figure, Goal, Skipped, at_most, bench
from tests.bench.running_engine import RunningEngine, cpu_s
from tests.bench.synthetic_tape import SYMBOLS, tape
from tests.bench.terminal import Terminal

SIZES = ((80, 24), (200, 50))
_PER_SYMBOL_S = 500
_TICKS_PER_S = _PER_SYMBOL_S * len(SYMBOLS)
_TAPE_S = 150
_SETTLE_S, _MEASURE_S, _WINDOWS = 4.0, 4.0, 3
_PAGES = (("", ""), (", market", "7"))
"""What is shown, and the keys that lead there."""
_MOST_CPU, _MOST_BYTES = {(200, 50): at_most(15.0)}, {(80, 24): at_most(10_000), (200, 50): at_most(40_000)}
_FRAMES_PER_S = 4


@bench("console_cost")
def console_cost(scratch: Path) -> list[Figure]:
    """Console CPU and bytes on the wire with 5,000 ticks/s, at two sizes."""
    if not Path("/proc/self/stat").exists():
        raise Skipped("needs /proc to read CPU times")
    state = scratch / "console-cost"
    figures = []
    with RunningEngine(state, "--tape", str(tape(scratch, _TAPE_S * _TICKS_PER_S, _PER_SYMBOL_S))) as engine:
        engine.wait(lambda health: health.status.phase == "running")
        for columns, rows in SIZES:
            with Terminal(
                console("attach", "--state-dir", str(state), *defaults(state)), columns, rows
            ) as screen:
                if screen.wait(lambda shown: any("S00-USD" in line for line in shown.display), 20.0) is None:
                    raise RuntimeError(f"no tick on the screen: {screen.text}")
                for page, keys in _PAGES:
                    screen.press(keys)
                    time.sleep(_SETTLE_S)
                    goals = _MOST_CPU.get((columns, rows)), _MOST_BYTES.get((columns, rows))
                    figures += _measure(screen, engine, f"{columns}x{rows}{page}", *goals)
    return figures


def _measure(
    screen: Terminal, engine: RunningEngine, size: str, most_cpu: Goal | None, most_bytes: Goal | None
) -> list[Figure]:
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
            f"{size}, console CPU",
            share * 100,
            "% of a core",
            most_cpu,
            note.format(f"{min(shares) * 100:.1f}"),
        ),
        Figure(
            f"{size}, console CPU per frame",
            share / _FRAMES_PER_S * 1e3,
            "ms",
            note=f"{_FRAMES_PER_S} a second",
        ),
        Figure(f"{size}, engine CPU", engine_share * 100, "% of a core", note=f"{ticks_per_s:,.0f} ticks/s"),
        Figure(f"{size}, to the terminal", rate, "bytes/s", most_bytes, note.format(f"{min(rates):,.0f}")),
    ]
