"""Make every compiled kernel ready before anything waits for it: ``python -m engine.wiring.compile``."""

from __future__ import annotations

from collections.abc import Callable

from engine import bar_merge_kernel
from engine.features import alpha158, candles, remember
from engine.features import engine as features
from engine.feeds import binance_scan
from engine.kernels import forget_unused
from engine.market import screen
from engine.models import drift, walker
from engine.opportunities import blend_kernel, rules
from engine.quant import registry as quant
from engine.strategies import scan
from engine.wiring import deal, intake_kernel


def compile_all(note: Callable[[str], None]) -> None:
    """Load the kernels, or compile them at the first start (``note`` then gets a line for each module)."""
    features.compile_kernels(note)
    screen.compile_kernels(note)
    binance_scan.compile_kernels(note)
    quant.compile_kernels(note)
    blend_kernel.compile_kernels(note)
    rules.compile_kernels(note)
    scan.compile_kernels(note)
    alpha158.compile_kernels(note)
    bar_merge_kernel.compile_kernels(note)
    candles.compile_kernels(note)
    remember.compile_kernels(note)
    walker.compile_kernels(note)
    drift.compile_kernels(note)
    intake_kernel.compile_kernels(note)
    deal.compile_kernels(note)
    forget_unused()


if __name__ == "__main__":
    compile_all(print)
