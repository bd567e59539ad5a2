"""What a check of a capture counts, and what of it is wrong.

Wrong is, each by itself: a message that cannot be decoded, a trade id or a message that is missing (in the
capture, whether the adapter noticed or not), trades that went on after no connection had been there, a gap
that the adapter did not notice, a checksum that does not match, a crossed book, messages of a book that was
never built (the capture lacks its snapshot), a best bid and offer that is not the venue's own (see ``best``
for the rule).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable

import msgspec

from engine.text import clean

_KINDS = 64
"""Names of channels that are counted apart."""
_EXAMPLES = 5


class Line(msgspec.Struct, gc=False):
    """A row of a capture, or one of a file of samples, which has ``src`` and ``kind`` instead of ``ch``."""

    ch: str = ""
    t: int | None = None
    raw: str | None = None
    url: str = ""
    src: str = ""
    kind: str = ""
    conn: int = 0
    """Of a recorder: tells connections apart that were open side by side."""


class KindCount(msgspec.Struct):
    """Messages of one channel, or replies of one kind."""

    decoded: int = 0
    undecodable: int = 0


class TickerResult(msgspec.Struct):
    """Best bid and offer against the venue's own."""

    rule: str = ""
    """By which they were compared; "": the capture does not have both, or the venue tells none."""
    compared: int = 0
    equal: int = 0
    allowed: int = 0
    """How many may differ."""


class CheckReport(msgspec.Struct):
    """What one capture showed."""

    venue: str
    file: str
    rows: int = 0
    samples: bool = False
    """Single messages: what should follow one another does not, so only decoding is judged."""
    truncated: bool = False
    """The file ends before its end; what came before was looked at."""
    kinds: dict[str, KindCount] = {}
    """By channel; REST replies as ``rest:…``."""
    events: dict[str, int] = {}
    skipped: int = 0
    """Well-formed messages that the adapter has no use for."""
    undecodable: int = 0
    examples: list[str] = []
    """Of what could not be decoded."""
    duplicates: int = 0
    trade_gaps: int = 0
    trades_missing: int = 0
    cuts: int = 0
    """How often trades of a symbol went on after no connection had been there: where ids do not rise by one,
    nobody can know what is missing."""
    sequence_gaps: int = 0
    undetected_gaps: int = 0
    checksums_ok: int = 0
    checksums_bad: int = 0
    crossed: int = 0
    books_broken: int = 0
    """How often the adapter found a book wrong, for whatever reason."""
    books_built: int = 0
    """Symbols that had a book."""
    unjudged: dict[str, int] = {}
    """Messages of books by symbol, where no book was ever built."""
    unchecked: int = 0
    """Messages of books that came after a fault, while their book was away."""
    used: int = 0
    """Messages and replies that the adapter has a use for; 0: there was nothing to judge."""
    ticker: TickerResult = msgspec.field(default_factory=TickerResult)
    wrong: list[str] = []
    """Why the exit code is 1; empty: all is right."""


class Counting(ABC):
    """What checks have in common; ``row`` is theirs."""

    def __init__(self, venue: str, file: str) -> None:
        self.report = CheckReport(venue, file)
        self._kinds: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()

    def line(self, line: bytes) -> None:
        """One line of the file."""
        self.report.rows += 1
        try:
            row = _line.decode(line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            self._malformed("not a row", line[:480].decode("utf-8", "replace"), error)
            return
        self.row(row)

    @abstractmethod
    def row(self, row: Line) -> None:
        """One row, counted already."""

    def _count(self, kind: str, *, used: bool = True) -> None:
        self.report.used += used
        self._kinds[kind if len(self._kinds) < _KINDS or kind in self._kinds else "others"] += 1

    def _malformed(self, kind: str, raw: str, error: object) -> None:
        self._bad[kind if len(self._bad) < _KINDS or kind in self._bad else "others"] += 1
        self.report.undecodable += 1
        if len(self.report.examples) < _EXAMPLES:
            self.report.examples.append(f"{clean(kind, 40)}: {clean(error, 100)}: {clean(raw, 120)}")

    def finish(self, *, truncated: bool) -> CheckReport:
        """The report, once all rows are in."""
        report = self.report
        report.truncated = truncated
        for kind in sorted({*self._kinds, *self._bad}):
            report.kinds[clean(kind, 60)] = KindCount(self._kinds[kind], self._bad[kind])
        report.wrong = _wrong(report)
        return report


_line = msgspec.json.Decoder(Line)


def _wrong(report: CheckReport) -> list[str]:
    found = []
    if not report.rows:
        found.append("there is nothing in it")
    if report.undecodable:
        found.append(f"{report.undecodable:,} undecodable")
    if report.samples:
        return found
    if report.undetected_gaps:
        found.append(f"{report.undetected_gaps:,} gaps that the adapter did not notice")
    if report.sequence_gaps:
        found.append(f"{report.sequence_gaps:,} gaps in the sequence of messages")
    if report.trade_gaps:
        found.append(f"{report.trade_gaps:,} gaps in trade ids, {report.trades_missing:,} trades missing")
    if report.cuts:
        found.append(
            f"{report.cuts:,} times trades were cut off while it was recorded: unknown how many are missing"
        )
    if report.checksums_bad:
        found.append(f"{report.checksums_bad:,} checksums do not match")
    if report.crossed:
        found.append(f"{report.crossed:,} crossed books")
    if report.books_broken and not found:
        found.append(f"{report.books_broken:,} times a book was found wrong")
    if report.unjudged:
        found.append(
            f"no book was ever built of {_some(report.unjudged)}:"
            f" {sum(report.unjudged.values()):,} messages not judged"
        )
    ticker = report.ticker
    if ticker.compared - ticker.equal > ticker.allowed:
        found.append(
            f"best bid and offer differ from the venue's in {ticker.compared - ticker.equal:,} of"
            f" {ticker.compared:,} comparisons, {ticker.allowed:,} may"
        )
    return found


def _some(names: Iterable[str]) -> str:
    """The first of them."""
    told = sorted(names)
    return ", ".join(told[:5]) + (f" and {len(told) - 5:,} more" if len(told) > 5 else "")
