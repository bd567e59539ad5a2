"""A scrape: every family in turn, with the loop let go between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from engine.ops.exposition import Page

log = logging.getLogger("engine.metrics")

SHARED_S = 0.25
"""Who asks again within this time gets the same page: scrapers that pile up cost one."""

Section = Callable[[Page], None]


class Metrics:
    """Pages of ``sections``; each writes some families, and is to take well below a millisecond."""

    def __init__(self, sections: Sequence[Section], timer: Callable[[], float] = time.monotonic) -> None:
        """``timer``: seconds that never step back."""
        self._sections = list(sections)
        self._timer = timer
        self._page: bytes = b""
        self._made_s = -SHARED_S
        self._one = asyncio.Lock()
        self._failed: set[Section] = set()
        self._failures = 0
        self._took_s = self._longest_s = 0.0

    def add(self, section: Section) -> None:
        """Families of another part, from the next page on."""
        self._sections.append(section)

    async def page(self) -> bytes:
        """All families, in Prometheus' text format. Never raises: what a section cannot tell is left out,
        counted, and logged once."""
        async with self._one:
            if self._timer() - self._made_s >= SHARED_S:
                self._page = await self._build()
                self._made_s = self._timer()
            return self._page

    async def warm_up(self) -> None:
        """The first page holds the loop for longer: made before anything is decided, and told to nobody."""
        async with self._one:
            await self._build()

    async def _build(self) -> bytes:
        page = Page()
        spent_s = longest_s = 0.0
        for section in self._sections:
            began = time.perf_counter()
            try:
                section(page)
            except Exception as error:  # one family's bug must not blind the operator
                self._failures += 1
                if section not in self._failed:
                    self._failed.add(section)
                    log.error("metrics of %s are left out", section, exc_info=error)
            took_s = time.perf_counter() - began
            spent_s, longest_s = spent_s + took_s, max(longest_s, took_s)
            await asyncio.sleep(0)
        self._about_itself(page)
        self._took_s, self._longest_s = spent_s, longest_s
        return page.text()

    def _about_itself(self, page: Page) -> None:
        page.gauge(
            "tickdesk_scrape_seconds", "Time of the loop that the last page before this took.", self._took_s
        )
        page.gauge(
            "tickdesk_scrape_longest_hold_seconds",
            "Longest that the page before this one held the loop at a stretch.",
            self._longest_s,
        )
        page.counter("tickdesk_scrape_failures_total", "Sections that could not be told.", self._failures)
        page.gauge("tickdesk_scrape_rows_left_out", "Rows beyond the bound of a family.", page.rows_left_out)
