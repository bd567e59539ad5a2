"""Base of all events, and the unit of time."""

from __future__ import annotations

import msgspec

NS = 1_000_000_000
"""Nanoseconds in a second."""


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag=True):
    """Base of all events: immutable, cheap for the garbage collector, tagged by class name on the wire."""
