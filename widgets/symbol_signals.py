"""Signals of a symbol: everything that is live for it now, taken apart."""

from __future__ import annotations

from engine.api.protocol import SymbolSignals
from widgets import figures
from widgets.blend import ARITHMETIC, absent_line, input_lines, score_line
from widgets.features import feature_lines
from widgets.lines import Line, section


def signal_lines(signals: SymbolSignals) -> list[Line]:
    """What blocks, the inputs and their sum, what is absent, and the numbers below it all."""
    lines: list[Line] = [((signals.symbol, "bold"), (f"  at {figures.clock_ms(signals.ns)}", "muted"))]
    if signals.blocked:
        lines.append((("✗ ENTRIES BLOCKED: ", "bad"), (signals.blocked, "warn")))
    if signals.score is None:
        lines += section("Signals", "none is live")
    else:
        lines += section("Signals", ARITHMETIC)
        lines += input_lines(signals.inputs)
        lines.append(score_line(signals.score, signals.confidence, signals.agreement))
    if signals.absent:
        lines.append(absent_line(signals.absent))
    lines += [((note, "muted"),) for note in signals.notes]
    if signals.features is not None:
        lines += feature_lines(signals.features)
    return lines
