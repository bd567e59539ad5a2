"""Jobs of automations on workers beyond the engine's process."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from engine.config.values import Section


class JobsConfig(Section, frozen=True):
    """With a broker, calls and notifications of automations are done by ``tickdesk jobs worker``."""

    broker_url: str = ""
    """redis://…, rediss://… or unix://… (needs ``tickdesk[celery]``); "": in the engine's process."""
    prefix: Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,64}$")] = "dfp"
    """How every key in Redis begins; the engine's and its workers' are the same."""
    when_down: Literal["in_process", "fail"] = "in_process"
    """What becomes of a job that no worker has begun after ``wait_s``, while nobody can begin it any more."""
    wait_s: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0
    """So long a job waits for the broker, or for a worker to begin it."""
    time_limit_s: Annotated[float, Meta(ge=1, le=3600)] = 120.0
    """A worker gives up a job's steps after it; so does the engine, when the broker is away for so long."""
    lease_s: Annotated[float, Meta(ge=1, le=600)] = 15.0
    """A worker that is not heard of for so long has lost its job to the next."""
    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    """So often a job is begun, when its workers die."""
    deadline_s: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    """After it no attempt begins."""
