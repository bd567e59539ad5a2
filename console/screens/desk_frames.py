"""The frames of the panes: which one is active shows on its frame, and nowhere else.

The stylesheet says how, and is asked once for each of the two looks of a pane: to match its rules anew and to
draw a pane to its last line took longer than everything else that a key does which goes from pane to pane.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import is_not
from typing import Any, cast

from textual.css.model import RuleSet
from textual.geometry import Region
from textual.widget import Widget

from widgets.frame_lines import FrameLines

ACTIVE = "-active"
_FRAME = frozenset(
    {
        *(f"border_{side}" for side in ("top", "right", "bottom", "left")),
        *(f"border_title_{rule}" for rule in ("color", "background", "style")),
        *(f"border_subtitle_{rule}" for rule in ("color", "background", "style")),
    }
)
"""Rules that draw the frame alone, as long as there is one before and after."""

_Look = Mapping[str, Any]
"""Values of the rules in which the two looks differ; None: the rule is not there."""


class Frames:
    """Marks panes as active, or no longer so."""

    def __init__(self) -> None:
        self._parsed: object = None
        """The stylesheet's rules when they were looked at last: every widget that is new adds some."""
        self._rules: list[RuleSet] = []
        """Those of an active pane, from which the looks were learnt: another theme brings others."""
        self._looks: dict[tuple[Widget, frozenset[str], frozenset[str]], _Look] = {}
        """By pane, its classes and the screen's."""

    def mark(self, pane: Widget, active: bool) -> bool:
        """False: it was so already."""
        if pane.has_class(ACTIVE) == active:
            return False
        if not pane.is_attached:
            pane.set_class(active, ACTIVE, update=False)  # it is styled when it comes
            return True
        stylesheet = pane.app.stylesheet
        if stylesheet.rules is not self._parsed:
            self._parsed = stylesheet.rules
            rules_now = stylesheet.rules_map.get(f".{ACTIVE}", [])
            if len(rules_now) != len(self._rules) or any(map(is_not, rules_now, self._rules)):
                self._looks.clear()
                self._rules = rules_now
        before = pane, pane.classes, pane.screen.classes
        pane.set_class(active, ACTIVE, update=False)
        after = pane, pane.classes, pane.screen.classes
        rules = cast("dict[str, Any]", pane.styles.base._rules)
        look = self._looks.get(after)
        if look is not None:
            _dress(pane, rules, look)
            return True
        old = dict(rules)
        stylesheet.update_nodes([pane])
        new = dict(pane.styles.base._rules)
        differing = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        if differing <= _FRAME and _edges(old) == _edges(new):
            self._looks[before] = {name: old.get(name) for name in differing}
            self._looks[after] = {name: new.get(name) for name in differing}
        return True


def _edges(rules: Mapping[str, Any]) -> list[bool]:
    """Which sides have a line: that decides how much room is left within."""
    sides = (rules.get(f"border_{side}") for side in ("top", "right", "bottom", "left"))
    return [side is not None and bool(side[0]) for side in sides]


def _dress(pane: Widget, rules: dict[str, Any], look: _Look) -> None:
    if not look:
        return
    for name, value in look.items():
        if value is None:
            rules.pop(name, None)
        else:
            rules[name] = value
    pane.styles.base._updates += 1
    cache = pane._styles_cache
    assert isinstance(cache, FrameLines)
    cache.dressed += 1
    # Not by its own refresh: that has the lines drawn anew, and these are known.
    width, height = pane.outer_size
    if width and height:
        edges = (
            Region(0, 0, width, 1),
            Region(0, height - 1, width, 1),
            Region(0, 0, 1, height),
            Region(width - 1, 0, 1, height),
        )
        pane._dirty_regions.update(edges)
        pane._repaint_regions.update(edges)
        pane._repaint_required = True
        pane.check_idle()
