"""The table of all routes."""

from __future__ import annotations

from engine.api import (
    access_routes,
    account_routes,
    alert_routes,
    audit_routes,
    automation_routes,
    bus_routes,
    control_routes,
    data_routes,
    desk_routes,
    health_routes,
    job_routes,
    limit_routes,
    market_routes,
    metrics_routes,
    model_routes,
    openapi_routes,
    order_routes,
    playback_routes,
    recorded_routes,
    risk_routes,
    signal_routes,
    strategy_routes,
    stream_routes,
    webhook_routes,
)
from engine.api.route import Route

TABLE: tuple[Route, ...] = (
    *health_routes.ROUTES,
    *desk_routes.ROUTES,
    *access_routes.ROUTES,
    *openapi_routes.ROUTES,
    *metrics_routes.ROUTES,
    *bus_routes.ROUTES,
    *stream_routes.ROUTES,
    *control_routes.ROUTES,
    *order_routes.ROUTES,
    *risk_routes.ROUTES,
    *limit_routes.ROUTES,
    *account_routes.ROUTES,
    *strategy_routes.ROUTES,
    *signal_routes.ROUTES,
    *model_routes.ROUTES,
    *automation_routes.ROUTES,
    *job_routes.ROUTES,
    *alert_routes.ROUTES,
    *market_routes.ROUTES,
    *data_routes.ROUTES,
    *playback_routes.ROUTES,
    *recorded_routes.ROUTES,
    *audit_routes.ROUTES,
    *webhook_routes.ROUTES,
)
"""In the order in which addresses are tried: a name of its own before a parameter."""
