"""Limits of this process's resources, below those that it was started under."""

from __future__ import annotations

import resource


def lower(which: int, most: int) -> None:
    """For good, to at most ``most``: what a service manager or a shell allowed less of stays as low, for
    nobody may raise it."""
    given = [one for one in resource.getrlimit(which) if one != resource.RLIM_INFINITY]
    allowed = min([most, *given])
    resource.setrlimit(which, (allowed, allowed))
