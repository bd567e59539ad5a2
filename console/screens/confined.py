"""A layout of the part of a screen in which something changed.

Textual places all widgets of a screen anew when one of them changes its size or goes. A container whose own
size does not depend on what is in it keeps that to itself: what is around it stands as it stood.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from textual._compositor import CompositorMap
from textual.dom import DOMNode
from textual.widget import Widget

_ROOT = ((0, 0, 0),)
"""The order of the topmost widget of an arrangement."""


def changed_part(changed: Mapping[DOMNode, Set[Widget]]) -> Widget | None:
    """The container to which all changes keep, by ``Screen._layout_widgets``: containers, each with what
    changed in it, up to one that does not depend on that. None: there is no such one below the screen."""
    tops = [node for node in changed if changed.keys().isdisjoint(node.ancestors)]
    if len(tops) != 1 or not isinstance(tops[0], Widget) or not isinstance(tops[0].parent, Widget):
        return None
    return None if tops[0].styles.auto_dimensions else tops[0]


def merged(
    old: CompositorMap, part: Widget, inner: CompositorMap
) -> tuple[CompositorMap, set[Widget]] | None:
    """(``old`` with ``inner`` in place of all in ``part``, what was in it); ``inner`` is arranged as if
    ``part`` were a screen. None where something in it stands over other widgets."""
    at = old[part]
    depth, offset, base = len(at.order), at.region.offset, at.order[-1][2]
    before = {widget for widget, place in old.items() if place.order[:depth] == at.order}
    new = {widget: place for widget, place in old.items() if widget not in before}
    for widget, place in inner.items():
        if place.order[:1] != _ROOT:
            return None
        if widget is part:
            new[widget] = at._replace(virtual_size=place.virtual_size, container_size=place.container_size)
            continue
        region = place.region.translate(offset)
        own = len(place.order) == 1  # a scrollbar of the part itself
        new[widget] = place._replace(
            region=region,
            order=at.order + tuple((layer, z, number + base) for layer, z, number in place.order[1:]),
            clip=at.clip if own else place.clip.translate(offset).intersection(at.clip),
            virtual_region=region if place.virtual_region is place.region else place.virtual_region,
            dock_gutter=at.dock_gutter if own else place.dock_gutter,
        )
    return new, before
