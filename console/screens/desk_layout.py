"""Where the panes of the desk stand, at each size of the terminal, whichever of them are shown.

Rows of panes, each with its least height and its part of what is left over. A pane that is not shown leaves
its room to its neighbours, an empty row to the other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

FUNNEL = 0
TICKS, OPPORTUNITIES, POSITIONS, ORDERS, STRATEGIES, LOG, MARKET, DESK = range(1, 9)
SYMBOL_PANES = frozenset({TICKS, OPPORTUNITIES, POSITIONS, ORDERS})
"""Whose rows are of a symbol."""

COMPACT = (80, 24)
"""Least columns and rows for one full pane; below, only status and positions are shown."""
MEDIUM = (110, 36)
"""Least for two panes side by side."""
WIDE = (160, 36)
"""Least for three."""
TALL = 46
"""Rows from which two across have room for the market and the desk at once; below, they share a place."""
LAYOUTS = ("-tiny", "-compact", "-medium", "-wide")


class Row(NamedTuple):
    panes: tuple[tuple[int, int], ...]
    """(pane, its part of the width)."""
    least: int
    """Lines it needs, borders included."""
    part: int = 0
    """Of the lines that are left over."""


_THREE_ACROSS = (
    Row(((TICKS, 15), (OPPORTUNITIES, 14), (STRATEGIES, 11)), 10, 11),
    Row(((MARKET, 25), (DESK, 15)), 9, 18),
    Row(((POSITIONS, 19), (ORDERS, 21)), 7, 7),
    Row(((FUNNEL, 1),), 2),
    Row(((LOG, 1),), 5, 3),
)
_TWO_ACROSS = (
    Row(((TICKS, 1), (OPPORTUNITIES, 1)), 11, 4),
    Row(((MARKET, 1), (DESK, 1), (STRATEGIES, 1)), 9, 5),
    Row(((POSITIONS, 1), (ORDERS, 1)), 7, 2),
    Row(((FUNNEL, 1),), 2),
    Row(((LOG, 1),), 4, 1),
)
_TWO_ACROSS_TALL = (
    Row(((TICKS, 1), (OPPORTUNITIES, 1)), 11, 4),
    Row(((MARKET, 1), (DESK, 1)), 10, 5),
    Row(((POSITIONS, 1), (STRATEGIES, 1)), 9, 2),
    Row(((ORDERS, 1),), 6, 2),
    Row(((FUNNEL, 1),), 2),
    Row(((LOG, 1),), 5, 1),
)


def layout_for(width: int, height: int) -> str:
    """The name of the layout that fits a terminal of this size."""
    fitting = "-tiny"
    for name, (columns, rows) in zip(LAYOUTS[1:], (COMPACT, MEDIUM, WIDE), strict=True):
        if width >= columns and height >= rows:
            fitting = name
    return fitting


class Scene(NamedTuple):
    """What decides which panes are seen, and where."""

    layout: str
    rows: int
    """Of the terminal."""
    active: int
    zoomed: bool = False
    hidden: frozenset[int] = frozenset()
    beside: int = MARKET
    """The one of market and desk that was chosen last, where they share a place."""

    @property
    def single(self) -> bool:
        """One pane has the screen."""
        return self.zoomed or self.layout in ("-compact", "-tiny")

    @property
    def shared(self) -> bool:
        """Whether market and desk stand in one place."""
        return self.layout == "-medium" and self.rows < TALL and not self.zoomed

    def shown(self) -> frozenset[int]:
        """The panes that are seen, the funnel's strip included."""
        if self.layout == "-tiny":
            return frozenset({POSITIONS})
        if self.zoomed:
            return frozenset({self.active})
        if self.layout == "-compact":
            # Where there is no room for the funnel, what fell stands below the opportunities.
            below = {FUNNEL} if self.active == OPPORTUNITIES else set()
            return frozenset({self.active, *below, *({LOG} - self.hidden)})
        seen = set(range(TICKS, DESK + 1)) - self.hidden | {FUNNEL}
        if self.shared and seen >= {MARKET, DESK}:
            seen.discard(DESK if self.beside == MARKET else MARKET)
        return frozenset(seen)

    @property
    def places(self) -> tuple[object, ...]:
        """What there is to place; scenes where that is the same look the same."""
        return _places(self)

    def turns(self, before: Scene) -> bool:
        """Whether it differs from ``before`` in nothing but the pane that has the screen."""
        return self.single and self._replace(active=before.active, beside=before.beside) == before

    def rows_of_panes(self) -> Sequence[Row]:
        if not self.single:
            if self.layout == "-wide":
                return _THREE_ACROSS
            return _TWO_ACROSS if self.shared else _TWO_ACROSS_TALL
        whole = Row(((self.active, 1),), 1, 1)
        if self.zoomed or self.layout == "-tiny" or self.active == LOG:
            return (whole,)
        return (whole, Row(((FUNNEL, 1),), 1), Row(((LOG, 1),), 2))


@lru_cache(64)
def _places(scene: Scene) -> tuple[object, ...]:
    return scene.layout, scene.zoomed, scene.hidden, scene.shown(), scene.rows_of_panes()


def shares(total: int, parts: Sequence[int]) -> list[int]:
    """``total`` cells in proportion to ``parts``, without a remainder."""
    whole = sum(parts)
    ends = [total * end // whole for end in accumulate(parts)] if whole else [0] * len(parts)
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def regions(rows: Iterable[Row], shown: Set[int], width: int, height: int) -> dict[int, Region]:
    """Where each pane that is shown stands in ``width`` × ``height`` cells."""
    kept = [
        row._replace(panes=panes)
        for row in rows
        if (panes := tuple(pane for pane in row.panes if pane[0] in shown))
    ]
    if kept and not any(row.part for row in kept):
        kept[-1] = kept[-1]._replace(part=1)  # somebody takes what is left
    spare = max(height - sum(row.least for row in kept), 0)
    extra = shares(spare, [row.part for row in kept])
    out: dict[int, Region] = {}
    y = 0
    for row, more in zip(kept, extra, strict=True):
        tall = max(min(row.least + more, height - y), 0)
        x = 0
        for (pane, _part), wide in zip(
            row.panes, shares(width, [part for _, part in row.panes]), strict=True
        ):
            out[pane] = Region(x, y, wide, tall)
            x += wide
        y += tall
    return out


class PanesLayout(Layout):
    name = "panes"

    def __init__(self, numbers: Mapping[Widget, int]) -> None:
        self._numbers = numbers
        self.scene = Scene("-wide", 50, TICKS)

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        shown = {self._numbers[child] for child in children}
        where = regions(self.scene.rows_of_panes(), shown, size.width, size.height)
        nowhere = Region(0, 0, 0, 0)
        return [
            WidgetPlacement(
                where.get(self._numbers[child], nowhere), NULL_OFFSET, Spacing.all(0), child, 0, False
            )
            for child in children
        ]


class PanesArea(Widget):
    """Holds the panes, each where ``scene`` puts it."""

    DEFAULT_CSS = "PanesArea { height: 1fr; }"

    def __init__(self, numbers: Mapping[Widget, int], *, id: str | None = None) -> None:
        super().__init__(*numbers, id=id)
        self._layout = PanesLayout(numbers)

    @property
    def layout(self) -> Layout:
        return self._layout

    @property
    def scene(self) -> Scene:
        """What it shows."""
        return self._layout.scene

    def stands(self, scene: Scene) -> bool:
        """Whether all that ``scene`` places stands there already."""
        return self.is_mounted and scene.places == self._layout.scene.places

    def stage(self, scene: Scene) -> None:
        """Show what ``scene`` shows, where it does."""
        moved = not self.stands(scene)
        self._layout.scene = scene
        # Another active pane alone stands where it stood: to place all of them anew takes longest of all.
        if moved:
            self.refresh(layout=True)
