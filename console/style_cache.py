"""Closed dialogs are let go of.

Textual remembers the border styles of its last 1,024 widgets together with the widget's own cache of drawn
lines, since ``StylesCache.get_inner_outer`` is cached by its ``self``: hours of dialogs stay in memory. What
it computes depends on two colours alone, and is cached by them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from textual._styles_cache import StylesCache


def keep_no_closed_widgets() -> None:
    """Once or more; nothing to do where Textual does so itself."""
    known: Any = vars(StylesCache)["get_inner_outer"]
    if not isinstance(known, classmethod):
        by_colours: Any = lru_cache(1024)(known.__wrapped__)
        StylesCache.get_inner_outer = classmethod(by_colours)  # type: ignore[method-assign, assignment]
