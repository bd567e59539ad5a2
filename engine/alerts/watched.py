"""One rule at work: whether it is armed, and when it fires.

A price arms on its own side of the value, so that a rule made beyond it waits; everything else fires at once.
Having fired, a rule that repeats arms again when the value has come back by ``rearm``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from engine.alert_rule import PRICES, AlertRule, words
from engine.alerts.sight import Chance, FeedSight, Sight

NS = 1_000_000_000
SAMPLES = 60
"""Prices that a window of change keeps: it is as exact as a sixtieth of itself."""


class AlertState(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of a rule. ``armed``: it may fire."""

    id: str
    rule: AlertRule
    on: bool = True
    armed: bool = False
    armed_ns: int = 0
    fired: int = 0
    last_ns: int = 0
    """When it fired last; 0: never."""
    quiet_ns: int = 0
    """Until then it pauses."""


class Reading(NamedTuple):
    """``far``: the farthest in the rule's direction since the last look; ``now``: where it stands."""

    now: float
    far: float
    said: str


class Watched:
    """``look`` is called at every look while the rule is on."""

    def __init__(self, state: AlertState) -> None:
        self.state = state
        self.now: float | None = None
        """What it looks at, at the last look; None: not known."""
        self._samples: deque[tuple[int, float]] = deque()
        self._silent: dict[str, int] = {}
        """Since when a feed is away, or is awaited, by venue."""

    @property
    def rule(self) -> AlertRule:
        return self.state.rule

    def begin(self, now_ns: int) -> None:
        """Made, or switched on."""
        self.state.armed, self.state.armed_ns = self.rule.what not in PRICES, now_ns
        self.state.quiet_ns = 0
        self._samples.clear()
        self._silent.clear()

    def look(self, now_ns: int, sight: Sight) -> str:
        """What to tell; "" nothing. Having fired, the state says so."""
        if self.rule.what == "opportunity":
            return self._look_for_chances(now_ns, sight)
        reading = self._read(now_ns, sight)
        self.now = None if reading is None else reading.now
        if reading is None:
            return ""
        state, beyond = self.state, self._beyond(reading.far)
        if not state.armed:
            if self._back(reading.now):
                state.armed, state.armed_ns = True, now_ns
            return ""
        if not beyond or self._pausing(now_ns):
            return ""
        return self._fire(now_ns, reading.said)

    def _fire(self, now_ns: int, said: str) -> str:
        state, rule = self.state, self.rule
        state.fired += 1
        state.last_ns = now_ns
        state.quiet_ns = now_ns + round(rule.pause_s * NS)
        state.armed = rule.what == "opportunity"
        state.on = rule.repeat
        return f"{said}{f' · {rule.note}' if rule.note else ''}"

    def _pausing(self, now_ns: int) -> bool:
        """A clock that went back, as on a tape played anew, pauses nothing."""
        return self.state.last_ns <= now_ns < self.state.quiet_ns

    def _beyond(self, value: float) -> bool:
        return value >= self.rule.value if self.rule.beyond == "above" else value <= self.rule.value

    def _back(self, value: float) -> bool:
        rule = self.rule
        if rule.beyond == "above":
            return value < rule.value and value <= rule.value - rule.rearm
        return value > rule.value and value >= rule.value + rule.rearm

    # --- what each kind looks at -----------------------------------------------------------------

    def _read(self, now_ns: int, sight: Sight) -> Reading | None:
        rule = self.rule
        if rule.what in PRICES:
            return self._price(sight)
        if rule.what == "change":
            return self._change(now_ns, sight)
        if rule.what == "feed":
            return self._feed(now_ns, sight.feeds())
        if rule.what == "score":
            value = sight.score(rule.symbol)
        elif rule.what == "day_pnl":
            value = sight.day_pnl()
        elif rule.what == "drawdown":
            value = sight.drawdown_pct()
        else:
            value = sight.unrealized(rule.symbol)
        if value is None or not math.isfinite(value):
            return None
        return Reading(value, value, f"{words(rule)}: {value:+,.10g}")

    def _farthest(self, values: list[float]) -> float:
        return max(values) if self.rule.beyond == "above" else min(values)

    def _price(self, sight: Sight) -> Reading | None:
        rule = self.rule
        prices = sight.prices(rule.symbol)
        now: float = getattr(prices, rule.what)
        if not math.isfinite(now):
            return None
        far = now
        if rule.what == "last":
            far = self._farthest([now, *self._passed(prices.bars)])
        said = f"{words(rule)}: {now:,.12g}"
        if self._beyond(far) and not self._beyond(now):
            said = f"{words(rule)}: it was {far:,.12g}, now {now:,.12g}"
        return Reading(now, far, said)

    def _passed(self, bars: Sequence[tuple[int, float, float]]) -> list[float]:
        """The ends of the bars that began after the rule was armed."""
        above = self.rule.beyond == "above"
        return [high if above else low for begin, low, high in bars if begin >= self.state.armed_ns]

    def _change(self, now_ns: int, sight: Sight) -> Reading | None:
        rule, samples = self.rule, self._samples
        prices = sight.prices(rule.symbol)
        if not (math.isfinite(prices.last) and prices.last > 0):
            return None
        window = round(rule.window_s * NS)
        if samples and now_ns < samples[-1][0]:
            samples.clear()  # a clock that went back
        if not samples or now_ns - samples[-1][0] >= window // SAMPLES:
            samples.append((now_ns, prices.last))
        while len(samples) > 1 and samples[1][0] <= now_ns - window:
            samples.popleft()
        base = samples[0][1]
        now = (prices.last / base - 1.0) * 100.0
        ends = [(end / base - 1.0) * 100.0 for end in self._passed(prices.bars)]
        far = self._farthest([now, *ends])
        return Reading(now, far, f"{words(rule)}: {far:+.3f} %, last {prices.last:,.12g}")

    def _feed(self, now_ns: int, feeds: Sequence[FeedSight]) -> Reading | None:
        worst = (-1.0, "")
        for feed in feeds:
            if self.rule.source in ("", feed.venue):
                worst = max(worst, (self._silence_s(now_ns, feed), f"{feed.venue} is {feed.state}"))
        if worst[0] < 0:
            return None
        return Reading(worst[0], worst[0], f"{words(self.rule)}: {worst[1]}, {worst[0]:.0f} s")

    def _silence_s(self, now_ns: int, feed: FeedSight) -> float:
        since = feed.last_data_ns
        if feed.up and since:
            self._silent.pop(feed.venue, None)
        else:
            away = self._silent.setdefault(feed.venue, now_ns)
            since = min(since, away) if since else away
        return max(0.0, (now_ns - since) / NS)

    def _look_for_chances(self, now_ns: int, sight: Sight) -> str:
        found = [chance for chance in sight.opportunities() if self._wanted(chance)]
        if not found or self._pausing(now_ns):
            return ""
        best = max(found, key=lambda chance: abs(chance.score))
        self.now = best.score
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        who = ", ".join(best.sources)
        return self._fire(now_ns, f"opportunity {best.side} {best.symbol} {best.score:+.2f} by {who}{more}")

    def _wanted(self, chance: Chance) -> bool:
        rule = self.rule
        return (
            abs(chance.score) >= rule.value
            and rule.symbol in ("", chance.symbol)
            and (not rule.source or rule.source in chance.sources)
            and chance.created_ns >= self.state.armed_ns
        )
