"""Candles in half cells: what fell is a full block, what rose a slim bar, so that the shape tells it too."""

from __future__ import annotations

from engine.api.market_protocol import CandleRow
from widgets.market.canvas import Canvas
from widgets.market.scale import Scale

NONE, WICK, BODY = 0, 1, 2
_ROSE = {
    (NONE, WICK): "╷",
    (WICK, NONE): "╵",
    (WICK, WICK): "│",
    (NONE, BODY): "╻",
    (BODY, NONE): "╹",
    (BODY, BODY): "┃",
    (WICK, BODY): "╽",
    (BODY, WICK): "╿",
}
"""By what stands in the upper and the lower half of a cell."""
_FELL = {
    **_ROSE,
    (NONE, BODY): "▄",
    (BODY, NONE): "▀",
    (BODY, BODY): "█",
    (WICK, BODY): "▄",
    (BODY, WICK): "▀",
}
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def draw_candle(canvas: Canvas, x: int, bar: CandleRow, scale: Scale) -> None:
    """Wick and body of one bar in column ``x``, from the row 0 of ``canvas`` down."""
    high, low = scale.place(bar.high, 2), scale.place(bar.low, 2)
    top, bottom = sorted((scale.place(bar.open, 2), scale.place(bar.close, 2)))
    high, low = min(high, top), max(low, bottom)
    if bar.close == bar.open:
        for y in range(high // 2, low // 2 + 1):
            canvas.put(x, y, "│", "flat")
        canvas.put(x, top // 2, "┼" if high < low else "─", "flat")
        return
    glyphs, style = (_ROSE, "up") if bar.close > bar.open else (_FELL, "down")
    for y in range(high // 2, low // 2 + 1):
        upper, lower = (
            BODY if top <= half <= bottom else WICK if high <= half <= low else NONE
            for half in (2 * y, 2 * y + 1)
        )
        canvas.put(x, y, glyphs[upper, lower], style)


def draw_volume(canvas: Canvas, x: int, y: int, rows: int, share: float) -> None:
    """A bar of ``share`` (0 to 1) of ``rows``, whose highest is ``y``."""
    eighths = round(share * rows * 8)
    for row in range(rows):
        left = min(max(eighths - row * 8, 0), 8)
        if left:
            canvas.put(x, y + rows - 1 - row, _EIGHTHS[left], "muted")
