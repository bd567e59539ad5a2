"""The aggregator: blends in; at most one live opportunity per symbol out, or the reason why not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from engine.config import OpportunitiesConfig
from engine.errors import ConfigError
from engine.events import NS, Blend, Drop, Family, FeatureRow, Opportunity, Side
from engine.feature_table import FeatureTable, Floats
from engine.opportunities.blend_kernel import Blended
from engine.opportunities.rules import (
    CODES,
    DUPLICATE,
    HOLD,
    STANDING,
    Limits,
    detail,
    judge,
    new_standing,
    price_of,
    sift,
)
from engine.sessions import Sessions

STAGE = "opportunities"
HISTORY = 1000
"""So many opportunities are remembered."""

_BUY, _SELL, _TECHNICAL = Side.BUY, Side.SELL, Family.TECHNICAL
_WORDS, _FIELDS = STANDING.itemsize // 8, STANDING.names or ()
_SIDE, _EXPIRES_NS, _BUY_NS, _SELL_NS, _SPENT, _MERGES, _SCORE = (
    _FIELDS.index(name)  # a field is a word
    for name in ("side", "expires_ns", "buy_ns", "sell_ns", "spent", "merges", "score")
)
_TEXT = {side: side.value for side in Side}
# An enum's members and values are looked up at a cost, which between a frame and its order counts.

LIVE = "live"
EXPIRED = "expired"
REVERSED = "reversed"
ORDERED = "ordered"


class _Record(msgspec.Struct, gc=False, eq=False):
    """An opportunity with what happened to it."""

    opportunity: Opportunity
    evidence_ns: int
    """Time of the newest technical signal in it."""
    seen_ns: int
    score: float
    """Of the newest blend, kept up ones included."""
    status: str = LIVE
    held: str = ""
    """What stood in the way of an order last."""
    held_ns: int = 0
    held_times: int = 0


class Aggregator:
    """Filters, merges, dedupes and expires.

    A blend of the side of the live opportunity merges into it: same id, ``merged`` + 1, new score, features
    and expiry. A blend of the other side closes it as ``reversed`` and opens its own. Once an opportunity is
    closed or expired, another of its side needs a technical signal newer than those in it, and within
    ``dedupe_s`` also a stronger score: the same evidence is acted on once.

    At a bar boundary ``sift`` first judges all symbols at once. Between two signals a blend only decays, bar
    after bar: such a blend is refused without more ado and only counted; it is worth a Drop when its evidence
    is new, or the reason another than at the bar before. An opportunity of which nothing can come without
    newer evidence (``spend``) is kept up by such blends, and otherwise stays as its newest evidence made it.
    """

    def __init__(self, config: OpportunitiesConfig) -> None:
        """Raises ConfigError for session hours that cannot be read."""
        try:
            self._sessions = Sessions(config.sessions)
        except ValueError as error:
            raise ConfigError(f"opportunities.sessions: {error}") from None
        self._limits = Limits(config)
        self._ttl_ns = round(config.ttl_s * NS)
        self._dedupe_ns = round(config.dedupe_s * NS)
        self._history: OrderedDict[str, _Record] = OrderedDict()
        self._live: dict[str, _Record] = {}
        self._last_buy: dict[str, _Record] = {}
        self._last_sell: dict[str, _Record] = {}
        self._expired: list[Drop] = []
        self._index: dict[str, int] = {}
        self._stand(new_standing(64))
        self._counts = np.zeros(len(CODES), np.int64)

    def add_symbol(self, symbol: str) -> int:
        """The symbol's index: dense, from 0, in the order of the calls."""
        index = self._index[symbol] = len(self._index)
        if index == len(self._standing):
            standing = new_standing(2 * index)
            standing[:index] = self._standing
            self._stand(standing)
        return index

    def sift(
        self, table: FeatureTable, blended: Blended
    ) -> tuple[int, list[tuple[int, int, int]], list[tuple[str, int]]]:
        """What to do at a bar boundary: (number of blends, candidates, refusals by code).

        ``blended``: of the table's symbols. A candidate is (position, code's number, whether a technical
        signal is of this moment), best first: by |score| x confidence, then in the table's order. With number
        0 or a signal of this moment it is to be offered, else ``refuse`` tells why not. The refusals are of
        the rest. Raises IndexError for a symbol that was not added.
        """
        wanted = np.empty((len(table), 3), np.int64)
        blends, found = sift(
            table.values,
            table.indices,
            table.ns,
            blended,
            self._standing,
            self._limits.array,
            self._sessions.is_open(table.ns),
            self._ttl_ns,
            wanted,
            self._counts,
        )
        refused = [(code, count) for code, count in zip(CODES, self._counts.tolist(), strict=True) if count]
        candidates: list[tuple[int, int, int]] = wanted[:found].tolist()
        return blends, candidates, refused

    def arrays(self) -> tuple[npt.NDArray[np.void], Floats, bytes, int]:
        """(standing, limits, open minutes of the week, time to live) as ``sift`` judges by; the first is
        another once there are more symbols."""
        return self._standing, self._limits.array, self._sessions.minutes, self._ttl_ns

    def refuse(self, table: FeatureTable, blended: Blended, position: int, number: int) -> Drop:
        """The Drop of a candidate that was refused with code ``number``."""
        symbol, ns = table.symbol(position), table.ns
        live = self._live_at(symbol, ns)
        score, confidence = float(blended["score"][position]), float(blended["confidence"][position])
        side = _BUY if score > 0.0 else _SELL
        if number == DUPLICATE:
            text = _known_of((self._last_buy if side is _BUY else self._last_sell)[symbol])
        else:
            hold = HOLD if live is not None and live.opportunity.side is side else 1.0
            text = detail(number, score, confidence, lambda: table.row(position), self._limits, hold)
        return Drop(STAGE, symbol, CODES[number], text, ns)

    def offer(self, blend: Blend, row: FeatureRow) -> Opportunity | Drop:
        """The new or merged opportunity, or a Drop with one of the codes

        BELOW_MIN_SCORE, LOW_CONFIDENCE, FILLED_BAR, NO_PRICE, WIDE_SPREAD, ILLIQUID, OUT_OF_SESSION,
        DUPLICATE. Raises KeyError for a symbol that was not added.
        """
        symbol, ns = blend.symbol, blend.ns
        live = self._live_at(symbol, ns) if symbol in self._live else None
        side, acted = (_BUY, self._last_buy) if blend.score > 0.0 else (_SELL, self._last_sell)
        same = live is not None and live.opportunity.side is side
        hold = HOLD if same else 1.0
        refused = judge(blend, row, self._limits, hold, self._sessions.is_open(ns))
        if refused:
            text = detail(refused, blend.score, blend.confidence, lambda: row, self._limits, hold)
            return Drop(STAGE, symbol, CODES[refused], text, ns)
        if live is not None and same:
            return self._merge(live, blend, row)
        last = acted.get(symbol)
        evidence_ns, reason = _evidence(blend)
        if last is not None and (duplicate := self._duplicate(last, blend, evidence_ns)):
            return Drop(STAGE, symbol, "DUPLICATE", duplicate, ns)
        if live is not None:
            self.close(live.opportunity.opportunity_id, REVERSED)
        return self._create(blend, row, side, evidence_ns, reason)

    def expire(self, now_ns: int) -> list[Drop]:
        """Expire what is due at ``now_ns``: one Drop each, code EXPIRED, in order of creation."""
        for record in [r for r in self._live.values() if r.opportunity.expires_ns <= now_ns]:
            if self._follow(record).expires_ns <= now_ns:
                self._expire(record, now_ns)
        expired, self._expired = self._expired, []
        return expired

    def spend(self, opportunity: Opportunity) -> None:
        """Nothing comes of a live opportunity any more unless there is newer evidence: it is only kept up."""
        live = self._live.get(opportunity.symbol)
        if live is not None and live.opportunity is opportunity:
            self._words[self._index[opportunity.symbol] * _WORDS + _SPENT] = 1

    def close(self, opportunity_id: str, status: str) -> None:
        """Note what became of an opportunity (``ordered``, ``denied:<CODE>``, …); it is live no more."""
        record = self._history.get(opportunity_id)
        if record is None:
            return
        record.status = status
        if status == ORDERED:
            record.held, record.held_ns, record.held_times = "", 0, 0  # it stood in the way no longer
        symbol = record.opportunity.symbol
        if self._live.get(symbol) is record:
            self._end(symbol)

    def hold(self, opportunity_id: str, why: str, ns: int) -> None:
        """Note what stood in the way of its order just now."""
        record = self._history.get(opportunity_id)
        if record is not None:
            record.held, record.held_ns = why, ns
            record.held_times += 1

    def held(self, opportunity_id: str) -> tuple[str, int, int]:
        """(what stood in the way of its order last, when, how often anything did); ("", 0, 0): nothing did,
        or it is not remembered."""
        record = self._history.get(opportunity_id)
        return ("", 0, 0) if record is None else (record.held, record.held_ns, record.held_times)

    def live(self) -> list[Opportunity]:
        """The live opportunities, best first: by |score| x confidence, then symbol."""
        found = [self._follow(record) for record in self._live.values()]
        found.sort(key=lambda o: (-abs(o.score) * o.confidence, o.symbol))
        return found

    def recent(self, limit: int = HISTORY) -> list[tuple[Opportunity, str]]:
        """(opportunity, status) of the newest ``limit`` created, newest first."""
        return [(self._follow(record), record.status) for record in self._newest(limit)]

    def get(self, opportunity_id: str) -> Opportunity | None:
        """An opportunity out of the newest 1000."""
        record = self._history.get(opportunity_id)
        return None if record is None else self._follow(record)

    def status(self, opportunity_id: str) -> str:
        """What became of an opportunity; "" when it is not remembered."""
        record = self._history.get(opportunity_id)
        return "" if record is None else record.status

    def _newest(self, limit: int) -> Iterator[_Record]:
        for record, _ in zip(reversed(self._history.values()), range(limit), strict=False):
            yield record

    def _live_at(self, symbol: str, ns: int) -> _Record | None:
        live = self._live.get(symbol)
        if live is not None and self._follow(live).expires_ns <= ns:
            self._expire(live, ns)
            return None
        return live

    def _follow(self, record: _Record) -> Opportunity:
        """The opportunity with what ``sift`` did to it."""
        symbol = record.opportunity.symbol
        at = self._index[symbol] * _WORDS
        merges = self._words[at + _MERGES]
        if merges and self._live.get(symbol) is record:
            expires_ns, merged = self._words[at + _EXPIRES_NS], record.opportunity.merged + merges
            record.opportunity = replace(record.opportunity, expires_ns=expires_ns, merged=merged)
            record.seen_ns, record.score = expires_ns - self._ttl_ns, self._floats[at + _SCORE]
            self._words[at + _MERGES] = 0
        return record.opportunity

    def _duplicate(self, last: _Record, blend: Blend, evidence_ns: int) -> str:
        """Why the blend says nothing that ``last``, closed before, did not say; "" when it does."""
        before = last.opportunity
        if evidence_ns <= last.evidence_ns:
            return _known_of(last)
        if blend.ns - last.seen_ns < self._dedupe_ns and abs(blend.score) <= abs(last.score):
            return f"not stronger than {before.opportunity_id} ({last.status}), {last.score:+.3f}"
        return ""

    def _create(
        self, blend: Blend, row: FeatureRow, side: Side, evidence_ns: int, reason: str
    ) -> Opportunity:
        price = price_of(row)
        assert price is not None
        ns = blend.ns
        opportunity = Opportunity(
            opportunity_id(blend.symbol, side, ns),
            blend.symbol,
            side,
            blend.score,
            blend.confidence,
            price,
            tuple([entry.source for entry in blend.inputs]),
            reason,
            ns,
            ns + self._ttl_ns,
            0,
            blend,
            row,
        )
        record = _Record(opportunity, evidence_ns, ns, blend.score)
        self._history[opportunity.opportunity_id] = record
        if len(self._history) > HISTORY:
            _, oldest = self._history.popitem(last=False)
            if self._live.get(oldest.opportunity.symbol) is oldest:
                self._expire(oldest, ns)
        acted = self._last_buy if side is _BUY else self._last_sell
        self._live[blend.symbol] = acted[blend.symbol] = record
        self._note(record)
        return opportunity

    def _merge(self, record: _Record, blend: Blend, row: FeatureRow) -> Opportunity:
        price = price_of(row)
        assert price is not None
        before = record.opportunity
        evidence_ns, reason = _evidence(blend)
        record.opportunity = Opportunity(
            before.opportunity_id,
            before.symbol,
            before.side,
            blend.score,
            blend.confidence,
            price,
            tuple([entry.source for entry in blend.inputs]),
            reason,
            before.created_ns,
            blend.ns + self._ttl_ns,
            before.merged + 1,
            blend,
            row,
        )
        record.seen_ns, record.score = blend.ns, blend.score
        record.evidence_ns = max(record.evidence_ns, evidence_ns)
        self._note(record)
        return record.opportunity

    def _note(self, record: _Record) -> None:
        """Tell ``sift`` of a live opportunity."""
        opportunity = record.opportunity
        at = self._index[opportunity.symbol] * _WORDS
        words = self._words
        words[at + _EXPIRES_NS], words[at + _SPENT] = opportunity.expires_ns, 0
        if opportunity.side is _BUY:
            words[at + _SIDE], words[at + _BUY_NS] = 1, record.evidence_ns
        else:
            words[at + _SIDE], words[at + _SELL_NS] = -1, record.evidence_ns

    def _stand(self, standing: npt.NDArray[np.void]) -> None:
        """Keep the memory and the views through which single values are read and written."""
        self._standing = standing
        memory = standing.view(np.uint8).data.cast("B")
        self._words, self._floats = memory.cast("q"), memory.cast("d")

    def _end(self, symbol: str) -> None:
        self._follow(self._live[symbol])
        del self._live[symbol]
        self._words[self._index[symbol] * _WORDS + _SIDE] = 0

    def _expire(self, record: _Record, now_ns: int) -> None:
        opportunity = record.opportunity
        record.status = EXPIRED
        self._end(opportunity.symbol)
        age_s = (now_ns - opportunity.created_ns) / NS
        detail = f"{opportunity.opportunity_id} was not acted on in {age_s:.1f} s"
        self._expired.append(Drop(STAGE, opportunity.symbol, "EXPIRED", detail, now_ns))


def _known_of(last: _Record) -> str:
    return f"no technical signal newer than those of {last.opportunity.opportunity_id} ({last.status})"


def opportunity_id(symbol: str, side: Side, created_ns: int) -> str:
    """12 hexadecimal digits: the same symbol, side and time give the same id in every run."""
    digits = sha256(f"{symbol}|{_TEXT[side]}|{created_ns}".encode()).hexdigest()
    return digits[:12]


def _evidence(blend: Blend) -> tuple[int, str]:
    """(time of the newest technical signal, why now: the newest that points the blend's way, of equals the
    strongest)."""
    found, youngest = None, blend.ns
    for entry in blend.inputs:
        if entry.family is _TECHNICAL:
            age_ns = entry.age_ns
            youngest = min(youngest, age_ns)
            if entry.score * blend.score > 0.0 and (found is None or age_ns < found.age_ns):
                found = entry
    return blend.ns - youngest, "" if found is None else f"{found.source}: {found.reason}"
