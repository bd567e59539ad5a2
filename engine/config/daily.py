"""The daily run."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from engine.config.values import Seconds, Section

Holiday = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]


class DailyConfig(Section, frozen=True):
    """``tickdesk daily`` and ``tickdesk paper-run``. Sizes are those of ``[targets]``."""

    at: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "19:30"
    """UTC; when the timer that ``tickdesk systemd --timer`` prints starts it."""
    sessions: tuple[str, ...] = ()
    """When the market trades, UTC, e.g. ``mon-fri 13:30-20:00``; empty: as ``opportunities.sessions``, and
    where that is empty, too, it never closes."""
    holidays: tuple[Holiday, ...] = ()
    """Days without a session, e.g. ``2026-12-25``."""
    history_s: Seconds = 900.0
    """How long the engine may take to load what is missing of the stored bars."""
    bars: Annotated[int, Meta(ge=61, le=5_000)] = 300
    """Of each symbol, the newest: what the gate looks at."""
    max_age_bars: Annotated[float, Meta(ge=1, le=100)] = 2.0
    """A symbol whose newest bar ended earlier than so many bars before now, or before its market closed, is
    left out."""
    scores_s: Seconds = 3600.0
    """Targets are not computed of features that are older."""
    prices_s: Seconds = 60.0
    """How long fresh prices are waited for."""
    plan_s: Seconds = 600.0
    """Orders that have not left so long after they were planned do not leave any more."""
    fill_s: Seconds = 60.0
    """How long the outcome of orders is waited for."""
