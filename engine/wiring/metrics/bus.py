"""Metrics of the bus: its workers, its server, what waits in its streams. Who is on the bus supplies them; a
desk alone has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.ops.exposition import Page


class GroupLag(NamedTuple):
    """How far one group of consumers is behind on one stream."""

    stream: str
    group: str
    entries: int
    """That the stream holds."""
    pending: int
    """Read, not acknowledged."""
    lag: int | None
    """Not read yet; None: the server cannot tell."""
    oldest_s: float
    """Age of the oldest entry that is not acknowledged, seconds; 0: there is none."""


class Stage(NamedTuple):
    """The workers of one stage."""

    name: str
    workers: int
    """That are there."""
    delay_s: float
    """From when a round was sent until the slowest of them was through with it."""


class Whole(NamedTuple):
    """Of a topology."""

    stages: Sequence[Stage]
    gone: int
    """Workers that fell silent within the last hour, and did not say goodbye."""
    memory_bytes: int
    """Of the server."""
    most_bytes: int
    """That it may take; 0: all there is."""


class BusMetrics:
    def __init__(self) -> None:
        self._sources: list[Callable[[], Sequence[GroupLag]]] = []
        self.whole: Callable[[], Whole | None] = lambda: None
        """As looked up last; None: not known."""

    def add(self, source: Callable[[], Sequence[GroupLag]]) -> None:
        """``source()``: as looked up last; it must not wait for the bus."""
        self._sources.append(source)

    def groups(self) -> list[GroupLag]:
        return [one for source in self._sources for one in source()]

    def oldest_s(self) -> float:
        """Age of the oldest entry that anybody is still to acknowledge, seconds."""
        return max((one.oldest_s for one in self.groups()), default=0.0)

    def __call__(self, page: Page) -> None:
        whole = self.whole()
        if whole is not None:
            _whole(page, whole)
        groups = self.groups()
        streams = {one.stream: one.entries for one in groups}
        page.gauges(
            "tickdesk_bus_stream_entries",
            "Entries that a stream holds.",
            ("stream",),
            [((stream,), entries) for stream, entries in streams.items()],
        )
        for name, about, which in (
            ("pending_entries", "Entries that were read and not acknowledged.", "pending"),
            ("lag_entries", "Entries that were not read yet.", "lag"),
            (
                "oldest_unacknowledged_seconds",
                "Age of the oldest entry that is not acknowledged.",
                "oldest_s",
            ),
        ):
            rows = [((one.stream, one.group), getattr(one, which)) for one in groups]
            page.gauges(f"tickdesk_bus_{name}", about, ("stream", "group"), rows)


def _whole(page: Page, whole: Whole) -> None:
    page.gauges(
        "tickdesk_bus_workers",
        "Workers that are there.",
        ("stage",),
        [((one.name,), one.workers) for one in whole.stages],
    )
    page.gauges(
        "tickdesk_bus_delay_seconds",
        "From when a round was sent until the slowest worker of the stage was through with it.",
        ("stage",),
        [((one.name,), one.delay_s) for one in whole.stages if one.workers],
    )
    page.gauge(
        "tickdesk_bus_workers_gone",
        "Workers that fell silent within the last hour, without a goodbye.",
        whole.gone,
    )
    page.gauge("tickdesk_bus_memory_bytes", "What the server holds in memory.", whole.memory_bytes)
    page.gauge(
        "tickdesk_bus_memory_limit_bytes",
        "Where the server takes no ticks any more; absent without such a limit.",
        whole.most_bytes or None,
    )
