"""Metrics of the API: requests by route. What a gateway answers from its mirror never comes here."""

from __future__ import annotations

from engine.api.requests import Requests
from engine.ops.exposition import Page


class RequestMetrics:
    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def __call__(self, page: Page) -> None:
        page.counters(
            "tickdesk_http_requests_total",
            "Requests that the engine answered, by route and status; streams, when they end.",
            ("method", "route", "status"),
            list(self._requests.counts.items()),
        )
        page.histograms(
            "tickdesk_http_request_duration_seconds",
            "How long the engine took to answer.",
            ("method", "route"),
            list(self._requests.times.items()),
        )
