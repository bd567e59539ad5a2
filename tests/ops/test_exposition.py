"""Metrics as text: what Prometheus' own parser makes of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from engine.histogram import Histogram
from engine.ops.exposition import MOST_ROWS, OTHER, Page


def parsed(page: Page) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(page.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.items())] = sample.value
    return found


def test_a_value_that_is_not_known_is_absent() -> None:
    page = Page()
    for name, value in (("a", 1), ("b", None), ("c", math.nan), ("d", math.inf), ("e", 0.0)):
        page.gauge(f"tickdesk_{name}", "About\nit.", value)
    assert parsed(page) == {"tickdesk_a": {(): 1.0}, "tickdesk_e": {(): 0.0}}
    assert b"# HELP tickdesk_b About it." in page.text()


@given(st.text(max_size=200))
def test_any_label_is_one_line_and_reads_back(text: str) -> None:
    page = Page()
    page.counters("tickdesk_x_total", "About.", ("code",), [((text,), 2)])
    ((labels, value),) = parsed(page)["tickdesk_x_total"].items()
    assert value == 2 and labels[0][0] == "code" and len(labels[0][1]) <= 80
    assert len(page.text().splitlines()) == 3


def test_rows_are_bounded_and_nothing_counted_is_lost() -> None:
    page = Page()
    rows = [((f"code{n}",), 1) for n in range(MOST_ROWS + 50)]
    page.counters("tickdesk_x_total", "About.", ("code",), rows)
    page.gauges("tickdesk_y", "About.", ("code",), rows)
    found = parsed(page)
    assert len(found["tickdesk_x_total"]) == MOST_ROWS + 1
    assert found["tickdesk_x_total"][(("code", OTHER),)] == 50
    assert sum(found["tickdesk_x_total"].values()) == len(rows)
    assert len(found["tickdesk_y"]) == MOST_ROWS and page.rows_left_out == 50


@given(st.lists(st.integers(0, 10**11)))
def test_a_histogram_counts_every_duration_once(durations: list[int]) -> None:
    bounds = (1e-6, 0.001, 1.0)
    histogram, page = Histogram(bounds), Page()
    for ns in durations:
        histogram.add(ns)
    page.histograms("tickdesk_x_seconds", "About.", ("stage",), [(("a",), histogram)])
    found = parsed(page)
    buckets = {
        float(dict(labels)["le"]): count for labels, count in found["tickdesk_x_seconds_bucket"].items()
    }
    assert buckets == {
        **{bound: sum(ns <= bound * 1e9 for ns in durations) for bound in bounds},
        math.inf: len(durations),
    }
    stage = (("stage", "a"),)
    assert found["tickdesk_x_seconds_count"][stage] == len(durations)
    assert found["tickdesk_x_seconds_sum"][stage] == pytest.approx(sum(durations) / 1e9)
