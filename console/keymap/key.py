"""A key: what it does, where, and how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

DESK, TABLE, STRATEGIES, OPENING = "desk", "table", "strategies", "opening"
ORDERS, POSITIONS, TABBED, CHART, ROWS = "orders", "positions", "tabbed", "chart", "rows"
"""Where a key works: anywhere on the desk; in a table or what has its keys; in pane 5; where a row opens; in
pane 4; in pane 3; where a pane has tabs; in pane 7; where there are rows or lines to look through."""


class Key(NamedTuple):
    id: str
    keys: str
    """Textual's names, comma-separated; each does the same."""
    action: str
    shown: str
    """As a person reads it."""
    label: str
    """For the footer; "" is not shown there."""
    help: str
    where: str = DESK
    palette: bool = True
    by_pane: Mapping[int, tuple[str, str]] = MappingProxyType({})
    """Label and help in some panes, instead of those above."""

    def in_pane(self, pane: int) -> Key:
        """The key as it is called in a pane (1 to 8)."""
        label, help = self.by_pane.get(pane, (self.label, self.help))
        return self._replace(label=label, help=help)
