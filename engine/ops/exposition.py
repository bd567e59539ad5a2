"""Metrics as Prometheus reads them, in its text format 0.0.4:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

Written here and not by a client library: the desk counts for itself, a scrape only prints, and it prints a
family at a time, so that the loop is never held for a whole page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, TypeVar

from engine.histogram import Histogram
from engine.text import clean

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_ROWS = 100
"""Of a family: names from outside must not grow a page, or the database that keeps it, without end."""
OTHER = "other"
"""Counts of the rows beyond that are this one's."""
_LABEL = 80
"""Characters of a label's value."""

_T = TypeVar("_T")
Labels = tuple[str, ...]
Number = float | int | None


class Page:
    """One page of metrics, a family at a time. A value that is None or not finite is left out: absent, not 0.

    Names are ``tickdesk_<what>_<unit>`` in base units; a counter's ends in ``_total``.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.rows_left_out = 0
        """Of gauges and histograms; those of counters are added up as ``other``."""

    def text(self) -> bytes:
        return ("\n".join(self._lines) + "\n").encode()

    def gauge(self, name: str, about: str, value: Number) -> None:
        self.gauges(name, about, (), [((), value)])

    def counter(self, name: str, about: str, value: Number) -> None:
        self.counters(name, about, (), [((), value)])

    def gauges(
        self, name: str, about: str, labels: Sequence[str], rows: Iterable[tuple[Labels, Number]]
    ) -> None:
        self._head(name, about, "gauge")
        for values, value in self._first(rows):
            self._sample(name, labels, values, value)

    def counters(
        self, name: str, about: str, labels: Sequence[str], rows: Iterable[tuple[Labels, Number]]
    ) -> None:
        """What only ever rises, until the next start."""
        self._head(name, about, "counter")
        kept = list(rows)
        for values, value in kept[:MOST_ROWS]:
            self._sample(name, labels, values, value)
        if len(kept) > MOST_ROWS:
            rest = sum(value or 0 for _, value in kept[MOST_ROWS:])
            self._sample(name, labels, (OTHER,) * len(labels), rest)

    def histograms(
        self, name: str, about: str, labels: Sequence[str], rows: Iterable[tuple[Labels, Histogram]]
    ) -> None:
        """Of durations, in seconds."""
        self._head(name, about, "histogram")
        for values, histogram in self._first(rows):
            starts, total, count = _histogram(name, _labels(labels, values), histogram.bounds_s)
            counts = histogram.counts
            self._lines += [f"{start}{many}" for start, many in zip(starts, counts, strict=True)]
            self._lines += (f"{total}{histogram.total_s!r}", f"{count}{counts[-1]}")

    def _first(self, rows: Iterable[tuple[Labels, _T]]) -> list[tuple[Labels, _T]]:
        kept = list(rows)
        self.rows_left_out += max(0, len(kept) - MOST_ROWS)
        return kept[:MOST_ROWS]

    def _head(self, name: str, about: str, kind: Literal["gauge", "counter", "histogram"]) -> None:
        self._lines += (f"# HELP {name} {_help(about)}", f"# TYPE {name} {kind}")

    def _sample(self, name: str, labels: Sequence[str], values: Labels, value: Number) -> None:
        if value is None or not math.isfinite(value):
            return
        braced = f"{{{_labels(labels, values)}}}" if labels else ""
        self._lines.append(f"{name}{braced} {value!r}")


@lru_cache(maxsize=1024)
def _histogram(name: str, labels: str, bounds_s: tuple[float, ...]) -> tuple[tuple[str, ...], str, str]:
    """What stands before each number of a histogram: they are most of a page, and always the same."""
    comma, braced = ("," if labels else ""), (f"{{{labels}}}" if labels else "")
    les = (*map(repr, bounds_s), "+Inf")
    starts = tuple(f'{name}_bucket{{{labels}{comma}le="{le}"}} ' for le in les)
    return starts, f"{name}_sum{braced} ", f"{name}_count{braced} "


@lru_cache(maxsize=4096)
def _value(text: str) -> str:
    return clean(text, _LABEL).replace("\\", "\\\\").replace('"', '\\"')


def _labels(names: Sequence[str], values: Labels) -> str:
    return ",".join(f'{name}="{_value(value)}"' for name, value in zip(names, values, strict=True))


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", " ")
