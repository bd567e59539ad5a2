"""Replies of a REST service run through its parser: is it right?

A service's replies stand by themselves, so only decoding is judged. A reply that the desk would ask for must
give bars, or be recognised as an error; any other is not used.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

import msgspec

from engine.config import PollingConfig
from engine.errors import TickdeskError
from engine.events import Candle
from engine.feeds.base import UnreachableError
from engine.feeds.checking.report import Counting, Line
from engine.feeds.rest import RefusedError
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.registry import KEYS, SERVICES
from engine.feeds.sources.rest_source import Surroundings
from engine.feeds.timestamps import MAX_NS

_NOW_NS = 1_767_225_600_000_000_000
"""Where a row tells no time."""
_ASKED = {
    "yahoo": re.compile(r"/v8/finance/chart"),
    "polygon": re.compile(r"/v2/aggs/ticker/"),
    "twelve-data": re.compile(r"/time_series"),
    "alpha-vantage": re.compile(
        r'"(?:Time Series \(|Global Quote"|Realtime Currency Exchange|Note"|Information"|Error Message")'
    ),
}
"""What the desk asks for, by the address, the origin, or the beginning of the body."""
_NEVER_ASKED = re.compile(r'"Time Series \(Digital Currency Intraday\)"')
"""A function that the service took away."""
_INTERVALS = (
    (r"interval=1m\b|range/1/minute|1min\b", 60),
    (r"interval=5m\b|5min\b", 300),
    (r"interval=1h\b|60min\b", 3600),
)


class SourceCheck(Counting):
    """Rows in, report out. One file each; nothing is asked."""

    def __init__(self, service: str, file: str = "") -> None:
        """``service`` is one of the sources' registry."""
        super().__init__(service, file)
        self.report.samples = True
        self._service = service
        self._source = SERVICES[service](PollingConfig(), _nowhere(KEYS[service]))

    def row(self, row: Line) -> None:
        if row.raw is None:
            if row.ch not in ("open", "tx"):
                self._malformed("not a row", "", "a reply without its text")
            return
        try:
            msgspec.json.decode(row.raw)
        except msgspec.MsgspecError as error:
            self._malformed("reply", row.raw, error)
            return
        where = f"{row.url} {row.src} {row.raw[:1000]}"
        if not _ASKED[self._service].search(where) or _NEVER_ASKED.search(where):
            self.report.skipped += 1
            return
        recv_ns = row.t if row.t is not None and 0 <= row.t <= MAX_NS else _NOW_NS
        kind, bars = self._read(where, row.raw.encode(), recv_ns)
        if not kind:
            self._malformed("reply", row.raw, bars)
            return
        self._count(kind)
        if bars and not isinstance(bars, str):
            self.report.events["candles"] = self.report.events.get("candles", 0) + len(bars)

    def _read(self, where: str, body: bytes, recv_ns: int) -> tuple[str, list[Candle] | str]:
        """What kind of reply it is and its bars; "" and why, where no parser takes it."""
        symbol, source, why = f"{self._service}:CHECK", self._source, ""
        interval_s = next((s for words, s in _INTERVALS if re.search(words, where)), 86_400)
        for kind in ("bars", "latest"):
            try:
                if kind == "bars":
                    return kind, source.parse_bars(symbol, "CHECK", interval_s, body, recv_ns)
                return kind, source.parse_latest(symbol, "CHECK", body, recv_ns)
            except (UnreachableError, RefusedError):
                return "error", []
            except (msgspec.MsgspecError, TickdeskError, ValueError, ArithmeticError, LookupError) as error:
                why = why or str(error) or type(error).__name__
        return "", why


def _nowhere(variable: str) -> Surroundings:
    async def keep(name: str, state: BudgetState) -> None:
        raise AssertionError("nothing is asked, so no budget is spent")

    environ: Mapping[str, str] = {variable: "none"} if variable else {}
    return Surroundings(lambda: _NOW_NS, random.Random(0), {}, environ, {}, keep)
