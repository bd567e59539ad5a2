"""How figures are written: fixed forms, so that columns do not dance. Unknown is "–", zero has no minus."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from engine.events import NS

UNKNOWN = "–"
_MARKED = re.compile(r"([^0-9]*)([0-9][0-9,]*(?:\.[0-9]+)?)")
_UNITS = ((Decimal(10**6), "M"), (Decimal(10**9), "G"), (Decimal(10**12), "T"))
BLOCKS = "▁▂▃▄▅▆▇"
"""Without the full block: lines of a table would grow together."""


def any_number(value: float) -> str:
    """Of whatever size and kind: about six digits, none that says nothing."""
    size = abs(value)
    if size and size < 0.001:
        return f"{value:.4g}"
    text = f"{value:,.{2 if size >= 100 else 4 if size >= 1 else 6}f}"
    return text.rstrip("0").rstrip(".")


def number(value: float | None, decimals: int = 2) -> str:
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:z,.{decimals}f}"


def signed(value: float | None, decimals: int = 2) -> str:
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:+z,.{decimals}f}"


def arrow(value: float | None) -> str:
    """▲ above zero, ▼ below, a blank for neither: direction is never told by colour alone."""
    if value is None or not value or math.isnan(value):
        return " "
    return "▲" if value > 0 else "▼"


def direction(value: float | None, decimals: int | None = 2) -> str:
    """The style name of a signed value as it is shown with so many decimals: what rounds to zero has neither
    colour, since no sign would tell it apart. None: it is not shown as a number."""
    shown = value if value is None or decimals is None else round(value, decimals)
    if shown is None or not shown or math.isnan(shown):
        return "flat"
    return "up" if shown > 0 else "down"


def change(value: float | None, decimals: int = 2, unit: str = "%") -> str:
    """``▲+0.42%``. What rounds to zero is shown without an arrow."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    rounded = round(value, decimals) + 0.0
    return f"{arrow(rounded)}{rounded:+.{decimals}f}{unit}" if rounded else f"{0:.{decimals}f}{unit}"


def decimal(text: str) -> Decimal | None:
    """A number in decimal text, or None for "" and what is no number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def money(text: str, decimals: int = 2, sign: bool = False) -> str:
    """Decimal text for reading, e.g. ``+1,234.50``; rounded half-even for display only."""
    value = decimal(text)
    if value is None:
        return text or UNKNOWN
    return f"{value:{'+' if sign else ''}z,.{decimals}f}"


def amount(text: str) -> str:
    """A quantity or price in decimal text: all its digits, thousands grouped."""
    value = decimal(text)
    return (text or UNKNOWN) if value is None else f"{value:,f}"


def shortened(text: str, width: int) -> str:
    """One amount, or several with "/" between, in at most ``width`` characters: ``~0.0123/0.0247``.

    What is too long is rounded to the decimals that fit, with a ``~`` in front, or to millions: ``~92.68M``.
    What would become zero comes back as it is.
    """
    if len(text) <= width:
        return text
    parts = text.split("/")
    values = [value for part in parts if (value := decimal(part.replace(",", ""))) is not None]
    if len(values) < len(parts):
        return text
    most_digits = max((value.adjusted() for value in values if value), default=0)
    for decimals in range(min(12, 26 - most_digits), -1, -1):  # what a Decimal can be rounded to
        parts = []
        for value in values:
            if value and not round(value, decimals):
                return text
            parts.append(f"{round(value, decimals):,f}" if value else "0")
        if len(whole := "~" + "/".join(parts)) <= width:
            return whole
    for size, unit in _UNITS:
        for places in (2, 1, 0):
            parts = [f"{value / size:.{places}f}{unit}" if value else "0" for value in values]
            if any(value and abs(value / size) * 2 < Decimal(10) ** -places for value in values):
                continue
            if len(whole := "~" + "/".join(parts)) <= width:
                return whole
    return text


def rounded(text: str, width: int) -> str:
    """Money with its marks, ``▲+1,234.56``, in at most ``width`` characters: without cents, without commas or
    in millions; as it is where nothing helps."""
    parts = None if len(text) <= width else _MARKED.fullmatch(text)
    if parts is None:
        return text
    marks, value = parts[1], Decimal(parts[2].replace(",", ""))
    told = [f"{value:,.0f}", f"{value:.0f}"]
    told += [f"{value / size:.{places}f}{unit}" for size, unit in _UNITS for places in (2, 1, 0)]
    return next((marks + one for one in told if len(marks + one) <= width), text)


def compact(value: float) -> str:
    """A count in at most six characters: 950, 12.3k, 4.6M."""
    if abs(round(value)) < 10_000:
        return f"{value:z,.0f}"
    for size, unit in ((1e3, "k"), (1e6, "M")):
        # Rounded first: 999,999 is 1.0M, never 1000.0k.
        if abs(scaled := round(value / size, 1)) < 1000:
            return f"{scaled:.1f}{unit}"
    return f"{value / 1e9:.1f}G"


def age(ns: float | None) -> str:
    """``<1s``, ``12s``, ``3m``, ``5h``, ``2d``: coarse, so that a fresh symbol's age does not flicker.

    What lies in the future (a model newer than the tape that is replayed) has no age.
    """
    if ns is None or ns <= -NS:
        return UNKNOWN
    seconds = max(ns, 0) / NS
    if seconds < 1:
        return "<1s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def millis(ms: float | None, decimals: int = 0, *, sign: bool = False) -> str:
    """Milliseconds as a number of at most nine characters; from 100 s on with a coarser unit: ``+834d``."""
    if ms is None or abs(ms) < 100_000 or not math.isfinite(ms):
        return signed(ms, decimals) if sign else number(ms, decimals)
    return ("-" if ms < 0 else "+" if sign else "") + age(abs(ms) * 1e6)


def apart(ms: float) -> str:
    """How far two clocks are apart, in words' units: ``1,272 ms``, ``834 d``."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (10_000, "s")):
        if abs(ms) >= size:
            return f"{abs(ms) / (1000 if unit == 's' else size):,.0f} {unit}"
    return f"{abs(ms):,.0f} ms"


def clocks_off(ms: float) -> str:
    """What is wrong where a venue's time and ours are so far apart, ours less theirs: a clock of ours that is
    ahead cannot be told from data that comes late."""
    return f"{apart(ms)} behind" if ms > 0 else f"clock {apart(ms)} off"


def micros(us: float | None) -> str:
    """A latency in microseconds as ``340µs``, ``1.2ms``, ``2.1s``."""
    if us is None or not math.isfinite(us):
        return UNKNOWN
    if round(us) < 1000:
        return f"{us:.0f}µs"
    return f"{us / 1000:.1f}ms" if round(us / 1000, 1) < 1000 else f"{us / 1e6:.1f}s"


def clock(ns: int) -> str:
    """``12:00:07`` in UTC; unknown for 0."""
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%H:%M:%S") if ns > 0 else UNKNOWN


def day_of(ns: int) -> int:
    """Which day of UTC it is; the same number all day long."""
    return ns // (86_400 * NS)


def on_day(ns: int, day: int) -> str:
    """``12:00:07``; where that is not on ``day``, with its date: ``11-22 12:00:07``, ``2025-11-22 12:00`` in
    another year. ``day`` 0: not known."""
    if ns <= 0 or day <= 0 or day_of(ns) == day:
        return clock(ns)
    of_this_year = datetime.fromtimestamp(day * 86_400, UTC).year == int(moment(ns)[:4])
    return f"{moment(ns)[5:10]} {clock(ns)}" if of_this_year else moment(ns)


def moment(ns: int) -> str:
    """``2026-01-01 12:00`` in UTC; unknown for 0."""
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y-%m-%d %H:%M") if ns > 0 else UNKNOWN


def span(from_ns: int, until_ns: int) -> str:
    """``12-31 09:00 – 01-05 12:00`` in UTC, or ``09:00:00 – 12:00:00`` within a day; never longer than 25."""
    if from_ns <= 0 or until_ns <= 0:
        return UNKNOWN
    times = [datetime.fromtimestamp(ns // NS, UTC) for ns in (from_ns, until_ns)]
    form = "%H:%M:%S" if times[0].date() == times[1].date() else "%m-%d %H:%M"
    return " – ".join(time.strftime(form) for time in times)


def percent(share: float | None, decimals: int = 0) -> str:
    """A share of 1 as ``53%``."""
    return UNKNOWN if share is None or not math.isfinite(share) else f"{share * 100:z.{decimals}f}%"


def date(ns: int) -> str:
    """``2026-01-01`` in UTC; unknown for 0."""
    return moment(ns)[:10]


def clock_ms(ns: int, day: int = 0) -> str:
    """``12:00:07.123`` in UTC; where that is not on ``day``, with its date. ``day`` 0: not known."""
    if day > 0 and ns > 0 and day_of(ns) != day:
        return f"{moment(ns)[5:10]} {clock_ms(ns)}"
    return f"{clock(ns)}.{ns % NS // 1_000_000:03d}" if ns > 0 else UNKNOWN


def spark(values: tuple[float, ...], width: int) -> str:
    """The newest ``width`` values as blocks, scaled to their own range, right-aligned."""
    shown = [v for v in values if math.isfinite(v)][-width:]
    if not shown:
        return " " * width
    low, high = min(shown), max(shown)
    span = high - low
    if span <= 0:
        return (BLOCKS[3] * len(shown)).rjust(width)
    return "".join(BLOCKS[min(6, int((v - low) / span * 7))] for v in shown).rjust(width)


def bar(value: float, width: int, full: float = 1.0) -> str:
    """``value`` of ``full`` as a horizontal bar in half cells, blank-padded to ``width``."""
    halves = round(min(abs(value) / full, 1.0) * width * 2) if full > 0 and math.isfinite(value) else 0
    whole, half = divmod(halves, 2)
    return ("━" * whole + "╸" * half).ljust(width)


def symbol_parts(symbol: str) -> tuple[str, str]:
    """``("binance", "BTCUSDT")`` of ``binance:BTCUSDT``; no venue gives ``""``."""
    venue, _, native = symbol.rpartition(":")
    return venue, native
