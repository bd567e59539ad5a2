"""What the gateway counts of itself, for whoever asks for the metrics: they stand behind the engine's."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from engine.ops.exposition import Page

if TYPE_CHECKING:
    from engine.gateway.listener import Listener
    from engine.gateway.mirror import Mirror
    from engine.gateway.streams import Streams

METRICS = "/metrics"
UNKNOWN = "unknown"
"""In place of a kind: there is no such route, or who asks was turned away before that was looked at."""


class Counted:
    """Since the start."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        """By kind of route (see ``engine.api.route.Rate``; ``stream``, ``open`` and ``signed`` besides) and
        status."""
        self.answer_bytes = 0

    def answered(self, kind: str, status: int, size: int) -> None:
        key = kind, status
        self.requests[key] = self.requests.get(key, 0) + 1
        self.answer_bytes += size

    def page(self, listener: Listener, streams: Streams, mirror: Mirror, now_s: float) -> bytes:
        page, fanout = Page(), streams.fanout
        page.counters(
            "tickdesk_gateway_requests_total",
            "Requests that the gateway answered, by kind of route and status; streams, when they end.",
            ("kind", "status"),
            [((kind, str(status)), count) for (kind, status), count in self.requests.items()],
        )
        page.gauge("tickdesk_gateway_connections", "Connections that are open.", listener.open)
        page.counter(
            "tickdesk_gateway_connections_refused_total",
            "Connections that were one too many.",
            listener.refused,
        )
        page.gauge("tickdesk_gateway_streams", "Clients of the stream.", len(fanout.clients))
        page.gauge(
            "tickdesk_gateway_streams_behind",
            "Clients of the stream that have not taken what they were told.",
            sum(client.behind_since_s is not None for client in fanout.clients),
        )
        page.counter(
            "tickdesk_gateway_streams_dropped_total",
            "Clients of the stream that were hung up on: too slow, or their token ended.",
            fanout.dropped,
        )
        page.counters(
            "tickdesk_gateway_sent_bytes_total",
            "Bytes of bodies and frames that were handed to connections.",
            ("what",),
            [(("answers",), self.answer_bytes), (("stream",), fanout.sent_bytes)],
        )
        page.gauge(
            "tickdesk_gateway_mirror_age_seconds",
            "Since the engine's last frame; absent before the first.",
            round(now_s - mirror.heard_s, 3) if mirror.ready else None,
        )
        used = resource.getrusage(resource.RUSAGE_SELF)
        page.counter(
            "tickdesk_gateway_cpu_seconds_total",
            "User and system CPU time of the gateway's process.",
            used.ru_utime + used.ru_stime,
        )
        return page.text()
