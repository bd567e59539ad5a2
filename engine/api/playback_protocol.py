"""What a client may ask of a desk that plays a tape. How it is played: ``StatusRow.playback``.

Forward, every event between is decided upon, unpaced: the outcome is that of playing. Backward, the desk
begins anew from the tape's start: orders, positions and what was set by hand in this replay are gone; streams
are closed with the code 1012 (service restart, RFC 6455 §7.4 and the IANA registry), and clients come back.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MOST_STEPS = 100_000


class PlaybackPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is None stays as it is. At most one of ``step``, ``to_ns``, ``by_s`` and ``to_share``."""

    state: Literal["playing", "paused"] | None = None
    speed: Annotated[float, Meta(ge=0, le=1000)] | None = None
    """0.1 to 1,000 times real time; 0: as fast as it goes."""
    step: Literal["event", "frame", "bar"] | None = None
    """Pause, and let so much through: single events; all that came at one instant; up to a bar's close."""
    count: Annotated[int, Meta(ge=1, le=MOST_STEPS)] = 1
    """Of ``step``: events or bars."""
    to_ns: Annotated[int, Meta(ge=0)] | None = None
    """Seek to this time of the tape."""
    by_s: float | None = None
    """Seek so many seconds of the tape on, or back where it is below 0."""
    to_share: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Seek to this part of the tape."""
