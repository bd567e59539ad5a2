"""Make every compiled kernel ready before anything waits for it: ``python -m engine.wiring.compile``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from engine import bar_merge_kernel
from engine.features import alpha158, candles, remember
from engine.features import engine as features
from engine.feeds import binance_scan, column_kernel
from engine.kernels import forget_unused
from engine.market import screen
from engine.models import drift, walker
from engine.one_line import OneLine
from engine.opportunities import blend_kernel, rules
from engine.quant import registry as quant
from engine.strategies import scan
from engine.wiring import deal, intake_kernel

Note = Callable[[str], None]
_OF_TICKS = (
    features.compile_kernels,
    screen.compile_kernels,
    remember.compile_kernels,
    scan.compile_kernels,
    intake_kernel.compile_kernels,
    deal.compile_kernels,
)
_BESIDE = (
    alpha158.compile_kernels,
    walker.compile_kernels,
    drift.compile_kernels,
    binance_scan.compile_kernels,
    column_kernel.compile_kernels,
    blend_kernel.compile_kernels,
    rules.compile_kernels,
    quant.compile_kernels,
    bar_merge_kernel.compile_kernels,
    candles.compile_kernels,
)
"""What needs none of the others: about as long to compile."""
_HALF = "beside"


def compile_all(note: Note) -> None:
    """Load the kernels, or compile them at the first start (``note`` then gets a line for each module)."""
    for compile_kernels in (*_OF_TICKS, *_BESIDE):
        compile_kernels(note)
    forget_unused()


def compile_on_two() -> int:
    """The same for a set-up, with the backtests' kernel, which no desk needs to start; half of it in a second
    process. Returns that one's exit code."""
    from engine.wiring import play_kernel

    command = [sys.executable, "-P", "-m", "engine.wiring.compile", _HALF]
    with OneLine(sys.stdout) as note:
        beside = subprocess.Popen(command)  # noqa: S603 - our own module
        try:
            for compile_kernels in (*_OF_TICKS, play_kernel.compile_kernels):
                compile_kernels(note)
        finally:
            code = beside.wait()
    return code


def _main(arguments: Sequence[str]) -> int:
    if _HALF not in arguments:
        return compile_on_two()
    note = OneLine(sys.stdout)  # of the same terminal, where both are one line
    for compile_kernels in _BESIDE:
        compile_kernels(note)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
