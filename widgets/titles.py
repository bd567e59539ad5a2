"""The titles of panes, changed without drawing the panes again."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def entitle(widget: Widget, title: str) -> bool:
    """Put ``title``, which is no markup, into the border. False: it stood there already."""
    before: Content | None = getattr(widget, "_border_title", None)
    if before is not None and before.plain == title:
        return False
    # Textual's own setter draws the whole widget anew, and all that is in it.
    setattr(widget, "_border_title", Content(title))  # noqa: B010 - Textual declares it by a descriptor
    left, top = widget.content_offset
    widget.refresh(Region(-left, -top, widget.outer_size.width, 1))
    return True
