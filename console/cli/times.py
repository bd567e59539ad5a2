"""Times as they are given on the command line."""

from __future__ import annotations

from engine.given_time import given_ns

__all__ = ["given_ns"]
