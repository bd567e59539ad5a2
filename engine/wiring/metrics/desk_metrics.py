"""All families of one engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.wiring.metrics.account import AccountMetrics, OrderMetrics
from engine.wiring.metrics.collect import Metrics
from engine.wiring.metrics.decisions import FlowMetrics, LoopMetrics, StageMetrics
from engine.wiring.metrics.feeds import FeedMetrics
from engine.wiring.metrics.models import ModelMetrics
from engine.wiring.metrics.process import ProcessMetrics
from engine.wiring.metrics.requests import RequestMetrics
from engine.wiring.metrics.service import AutomationMetrics, ServiceMetrics, StoreMetrics

if TYPE_CHECKING:
    from engine.wiring.live import LiveEngine


def desk_metrics(engine: LiveEngine) -> Metrics:
    desk = engine.desk
    return Metrics(
        [
            ServiceMetrics(engine),
            FeedMetrics(engine.watched, desk.clock_offset, lambda: engine.clock),
            FlowMetrics(desk),
            StageMetrics(desk),
            LoopMetrics(engine.heartbeat.lag, engine.store.commit_times),
            OrderMetrics(desk),
            AccountMetrics(desk),
            ModelMetrics(engine.model, lambda: engine.clock),
            StoreMetrics(engine),
            AutomationMetrics(engine),
            engine.bus_metrics,
            RequestMetrics(engine.requests),
            ProcessMetrics(engine.started_ns),
        ]
    )
