"""Metrics of the way from a tick to an order: counts of the stages, what was refused, how long it took."""

from __future__ import annotations

from engine.histogram import Histogram
from engine.ops.exposition import Page
from engine.wiring.desk import Desk


class StageMetrics:
    """Latencies. A page of its own holds them: they are the longest family."""

    def __init__(self, desk: Desk) -> None:
        self._stages = desk.stages

    def __call__(self, page: Page) -> None:
        rows = [((stage.replace(" ", "_"),), one) for stage, one in self._stages.histograms()]
        page.histograms(
            "tickdesk_stage_latency_seconds", "How long a stage of the desk took.", ("stage",), rows
        )


class LoopMetrics:
    """How late the loop's timer was, and how long the disk took."""

    def __init__(self, loop_lag: Histogram, commit_times: Histogram) -> None:
        self._loop_lag = loop_lag
        self._commit_times = commit_times

    def __call__(self, page: Page) -> None:
        page.histograms(
            "tickdesk_loop_lag_seconds",
            "How much later than asked for the engine's loop came to its timer.",
            (),
            [((), self._loop_lag)],
        )
        page.histograms(
            "tickdesk_store_commit_seconds",
            "Transactions of the journal, until the disk said that it holds them.",
            (),
            [((), self._commit_times)],
        )


class FlowMetrics:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, page: Page) -> None:
        desk, trading = self._desk, self._desk.trading
        funnel = desk.funnel()
        page.counters(
            "tickdesk_ticks_total",
            "Ticks taken in.",
            ("kind",),
            [(("trade",), funnel["trades"]), (("quote",), funnel["quotes"])],
        )
        page.counter("tickdesk_bars_total", "Bars closed.", desk.bars)
        page.counter(
            "tickdesk_signals_total", "Signals of strategies, quant and models.", desk.signals.signals
        )
        page.counter("tickdesk_blends_total", "Scores blended of them.", desk.signals.blends)
        page.counter("tickdesk_opportunities_total", "Opportunities found.", desk.signals.opportunities)
        page.counters(
            "tickdesk_drops_total",
            "What was given up on the way, by stage and reason.",
            ("stage", "reason"),
            [(_two(code), count) for code, count in list(desk.drops.items())],
        )
        page.counters(
            "tickdesk_denied_total",
            "Orders that risk denied, by reason.",
            ("reason",),
            [((code,), count) for code, count in list(trading.denied.items())],
        )
        page.counters(
            "tickdesk_rejected_ticks_total",
            "Ticks that were not believed, by reason.",
            ("reason",),
            [
                (_two(code)[1:], count)
                for code, count in list(desk.drops.items())
                if code.startswith("market:")
            ],
        )
        page.gauge("tickdesk_symbols", "Symbols on the desk.", len(desk.instruments))
        page.gauge(
            "tickdesk_symbols_stale",
            "Symbols whose data are too old to trade on.",
            desk.freshness.stale_count(desk.now_ns, desk.limits.stale_ns),
        )


def _two(code: str) -> tuple[str, str]:
    stage, _, reason = code.partition(":")
    return stage, reason
