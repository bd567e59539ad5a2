"""One rule at work: whether it is armed, and when it fires.

A price arms on its own side of the value, so that a rule made beyond it waits; everything else fires at once.
Having fired, a rule that repeats arms again when the value has come back by ``rearm``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import msgspec

from engine.alert_rule import PRICES, AlertRule, words
from engine.alerts.sight import Chance, FeedSight, Prices, Sight

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


_Reading = tuple[float, float]
"""Where it stands, and the farthest in the rule's direction since the last look."""


class Watched:
    """``look`` is called at every look while the rule is on."""

    def __init__(self, state: AlertState) -> None:
        self.state = state
        self.rule = state.rule
        self._window_ns = round(state.rule.window_s * NS)
        self.now: float | None = None
        """What it looks at, at the last look; None: not known."""
        self.stale = False
        """A price that stands where it was last: nothing of its symbol is heard."""
        self._looked = False
        """What went by since the last look counts only where there was one."""
        self._samples: deque[tuple[int, float]] = deque()
        self._over_ns = 0
        """From the price that a change is reckoned from."""
        self._worst = ""
        """The feed that is silent the longest."""
        self._silent: dict[str, int] = {}
        """Since when a feed is away, or is awaited, by venue."""

    def begin(self, now_ns: int) -> None:
        """Made, or switched on."""
        self.state.armed, self.state.armed_ns = self.rule.what not in PRICES, now_ns
        self.state.quiet_ns = 0
        self.now, self.stale, self._looked = None, False, False
        self._samples.clear()
        self._silent.clear()

    def look(self, now_ns: int, sight: Sight) -> str:
        """What to tell; "" nothing. Having fired, the state says so."""
        if self.rule.what == "opportunity":
            return self._look_for_chances(now_ns, sight)
        reading = self._read(now_ns, sight)
        self._looked = True
        if reading is None:
            self.now = None
            return ""
        self.now, far = reading
        if not self._beyond(far):
            # The usual case, 20 times a second for every rule.
            if not self.state.armed and self._back(self.now):
                self.state.armed, self.state.armed_ns = True, now_ns
            return ""
        if not self.state.armed or self._pausing(now_ns):
            return ""
        return self._fire(now_ns, self._say(self.now, far, sight))

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

    def _read(self, now_ns: int, sight: Sight) -> _Reading | None:
        """None: not known."""
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
        return None if value is None or not math.isfinite(value) else (value, value)

    def _say(self, now: float, far: float, sight: Sight) -> str:
        rule = self.rule
        said = words(rule)
        if rule.what in PRICES:
            passed = far != now and not self._beyond(now)
            return f"{said}: it was {far:,.12g}, now {now:,.12g}" if passed else f"{said}: {now:,.12g}"
        if rule.what == "change":
            return f"{said}: {far:+.3f} %{self._since()}, last {sight.prices(rule.symbol).last:,.12g}"
        if rule.what == "feed":
            return f"{said}: {self._worst}, {now:.0f} s"
        return f"{said}: {now:+,.3f}" if rule.what == "score" else f"{said}: {now:+,.10g}"

    def _farthest(self, now: float, prices: Prices) -> float:
        """Of the last price: where it is, or where it was since the last look."""
        above = self.rule.beyond == "above"
        end = prices.high if above else prices.low
        if not self._looked or math.isnan(end):
            return now
        return max(now, end) if above else min(now, end)

    def _price(self, sight: Sight) -> _Reading | None:
        what = self.rule.what
        prices = sight.prices(self.rule.symbol)
        now = prices.last if what == "last" else prices.bid if what == "bid" else prices.ask
        self.stale = prices.silent
        if not math.isfinite(now):
            return None
        return now, (self._farthest(now, prices) if what == "last" else now)

    def _change(self, now_ns: int, sight: Sight) -> _Reading | None:
        samples, prices = self._samples, sight.prices(self.rule.symbol)
        if not (math.isfinite(prices.last) and prices.last > 0):
            return None
        if prices.silent:
            return None  # what it stands at is of an earlier time than now
        window = self._window_ns
        if samples and now_ns < samples[-1][0]:
            samples.clear()  # a clock that went back
        if not samples or now_ns - samples[-1][0] >= window // SAMPLES:
            samples.append((now_ns, prices.last))
        while len(samples) > 1 and samples[1][0] <= now_ns - window:
            samples.popleft()
        since_ns, base = samples[0]
        self._over_ns = now_ns - since_ns
        now, far = (
            (price / base - 1.0) * 100.0 for price in (prices.last, self._farthest(prices.last, prices))
        )
        return now, far

    def _since(self) -> str:
        """Said where nothing was heard as the window began: the change is from before."""
        late = self._over_ns > self._window_ns * (1.0 + 2.0 / SAMPLES) + NS
        return f" over {self._over_ns / NS:.0f} s, with none in between" if late else ""

    def _feed(self, now_ns: int, feeds: Sequence[FeedSight]) -> _Reading | None:
        worst = -1.0
        for feed in feeds:
            if self.rule.source in ("", feed.venue):
                silence = self._silence_s(now_ns, feed)
                if silence > worst:
                    worst, self._worst = silence, f"{feed.venue} is {feed.state}"
        return None if worst < 0 else (worst, worst)

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
