"""What a backtest runs over, and how bars become prices that can be traded: plain data.

A plan can be written down, sent to another process and compared: the same plan, data and configuration give
the same result to the last digit.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of ``tapes``, ``files`` and ``symbols`` says whose data; all else has a default."""

    tapes: tuple[str, ...] = ()
    """Paths of tapes, as ``tickdesk replay`` takes them."""
    files: tuple[str, ...] = ()
    """Paths of bars, CSV or Parquet; each ``PATH`` or ``SYMBOL=PATH``, the symbol else the file's name."""
    symbols: tuple[str, ...] = ()
    """Of the stored history."""
    venue: str = ""
    """Of a capture's frames; "": detected."""
    interval_s: Annotated[int, Meta(ge=0, le=604_800)] = 0
    """Length of the bars; 0: a file's own, and the history's of the configuration."""
    since_ns: int = 0
    """Of a bar's beginning; 0: from the first."""
    until_ns: int = 0
    """Up to, and without; 0: to the last."""
    warm_bars: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """So many bars of each symbol before ``since_ns`` warm its indicators up; nothing is decided on them."""
    adjust: bool = True
    """Prices of stored bars are adjusted backwards for splits and dividends."""
    path: Literal["near", "open_high_low_close", "open_low_high_close"] = "near"
    """How a bar's price is taken to have moved. ``near``: the extreme nearer to the open comes first."""
    spread_bps: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    """Between bid and ask, around the bar's prices."""
    participation_pct: Annotated[float, Meta(gt=0, le=100)] = 10.0
    """Most of a bar's volume that we may trade: nothing of a bar in which nothing was. A bar that tells no
    volume trades any size."""
