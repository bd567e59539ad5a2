"""Metrics of the model at work and its shadow. How long it takes to score is a stage of the latencies."""

from __future__ import annotations

from collections.abc import Callable

from engine.clock import Clock
from engine.ops.exposition import Page
from engine.wiring.model_slot import ModelSlot
from engine.wiring.model_view import model_row


class ModelMetrics:
    def __init__(self, slot: ModelSlot, clock: Callable[[], Clock]) -> None:
        self._slot = slot
        self._clock = clock

    def __call__(self, page: Page) -> None:
        row, scoring = model_row(self._slot), self._slot.scoring
        strategy, now_ns = row.strategy, self._clock()()
        page.gauges(
            "tickdesk_model_info",
            "1 for the version at work and for its shadow.",
            ("strategy", "role", "version"),
            [
                ((strategy, role, version), 1)
                for role, version in (("active", row.version), ("shadow", row.shadow))
                if version
            ],
        )
        page.gauges(
            "tickdesk_model_up",
            "1 while a model is at work without trouble.",
            ("strategy",),
            [((strategy,), int(bool(row.version) and not row.trouble))],
        )
        age_s = max(0, now_ns - row.created_ns) / 1e9 if row.created_ns else None
        page.gauges(
            "tickdesk_model_age_seconds",
            "Since the model at work was made; absent without one.",
            ("strategy",),
            [((strategy,), age_s)],
        )
        page.gauges(
            "tickdesk_model_live_rank_ic_ratio",
            "Rank correlation of live predictions and what came, mean of the newest steps.",
            ("strategy",),
            [((strategy,), row.live_rank_ic)],
        )
        page.gauges(
            "tickdesk_model_drifted_features",
            "Features whose live values are of another distribution than in training.",
            ("strategy",),
            [((strategy,), row.drifted)],
        )
        page.counters(
            "tickdesk_model_late_answers_total",
            "Answers of models that came too late, or never.",
            ("strategy",),
            [((strategy,), scoring.late)],
        )
