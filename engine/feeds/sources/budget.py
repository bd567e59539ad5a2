"""How many requests a service allows, what is left of it, and when the next one may leave. No IO, no clock.

Every request is counted before it leaves, be it answered or not. What was spent outlives the process: a state
is kept *before* the requests that it covers leave, and promises a few more than have left, so that not each
of them waits for a disk; a process that dies has then spent all that was promised.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from engine.events import NS

HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
MINUTE_NS = 61 * NS
"""A minute, and room for requests that travel for unequally long."""
DAY_AHEAD, MINUTE_AHEAD = 5, 8
"""One in so many of a day's requests, and of a minute's, may leave ahead of the pace."""
SLACK_NS = 2 * NS
"""Who asks in turns asks for what was due since the last one."""
_MAX_AHEAD = 100
_FUTURE_NS = 2 * HOUR_NS
MIDNIGHT_NS = 60 * NS
"""So near to midnight a request counts for both days: clocks differ, and requests travel."""


class Limits(msgspec.Struct, frozen=True):
    """What a service allows; 0: as many as one likes."""

    per_minute: int = 0
    per_day: int = 0
    gap_ns: int = 0
    """Between two requests, at least."""
    day: Literal["utc", "rolling"] = "rolling"
    """utc: the service counts from midnight to midnight, UTC. rolling: it does not say from when; then no 24
    hours hold more than ``per_day``, wherever its midnight is."""


class BudgetState(msgspec.Struct, frozen=True):
    """What has to outlive the process."""

    hours: dict[int, int] = {}
    """Requests by hour since the epoch, of the last day."""
    recent: int = 0
    """Those of the last minute before ``newest_ns``."""
    newest_ns: int = 0
    paced_ns: int = 0
    total: int = 0
    """All since the budget is kept."""
    ahead: int = 0
    """So many more may have left since."""


class Budget:
    """The budget of one service. Times are ns since the epoch; one that goes back is not believed."""

    def __init__(self, limits: Limits, state: BudgetState | None = None, now_ns: int = 0) -> None:
        """Continues from ``state``, as it was kept last, at ``now_ns``."""
        self.limits = limits
        state = BudgetState() if state is None else state
        self._hours = {hour: count for hour, count in state.hours.items() if count > 0}
        self._stamps: deque[int] = deque(maxlen=limits.per_minute or 1)
        self._beside: deque[int] = deque(maxlen=max(1, limits.per_minute // 2))
        """Of ``_stamps`` the last ones that were not live."""
        self._live_ns = -MINUTE_NS
        self._now_ns = now_ns
        self._newest_ns = min(state.newest_ns, now_ns)
        self._paced_ns = state.paced_ns
        """When the requests so far would have been due at an even pace of the day, and of the minute."""
        self._even_ns = 0
        self._total = self._kept = state.total
        self._stamp(self._newest_ns, state.recent)
        if state.newest_ns > now_ns + _FUTURE_NS:
            # The clock was set back by hours: what was spent when cannot be told any more.
            self._hours = {now_ns // HOUR_NS: limits.per_day}
            self._paced_ns = 0
        if state.ahead:
            self._count(now_ns, state.ahead)
            self._newest_ns = now_ns
            self._stamp(now_ns, state.ahead)

    # --- asking ---

    def wait_ns(self, now_ns: int, *, live: bool = True) -> int:
        """How long until a request may leave; 0: now.

        Those that are not ``live`` (history) leave half of the day to those that are, and half of the minute
        while there are any.
        """
        now_ns = self._time(now_ns)
        limits = self.limits
        wait_ns = 0
        if limits.gap_ns and self._newest_ns:
            wait_ns = self._newest_ns + limits.gap_ns - now_ns
        if limits.per_minute:
            if len(self._stamps) == limits.per_minute:
                wait_ns = max(wait_ns, self._stamps[0] + MINUTE_NS - now_ns)
            if not live and self._live_ns + MINUTE_NS > now_ns and len(self._beside) == self._beside.maxlen:
                wait_ns = max(wait_ns, self._beside[0] + MINUTE_NS - now_ns)
        if limits.per_day:
            wait_ns = max(wait_ns, self._day_wait_ns(now_ns, 0 if live else limits.per_day // 2))
        return max(0, wait_ns)

    def pace_ns(self, now_ns: int) -> int:
        """How long until the pace allows a request, if the budget does; 0: now.

        The first fifth of a day's budget may leave as fast as one likes, so that a start finds out about
        several symbols at once. What is left is spread over what is left of the day: after each request the
        next one is due when (time left) / (requests left) has passed, so that 25 a day serve until midnight
        and not for 25 seconds. Where nobody tells when a day begins, it is 24 hours / (four fifths of the
        budget). A minute's requests are spread over it likewise, an eighth of them ahead: else prices would
        be fresh for the first half of each minute and old in the other.
        """
        now_ns = self._time(now_ns)
        limits, wait_ns = self.limits, 0
        if limits.per_day:
            if self._spent(now_ns) >= limits.per_day:
                return self._day_wait_ns(now_ns, 0)
            if not self._day_begins(now_ns):
                wait_ns = self._paced_ns - SLACK_NS - now_ns
        if limits.per_minute and not self._minute_begins(now_ns):
            wait_ns = max(wait_ns, self._even_ns - SLACK_NS - now_ns)
        return max(0, wait_ns)

    def left_today(self, now_ns: int) -> int:
        """Requests left of the day; -1: as many as one likes."""
        if not self.limits.per_day:
            return -1
        return max(0, self.limits.per_day - self._spent(self._time(now_ns)))

    def left_now(self, now_ns: int) -> int:
        """Requests left of the minute; -1: as many as one likes."""
        if not self.limits.per_minute:
            return -1
        now_ns = self._time(now_ns)
        return self.limits.per_minute - sum(1 for stamp in self._stamps if stamp + MINUTE_NS > now_ns)

    # --- spending ---

    def take(self, now_ns: int, *, live: bool = True) -> bool:
        """Count one request that is about to leave; False: it must not. ``live``: it moves the pace on."""
        if self.wait_ns(now_ns, live=live) > 0:
            return False
        now_ns = self._time(now_ns)
        if live:
            self._move_pace(now_ns)
            self._live_ns = now_ns
        else:
            self._beside.append(now_ns)
        self._count(now_ns, 1)
        self._stamp(now_ns, 1)
        self._newest_ns = now_ns
        self._total += 1
        return True

    @property
    def unkept(self) -> bool:
        """What was taken goes beyond what the last kept state promised: ``promise`` and ``keep`` first."""
        return (
            self._total > self._kept
            and (self.limits.per_minute or self.limits.per_day or self.limits.gap_ns) > 0
        )

    def promise(self) -> BudgetState:
        """The state to keep: it covers all that was taken, and a few more."""
        sizes = [self.limits.per_minute // 4] if self.limits.per_minute else []
        sizes += [self.limits.per_day // 50] if self.limits.per_day else []
        return self._state(max(1, min([*sizes, _MAX_AHEAD])))

    def kept(self, state: BudgetState) -> None:
        """``state``, as ``promise`` gave it, is durable."""
        self._kept = max(self._kept, state.total + state.ahead)

    def settled(self) -> BudgetState:
        """The state to keep when no more requests will leave: it promises none."""
        self._kept = self._total
        return self._state(0)

    # --- inside ---

    def _state(self, ahead: int) -> BudgetState:
        now_ns = self._now_ns
        recent = sum(1 for stamp in self._stamps if stamp + MINUTE_NS > now_ns)
        recent = recent if self.limits.per_minute else 0
        return BudgetState(dict(self._hours), recent, self._newest_ns, self._paced_ns, self._total, ahead)

    def _time(self, now_ns: int) -> int:
        self._now_ns = max(self._now_ns, now_ns)
        return self._now_ns

    def _stamp(self, ns: int, count: int) -> None:
        if self.limits.per_minute:
            self._stamps.extend([ns] * min(count, self.limits.per_minute))

    def _count(self, now_ns: int, count: int) -> None:
        hour = now_ns // HOUR_NS
        if hour not in self._hours:
            self._hours = {known: spent for known, spent in self._hours.items() if known >= hour - 24}
        self._hours[hour] = self._hours.get(hour, 0) + count
        for near_ns in (now_ns - MIDNIGHT_NS, now_ns + MIDNIGHT_NS):
            if self.limits.day == "utc" and near_ns // DAY_NS != now_ns // DAY_NS:
                other = near_ns // HOUR_NS
                self._hours[other] = self._hours.get(other, 0) + count

    def _spent(self, now_ns: int) -> int:
        """Of today, or of any 24 hours that end now."""
        if self.limits.day == "utc":
            return max(self._spent_on(now_ns // DAY_NS), self._spent_on((now_ns - MIDNIGHT_NS) // DAY_NS))
        first = now_ns // HOUR_NS - 24
        return sum(count for hour, count in self._hours.items() if hour >= first)

    def _spent_on(self, day: int) -> int:
        return sum(count for hour, count in self._hours.items() if hour // 24 == day)

    def _day_wait_ns(self, now_ns: int, reserve: int) -> int:
        allowed = self.limits.per_day - reserve - 1
        spent = self._spent(now_ns)
        if spent <= allowed:
            return 0
        if self.limits.day == "utc":
            day = (now_ns - MIDNIGHT_NS) // DAY_NS + 1
            if self._spent_on(day) > allowed:
                day += 1
            return day * DAY_NS + MIDNIGHT_NS - now_ns
        first = now_ns // HOUR_NS - 24
        for hour in sorted(hour for hour in self._hours if hour >= first):
            spent -= self._hours[hour]
            if spent <= allowed:
                return (hour + 25) * HOUR_NS - now_ns
        return DAY_NS

    def _day_begins(self, now_ns: int) -> bool:
        return self._spent(now_ns) < self.limits.per_day // DAY_AHEAD

    def _minute_begins(self, now_ns: int) -> bool:
        ahead = self.limits.per_minute // MINUTE_AHEAD
        return ahead > 0 and (len(self._stamps) < ahead or self._stamps[-ahead] + MINUTE_NS <= now_ns)

    def _move_pace(self, now_ns: int) -> None:
        """Before the request is counted."""
        limits = self.limits
        if limits.per_day:
            from_ns = now_ns if self._day_begins(now_ns) else max(self._paced_ns, now_ns)
            self._paced_ns = from_ns + self._gap_ns(now_ns)
        if limits.per_minute:
            from_ns = now_ns if self._minute_begins(now_ns) else max(self._even_ns, now_ns)
            share = limits.per_minute - limits.per_minute // MINUTE_AHEAD
            self._even_ns = from_ns + (MINUTE_NS + SLACK_NS) // share

    def _gap_ns(self, now_ns: int) -> int:
        """Between two requests at the day's pace."""
        limits = self.limits
        if limits.day == "rolling":
            return DAY_NS // (limits.per_day - limits.per_day // DAY_AHEAD)
        return (DAY_NS - now_ns % DAY_NS) // max(1, limits.per_day - self._spent(now_ns))
