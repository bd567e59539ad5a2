"""From signals to opportunities: blend, filters, models, automations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from engine.config.jobs import JobsConfig
from engine.config.values import Count, LongSeconds, Percent, Seconds, Section, Share, Weight


class BlendWeights(Section, frozen=True):
    """Percent of the blended score by family; absent families' weight goes to the present ones."""

    technical: Weight = 40.0
    speed: Weight = 15.0
    microstructure: Weight = 15.0
    open_interest: Weight = 10.0
    options: Weight = 10.0
    sentiment: Weight = 5.0
    volatility: Weight = 5.0


class OpportunitiesConfig(Section, frozen=True):
    min_score: Share = 0.3
    min_confidence: Share = 0.3
    max_spread_pct: Percent = 0.5
    ttl_s: LongSeconds = 10.0
    dedupe_s: LongSeconds = 5.0
    """A new blend for the same symbol and side within this long merges into the live opportunity."""
    min_liquidity: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    """Notional, in the quote currency, waiting at the touch or traded in the window; 0: not asked for."""
    sessions: tuple[str, ...] = ()
    """Hours (UTC) in which opportunities arise, e.g. ``mon-fri 13:30-20:00``; empty: always."""
    weights: BlendWeights = BlendWeights()


class AutomationsConfig(Section, frozen=True):
    """How signals are handed to automations; the automations themselves are stored, not configured."""

    batch_ms: Annotated[float, Meta(ge=1, le=10_000)] = 20.0
    """When idle a signal is matched at once. After a batch there is a pause as long as the batch took, at
    least this long; what comes meanwhile is the next batch."""
    batch_max_ms: Annotated[float, Meta(ge=1, le=10_000)] = 500.0
    """The longest pause, under load."""
    refresh_s: Seconds = 30.0
    """How often the stored definitions are read again."""
    max_running: Annotated[int, Meta(ge=1, le=1000)] = 100
    """Runs at work at the same time; what is matched beyond them waits, a signal's while the signal lives."""
    keep_runs: Count = 10_000
    """Ended runs that are kept in the log."""
    jobs: JobsConfig = JobsConfig()
