"""The candle chart: bars with volume, the desk's indicators, our fills and our prices."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import NamedTuple

from rich.cells import cell_len

from engine.api.market_protocol import CandleRow, FillRow
from engine.events import NS
from widgets import figures
from widgets.cells import Cell, fit, printable
from widgets.lines import Line, join_items
from widgets.market.candles import draw_candle, draw_volume
from widgets.market.canvas import Canvas
from widgets.market.part import blank_lines, exact
from widgets.market.prices import price_text, size_text
from widgets.market.scale import Scale, scale_of
from widgets.market.studies import Curve, curves_of
from widgets.market.surroundings import Mark, price_of
from widgets.market.time_axis import time_line

SPACED = 44
"""Columns from which on a blank stands between two candles."""
_LETTERS = 2
"""Of our prices before a label of the axis."""
_INKS = {
    "E": "accent",
    "S": "down",
    "t": "down",
    "T": "up",
    "b": "key",
    "s": "key",
    "◂": "bold",
    "~": "stale",
}
_OURS = "┄"
_RSI_ROWS = 4
_RSI_LINES = (70.0, 30.0)


class Chart(NamedTuple):
    """All that a chart depends on but its size."""

    bars: tuple[CandleRow, ...]
    """Oldest first; as many of the newest are drawn as there is room for."""
    names: tuple[str, ...] = ()
    """Of the indicators in each bar."""
    study: str = "none"
    marks: tuple[Mark, ...] = ()
    fills: tuple[FillRow, ...] = ()
    """Oldest first."""
    last: float | None = None
    """The newest price; None where newer bars than these are known."""
    decimals: int = 2
    interval_s: int = 60
    back: int = 0
    """Bars that are newer than these."""
    stale: bool = False
    """The newest price is not of now."""


class _Frame(NamedTuple):
    """What goes where."""

    plot: int
    axis: int
    step: int
    """Columns from one candle to the next."""
    head: int
    price: int
    volume: int
    rsi: int
    times: int


def axis_width(chart: Chart, width: int) -> int:
    """Columns of the labels beside the chart."""
    bars = [bar for bar in chart.bars if is_drawable(bar)]
    prices = [mark.price for mark in chart.marks]
    if bars:
        prices += [max(bar.high for bar in bars), min(bar.low for bar in bars)]
    longest = max((len(price_text(price, chart.decimals)) for price in prices), default=0)
    return min(max(longest, 7) + _LETTERS, width // 2)


def room_for(chart: Chart, width: int) -> int:
    """How many bars are drawn in ``width`` columns."""
    plot = max(width - axis_width(chart, width), 0)
    return plot // (2 if plot >= SPACED else 1)


def is_drawable(bar: CandleRow) -> bool:
    return all(map(math.isfinite, (bar.open, bar.high, bar.low, bar.close)))


def chart_lines(chart: Chart, width: int, height: int) -> list[Line]:
    """``height`` lines of ``width`` cells; whatever the figures are, it draws."""
    if height <= 0 or width <= 0:
        return blank_lines([], max(width, 0), height)
    room = room_for(chart, width)
    bars = [bar for bar in chart.bars if is_drawable(bar)][-room:] if room else []
    if not bars:
        return blank_lines(
            [exact([(" no bar yet: one comes with the next trade", "muted")], width)], width, height
        )
    curves = curves_of(chart.study, chart.names)
    frame = _frame(chart, width, height)
    beside = chart.study == "RSI"
    scale = _scale(chart, bars, [] if beside else curves, frame.price)
    columns = _columns(frame, len(bars))
    canvas = Canvas(frame.plot, height - frame.head - frame.times)
    for x, bar in zip(columns, bars, strict=True):
        draw_candle(canvas, x, bar, scale)
    _draw_fills(canvas, chart, bars, columns, scale)
    _draw_volume(canvas, bars, columns, frame)
    if not beside:
        for curve in curves:
            points = [(2 * x, _dot(bar, curve.place, scale)) for x, bar in zip(columns, bars, strict=True)]
            canvas.curve(points, curve.style, curve.dash)
    elif frame.rsi:
        _draw_rsi(canvas, curves, bars, columns, frame)
    canvas.lay_curves()
    labels = _draw_prices(canvas, chart, scale, frame)
    lines = [_head(chart, bars, curves, scale, width)] if frame.head else []
    for y in range(canvas.height):
        label = labels.get(y)
        lines.append((*canvas.row(y), label if label is not None else (" " * frame.axis, "text")))
    if frame.times:
        times = time_line(bars, columns, chart.interval_s, frame.plot)
        lines.append(exact([(times + fit("UTC", frame.axis, right=True), "muted")], width))
    return lines


def _frame(chart: Chart, width: int, height: int) -> _Frame:
    """Candles come first; what else there is room for, stands above and below them."""
    axis = axis_width(chart, width)
    plot = width - axis
    step = 2 if plot >= SPACED else 1
    head, times = int(height >= 6), int(height >= 4)
    rows = height - head - times
    rsi = max(_RSI_ROWS, rows // 5) if chart.study == "RSI" and rows >= 3 * _RSI_ROWS else 0
    volume = max(2, (rows - rsi) // 6) if rows - rsi >= 9 else 0
    return _Frame(plot, axis, step, head, rows - rsi - volume, volume, rsi, times)


def _columns(frame: _Frame, count: int) -> list[int]:
    """Of each bar, the newest at the right."""
    last = frame.plot - frame.step
    return [last - frame.step * (count - 1 - n) for n in range(count)]


def _scale(chart: Chart, bars: list[CandleRow], curves: list[Curve], rows: int) -> Scale:
    """The candles decide: indicators and prices of ours that are far from them do not flatten them."""
    prices = [price for bar in bars for price in (bar.high, bar.low, bar.open, bar.close)]
    others = [mark.price for mark in chart.marks]
    for bar in bars:
        others += [value for curve in curves if (value := _value(bar, curve.place)) is not None]
    return scale_of(prices, others, rows)


def _value(bar: CandleRow, index: int) -> float | None:
    value = bar.indicators[index] if index < len(bar.indicators) else None
    return value if value is not None and math.isfinite(value) else None


def _dot(bar: CandleRow, index: int, scale: Scale) -> int | None:
    value = _value(bar, index)
    return None if value is None or not scale.holds(value) else scale.place(value, 4)


def _draw_fills(
    canvas: Canvas, chart: Chart, bars: list[CandleRow], columns: list[int], scale: Scale
) -> None:
    """Each at its price and its bar; both sides in one cell are told as such."""
    opens = [bar.open_ns for bar in bars]
    until = opens[-1] + max(chart.interval_s, 1) * NS
    drawn: dict[tuple[int, int], str] = {}
    for fill in chart.fills:
        index, price = bisect_right(opens, fill.ns) - 1, price_of(fill.price)
        if index < 0 or price is None or not scale.holds(price) or (chart.back and fill.ns >= until):
            continue
        place = columns[index], scale.row(price)
        glyph = "▲" if fill.side == "buy" else "▼"
        drawn[place] = glyph if drawn.get(place, glyph) == glyph else "◆"
    for (x, y), glyph in drawn.items():
        canvas.put(x, y, glyph, "key")


def _draw_volume(canvas: Canvas, bars: list[CandleRow], columns: list[int], frame: _Frame) -> None:
    volumes = [bar.volume if bar.volume is not None and math.isfinite(bar.volume) else 0.0 for bar in bars]
    most = max(volumes)
    if not frame.volume or most <= 0:
        return
    for x, volume in zip(columns, volumes, strict=True):
        draw_volume(canvas, x, frame.price, frame.volume, max(volume, 0.0) / most)


def _draw_rsi(
    canvas: Canvas, curves: list[Curve], bars: list[CandleRow], columns: list[int], frame: _Frame
) -> None:
    scale = Scale(0.0, 100.0, frame.rsi)
    top = 4 * (frame.price + frame.volume)
    for curve in curves[:1]:
        points: list[tuple[int, int | None]] = []
        for x, bar in zip(columns, bars, strict=True):
            dot = _dot(bar, curve.place, scale)
            points.append((2 * x, None if dot is None else top + dot))
        canvas.curve(points, curve.style)


def _draw_prices(canvas: Canvas, chart: Chart, scale: Scale, frame: _Frame) -> dict[int, Cell]:
    """Lines at the newest price and at ours. Returns the labels of the axis by row."""
    labels: dict[int, Cell] = {}
    for price in scale.round_prices(3):
        labels[scale.row(price)] = (_label("", price, chart, frame), "muted")
    if frame.rsi:
        for value in _RSI_LINES:
            y = frame.price + frame.volume + Scale(0.0, 100.0, frame.rsi).row(value)
            canvas.line(y, "·", "stale")
            labels[y] = (fit(f"{value:.0f}", frame.axis, right=True), "muted")
    rows: dict[int, list[Mark]] = {}
    newest = (
        []
        if chart.last is None or not math.isfinite(chart.last)
        else [Mark(chart.last, "~" if chart.stale else "◂", "")]
    )
    for mark in (*newest, *chart.marks):
        if scale.holds(mark.price):
            rows.setdefault(scale.row(mark.price), []).append(mark)
    for y, marks in rows.items():
        letters = "".join(dict.fromkeys(mark.letter for mark in marks))[:_LETTERS]
        ink = _INKS.get(marks[0].letter, "key")
        labels[y] = (_label(letters, marks[0].price, chart, frame), ink)
        words = ", ".join(mark.words for mark in marks if mark.words)
        canvas.line(y, _OURS if words else "┈", ink if words else "muted")
        _write_in(canvas, y, words, ink)
    return labels


def _write_in(canvas: Canvas, y: int, words: str, style: str) -> None:
    """Into the first stretch of a line of ours that is long enough."""
    shown = f" {printable(words)} "
    simple = bool(words) and cell_len(shown) == len(shown)
    at = "".join(canvas.chars[y]).find(_OURS * len(shown)) if simple else -1
    if at >= 0:
        canvas.write(at, y, shown, style)


def _label(letters: str, price: float, chart: Chart, frame: _Frame) -> str:
    room = frame.axis - _LETTERS
    text = price_text(price, chart.decimals, max(room, 1))
    return fit(fit(letters, _LETTERS) + fit(text, max(room, 0), right=True), frame.axis)


def _head(chart: Chart, bars: list[CandleRow], curves: list[Curve], scale: Scale, width: int) -> Line:
    """What the newest bar is, and what the lines are."""
    bar = bars[-1]
    items: list[tuple[int, Line]] = []
    if chart.back:
        items.append((0, ((f"◂ {chart.back} bar{'' if chart.back == 1 else 's'} back · G newest", "warn"),)))
    for priority, name, value in (
        (4, "O", bar.open),
        (2, "H", bar.high),
        (2, "L", bar.low),
        (0, "C", bar.close),
    ):
        items.append((priority, ((f"{name} ", "muted"), (price_text(value, chart.decimals), "text"))))
    moved = (bar.close / bar.open - 1) * 100 if bar.open > 0 else None
    items.append((3, ((figures.change(moved), figures.direction(moved)),)))
    if bar.volume is not None:
        items.append((3, (("V ", "muted"), (size_text(bar.volume), "text"))))
    for curve in curves:
        worth = _value(bar, curve.place)
        shown = figures.UNKNOWN if worth is None else _curve_value(curve, worth, chart.decimals)
        items.append((1, ((f"{curve.sample} {curve.name} ", curve.style), (shown, "text"))))
    if chart.fills:
        items.append((5, (("▲▼ our fills", "key"),)))
    for mark in chart.marks:
        if not scale.holds(mark.price):
            away = "↑" if mark.price > scale.high else "↓"
            items.append((2, ((f"{mark.words} {price_text(mark.price, chart.decimals)}{away}", "key"),)))
    return exact(list(join_items(items, width, ("  ", "muted"))), width)


def _curve_value(curve: Curve, value: float, decimals: int) -> str:
    return f"{value:.1f}" if curve.name.startswith("RSI") else price_text(value, decimals)
