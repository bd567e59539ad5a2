"""Curves over time as inline SVG: a plot knows where a time and a value stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

import numpy as np
from numpy.typing import NDArray

from engine.events import NS
from engine.portfolio.report.numbers import number

WIDTH, LEFT, RIGHT = 960, 84, 12
_MINUTE, _HOUR, _DAY = 60 * NS, 3_600 * NS, 86_400 * NS
_STEPS = (
    *(_MINUTE * n for n in (1, 5, 15, 30)),
    *(_HOUR * n for n in (1, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 4, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_MOST_TIMES = 8


class Plot:
    """A rectangle of a picture: times along, values upwards."""

    def __init__(
        self, begin_ns: int, end_ns: int, low: float, high: float, *, top: float, height: float
    ) -> None:
        self._begin_ns, self._span_ns = begin_ns, max(1, end_ns - begin_ns)
        if not high > low:
            low, high = low - 0.5, high + 0.5
        self._low, self._high = low, high
        self.top, self.base = top, top + height

    def x(self, ns: int) -> float:
        return LEFT + (ns - self._begin_ns) / self._span_ns * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.base - (value - self._low) / (self._high - self._low) * (self.base - self.top)

    def points(self, ns: Iterable[int], values: Iterable[float]) -> str:
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in zip(ns, values, strict=True))

    def line(self, kind: str, ns: Sequence[int], values: Sequence[float]) -> str:
        return f'<polyline class="{kind}" points="{self.points(ns, values)}"/>'

    def area(self, kind: str, ns: Sequence[int], values: Sequence[float], to: float = 0.0) -> str:
        """Between the values and ``to``."""
        base = self.y(to)
        ends = f"{self.x(ns[0]):.1f},{base:.1f}", f"{self.x(ns[-1]):.1f},{base:.1f}"
        return f'<polygon class="{kind}" points="{ends[0]} {self.points(ns, values)} {ends[1]}"/>'

    def scale(self, unit: str = "", most: int = 5) -> str:
        """Lines across at round values, and what they are."""
        parts = []
        for value in round_values(self._low, self._high, most):
            y = self.y(value)
            parts.append(
                f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}{unit}</text>'
            )
        return "".join(parts)

    def times(self) -> str:
        """What times are, below the plot."""
        parts = []
        for ns, text in round_times(self._begin_ns, self._begin_ns + self._span_ns):
            x, y = self.x(ns), self.base
            parts.append(
                f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + 4:.1f}"/>'
                f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{text}</text>'
            )
        return "".join(parts)


def picture(name: str, title: str, told: str, height: float, parts: Iterable[str]) -> str:
    """``name`` is unique in the page; ``title`` and ``told`` are for who cannot see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(told)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def thinned(
    ns: NDArray[np.int64], values: NDArray[np.float64], most: int = 1_200
) -> tuple[list[int], list[float]]:
    """At most about ``most`` points, with the lowest and highest of each stretch, and both ends."""
    count = len(values)
    if count <= most:
        return ns.tolist(), values.tolist()
    kept = {0, count - 1}
    for stretch in np.array_split(np.arange(count), most // 2):
        part = values[stretch]
        kept |= {int(stretch[part.argmin()]), int(stretch[part.argmax()])}
    at = sorted(kept)
    return ns[at].tolist(), values[at].tolist()


def round_values(low: float, high: float, most: int = 5) -> list[float]:
    """1, 2 or 5 times a power of ten apart, within ``low`` and ``high``."""
    rough = (high - low) / most
    if not (rough > 0 and math.isfinite(rough)):
        return [low] if math.isfinite(low) else []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def round_times(begin_ns: int, end_ns: int) -> list[tuple[int, str]]:
    """At most ``_MOST_TIMES`` of them, UTC, with their texts."""
    span = end_ns - begin_ns
    for step in _STEPS:
        if span // step <= _MOST_TIMES - 1:
            form = "%H:%M" if step < _DAY else "%d %b"
            if step < _DAY < span:
                form = "%d %b %H:%M"
            first = -(-begin_ns // step) * step
            return [(ns, f"{_utc(ns):{form}}") for ns in range(first, end_ns + 1, step)]
    begin, end = _utc(begin_ns), _utc(end_ns)
    months = (end.year - begin.year) * 12 + end.month - begin.month
    every = next((n for n in _MONTHS if months // n <= _MOST_TIMES - 1), _MONTHS[-1])
    found = []
    for month in range(begin.year * 12 + begin.month - 1, end.year * 12 + end.month):
        if month % every == 0:
            day = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            ns = int(day.timestamp()) * NS
            if begin_ns <= ns <= end_ns:
                found.append((ns, f"{day:%Y}" if every >= 12 else f"{day:%b %Y}"))
    return found


def _utc(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / NS, UTC)


def _short(value: float) -> str:
    """Of a scale: as few digits as tell its steps apart."""
    if value == 0:
        return "0"
    if abs(value) >= 1000 or value == int(value):
        return number(value, 0)
    return f"{value:.6g}"
