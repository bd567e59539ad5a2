"""Operation: how the engine ends, what it logs, and when it tells of itself."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from engine.config.values import Section

_Limit = Annotated[float, Meta(ge=0, le=86_400)]


class EngineConfig(Section, frozen=True):
    shutdown_s: Annotated[float, Meta(ge=2, le=600)] = 20.0
    """A stopping engine is gone after so long, whatever does not answer; a second signal ends it at once."""
    at_stop: Literal["keep", "cancel_entries"] = "keep"
    """What becomes of resting orders when the engine stops: ``keep`` leaves them for the next start;
    ``cancel_entries`` cancels those that could open a position, at brokers too."""
    hands_off: bool = False
    """It watches, and begins nothing by itself: no entry, exit or rebalancing, no automation, message or
    training, and no limit of the day changes the state. What a person asks for is done."""
    processor: Literal["own", "any"] = "own"
    """``own``: one processor is the live engine's alone, where this machine has one to spare; its own other
    work and consoles keep off it. ``any``: the system chooses."""


class LoggingConfig(Section, frozen=True):
    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    format: Literal["text", "json"] = "text"
    """Of the file and of standard error: ``key=value`` lines, or a JSON object a line."""
    max_mb: Annotated[float, Meta(ge=0.01, le=10_000)] = 2.0
    """The file ``engine.log`` is put aside when it is larger."""
    files: Annotated[int, Meta(ge=2, le=1_000)] = 5
    """How many there are, the one that is written included."""


class AlarmsConfig(Section, frozen=True):
    """When the engine tells of itself: at the desk, and by ``notify.operation`` beyond it. 0: not judged."""

    feed_lost_s: _Limit = 10.0
    """A feed is away for longer."""
    stale_s: _Limit = 30.0
    """A feed is up, and its market has brought nothing for longer."""
    disk_free_gb: Annotated[float, Meta(ge=0, le=1_000_000)] = 1.0
    """Less is free where the state directory is; a tenth of it is critical."""
    writer_lag_s: _Limit = 2.0
    """An event waits for the disk for longer."""
    loop_lag_ms: Annotated[float, Meta(ge=0, le=60_000)] = 500.0
    """The engine's loop was held up for longer."""
    bus_lag_s: _Limit = 5.0
    """The oldest entry that not all have acknowledged is older, beyond ``bus.checkpoint_s``; or the bus is
    not well for longer."""
    latency_budget_ms: Annotated[float, Meta(ge=0, le=60_000)] = 50.0
    """99 of 100 decisions, from ticks received to the order approved, are to take no longer."""
    drifted_features: Annotated[int, Meta(ge=0, le=1_000)] = 40
    """So many features of the model at work are of another distribution than in its training."""
    clear_s: _Limit = 10.0
    """What has not been for so long is over."""
    window_s: Annotated[float, Meta(ge=0, le=604_800)] = 600.0
    """The same is told once in so long, with how often it came; its end is told when it was."""
