"""The aggregator: blends in; at most one live opportunity per symbol out, or the reason why not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from engine.config import OpportunitiesConfig
from engine.events import NS, Blend, Drop, Family, FeatureRow, Opportunity, Side

STAGE = "opportunities"
HOLD = 0.8
"""A live opportunity is kept up by this share of the thresholds that a new one must reach (hysteresis)."""
HISTORY = 1000
"""So many opportunities are remembered."""

LIVE = "live"
EXPIRED = "expired"
REVERSED = "reversed"


class _Record:
    """An opportunity with what happened to it."""

    __slots__ = ("evidence_ns", "opportunity", "seen_ns", "status")

    def __init__(self, opportunity: Opportunity, evidence_ns: int) -> None:
        self.opportunity = opportunity
        self.status = LIVE
        self.seen_ns = opportunity.created_ns
        self.evidence_ns = evidence_ns
        """Time of the newest technical signal in it."""


class Aggregator:
    """Filters, merges, dedupes and expires.

    A blend of the side of the live opportunity merges into it: same id, ``merged`` + 1, new score, features
    and expiry. A blend of the other side closes it as ``reversed`` and opens its own. Once an opportunity is
    closed or expired, another of its side needs a technical signal newer than those in it, and within
    ``dedupe_s`` also a stronger score: the same evidence is acted on once.
    """

    def __init__(self, config: OpportunitiesConfig) -> None:
        self._config = config
        self._ttl_ns = round(config.ttl_s * NS)
        self._dedupe_ns = round(config.dedupe_s * NS)
        self._history: dict[str, _Record] = {}
        self._live: dict[str, _Record] = {}
        self._last: dict[tuple[str, Side], _Record] = {}
        self._expired: list[Drop] = []

    def offer(self, blend: Blend, row: FeatureRow) -> Opportunity | Drop:
        """The new or merged opportunity, or a Drop with one of the codes

        BELOW_MIN_SCORE, LOW_CONFIDENCE, FILLED_BAR, NO_PRICE, WIDE_SPREAD, DUPLICATE.
        """
        live = self._live.get(blend.symbol)
        if live is not None and live.opportunity.expires_ns <= blend.ns:
            self._expire(live, blend.ns)
            live = None
        side = Side.BUY if blend.score > 0.0 else Side.SELL
        same = live is not None and live.opportunity.side is side
        refused = self._filter(blend, row, HOLD if same else 1.0)
        if refused is not None:
            return Drop(STAGE, blend.symbol, *refused, blend.ns)
        if live is not None and same:
            return self._merge(live, blend, row)
        last = self._last.get((blend.symbol, side))
        evidence_ns = _evidence_ns(blend)
        if last is not None and (duplicate := self._duplicate(last, blend, evidence_ns)):
            return Drop(STAGE, blend.symbol, "DUPLICATE", duplicate, blend.ns)
        if live is not None:
            self.close(live.opportunity.opportunity_id, REVERSED)
        return self._create(blend, row, side, evidence_ns)

    def expire(self, now_ns: int) -> list[Drop]:
        """Expire what is due at ``now_ns``: one Drop each, code EXPIRED, in order of creation."""
        for record in [r for r in self._live.values() if r.opportunity.expires_ns <= now_ns]:
            self._expire(record, now_ns)
        expired, self._expired = self._expired, []
        return expired

    def close(self, opportunity_id: str, status: str) -> None:
        """Note what became of an opportunity (``ordered``, ``denied:<CODE>``, …); it is live no more."""
        record = self._history.get(opportunity_id)
        if record is None:
            return
        record.status = status
        symbol = record.opportunity.symbol
        if self._live.get(symbol) is record:
            del self._live[symbol]

    def live(self) -> list[Opportunity]:
        """The live opportunities, best first: by |score| x confidence, then symbol."""
        found = [record.opportunity for record in self._live.values()]
        found.sort(key=lambda o: (-abs(o.score) * o.confidence, o.symbol))
        return found

    def recent(self, limit: int = HISTORY) -> list[tuple[Opportunity, str]]:
        """(opportunity, status) of the newest ``limit`` created, newest first."""
        return [(record.opportunity, record.status) for record in self._newest(limit)]

    def get(self, opportunity_id: str) -> Opportunity | None:
        """An opportunity out of the newest 1000."""
        record = self._history.get(opportunity_id)
        return None if record is None else record.opportunity

    def status(self, opportunity_id: str) -> str:
        """What became of an opportunity; "" when it is not remembered."""
        record = self._history.get(opportunity_id)
        return "" if record is None else record.status

    def _newest(self, limit: int) -> Iterator[_Record]:
        for record, _ in zip(reversed(self._history.values()), range(limit), strict=False):
            yield record

    def _filter(self, blend: Blend, row: FeatureRow, hold: float) -> tuple[str, str] | None:
        """(code, detail) of the first rule that refuses the blend."""
        config = self._config
        least = config.min_score * hold
        if not abs(blend.score) >= least or blend.score == 0.0:
            return "BELOW_MIN_SCORE", f"score {blend.score:+.3f}, least {least:.3f}"
        least = config.min_confidence * hold
        if not blend.confidence >= least:
            return "LOW_CONFIDENCE", f"confidence {blend.confidence:.3f}, least {least:.3f}"
        if row.filled == 1.0 and row.last == row.close:
            # Between bars, a trade after the filled bar moves ``last`` away from its close.
            return "FILLED_BAR", "no trade in the bar"
        if price_of(row) is None:
            return "NO_PRICE", "neither a quote nor a trade to price it"
        spread = spread_pct(row)
        if spread is not None and spread > config.max_spread_pct:
            return "WIDE_SPREAD", f"spread {spread:.3f} %, most {config.max_spread_pct:g} %"
        return None

    def _duplicate(self, last: _Record, blend: Blend, evidence_ns: int) -> str:
        """Why the blend says nothing that ``last``, closed before, did not say; "" when it does."""
        before = last.opportunity
        if evidence_ns <= last.evidence_ns:
            return f"no technical signal newer than those of {before.opportunity_id} ({last.status})"
        if blend.ns - last.seen_ns < self._dedupe_ns and abs(blend.score) <= abs(before.score):
            return f"not stronger than {before.opportunity_id} ({last.status}), {before.score:+.3f}"
        return ""

    def _create(self, blend: Blend, row: FeatureRow, side: Side, evidence_ns: int) -> Opportunity:
        price = price_of(row)
        assert price is not None
        opportunity = Opportunity(
            opportunity_id=opportunity_id(blend.symbol, side, blend.ns),
            symbol=blend.symbol,
            side=side,
            score=blend.score,
            confidence=blend.confidence,
            price=price,
            sources=tuple(i.source for i in blend.inputs),
            reason=_reason(blend),
            created_ns=blend.ns,
            expires_ns=blend.ns + self._ttl_ns,
            merged=0,
            blend=blend,
            features=row,
        )
        record = _Record(opportunity, evidence_ns)
        self._history[opportunity.opportunity_id] = record
        if len(self._history) > HISTORY:
            oldest = next(iter(self._history))
            record_of_oldest = self._history.pop(oldest)
            if self._live.get(record_of_oldest.opportunity.symbol) is record_of_oldest:
                self._expire(record_of_oldest, blend.ns)
        self._live[blend.symbol] = self._last[(blend.symbol, side)] = record
        return opportunity

    def _merge(self, record: _Record, blend: Blend, row: FeatureRow) -> Opportunity:
        price = price_of(row)
        assert price is not None
        before = record.opportunity
        record.opportunity = Opportunity(
            before.opportunity_id,
            before.symbol,
            before.side,
            blend.score,
            blend.confidence,
            price,
            tuple([i.source for i in blend.inputs]),
            _reason(blend),
            before.created_ns,
            blend.ns + self._ttl_ns,
            before.merged + 1,
            blend,
            row,
        )
        record.seen_ns = blend.ns
        record.evidence_ns = max(record.evidence_ns, _evidence_ns(blend))
        return record.opportunity

    def _expire(self, record: _Record, now_ns: int) -> None:
        opportunity = record.opportunity
        record.status = EXPIRED
        del self._live[opportunity.symbol]
        age_s = (now_ns - opportunity.created_ns) / NS
        detail = f"{opportunity.opportunity_id} was not acted on in {age_s:.1f} s"
        self._expired.append(Drop(STAGE, opportunity.symbol, "EXPIRED", detail, now_ns))


def opportunity_id(symbol: str, side: Side, created_ns: int) -> str:
    """12 hexadecimal digits: the same symbol, side and time give the same id in every run."""
    return hashlib.sha256(f"{symbol}|{side.value}|{created_ns}".encode()).hexdigest()[:12]


def price_of(row: FeatureRow) -> float | None:
    """The mid, or the last trade without a sane quote; None when there is neither."""
    if 0.0 < row.bid <= row.ask < float("inf"):
        return (row.bid + row.ask) / 2.0
    return row.last if 0.0 < row.last < float("inf") else None


def spread_pct(row: FeatureRow) -> float | None:
    """(ask - bid) / mid in percent; None without a sane quote."""
    if 0.0 < row.bid <= row.ask < float("inf"):
        return (row.ask - row.bid) / (row.bid + row.ask) * 200.0
    return None


def _evidence_ns(blend: Blend) -> int:
    """Time of the newest technical signal in the blend."""
    newest = 0
    for entry in blend.inputs:
        if entry.family is Family.TECHNICAL and blend.ns - entry.age_ns > newest:
            newest = blend.ns - entry.age_ns
    return newest


def _reason(blend: Blend) -> str:
    """Why now: the newest technical input that points the blend's way, of equals the strongest."""
    found = None
    for entry in blend.inputs:
        helps = entry.family is Family.TECHNICAL and entry.score * blend.score > 0.0
        if helps and (found is None or entry.age_ns < found.age_ns):
            found = entry
    return "" if found is None else f"{found.source}: {found.reason}"
