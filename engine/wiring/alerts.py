"""Alerts of a live desk: what the rules see, what becomes of one that fires, and what is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from engine.alert_rule import PRICES, AlertRule, checked, words
from engine.alerts.book import AlertBook
from engine.alerts.sight import Chance, FeedSight, Prices
from engine.alerts.watched import AlertState, Watched
from engine.api.alert_protocol import SOURCE, AlertReply, AlertRow
from engine.api.protocol import Reply
from engine.errors import AlertError, OrderError, TickdeskError
from engine.events import FeedState
from engine.feeds.base import Feed
from engine.text import clean
from engine.wiring.tickets import find

if TYPE_CHECKING:
    from engine.wiring.desk import Desk
    from engine.wiring.live import LiveEngine

log = logging.getLogger("engine.desk")

SETTING = "alerts"
_FLOWING = frozenset({FeedState.UP, FeedState.POLLING})
_MOST_BARS = 120
"""Closed bars that one look takes in: more have gone by only where the engine stood still."""
_UNKNOWN = Prices(float("nan"), float("nan"), float("nan"))


class DeskSight:
    """Implements ``engine.alerts.sight.Sight``. ``begin`` is called before each look."""

    def __init__(self, desk: Desk, feeds: Callable[[], Sequence[Feed]]) -> None:
        self._desk, self._feeds = desk, feeds
        self._bar_ns = round(desk.config.features.bar_s * 1_000_000_000)
        self._boundary = 0
        self._counts: dict[str, int] = {}
        """Closed bars that were seen, by symbol."""
        self._bars: dict[str, list[tuple[int, float, float]]] = {}
        self._prices: dict[str, Prices] = {}
        self._found = 0
        self._chances: list[Chance] = []
        self._newest = ""

    def begin(self, symbols: set[str]) -> None:
        self._bars.clear()
        self._prices.clear()
        boundary = self._desk.features.boundary_ns
        if boundary != self._boundary:
            self._boundary = boundary
            self._counts = {symbol: self._take_bars(symbol) for symbol in symbols}
        self._take_chances()

    def _take_bars(self, symbol: str) -> int:
        """Those that closed since the last look; returns how many there are by now."""
        instrument, features = self._desk.instruments.get(symbol), self._desk.features
        if instrument is None:
            return 0
        row = features.row(instrument.index)
        new = min(row.bars - self._counts.get(symbol, row.bars), _MOST_BARS)
        if new > 0:
            # Bars without a trade are none: an older one began at this time or before.
            begins = [row.bar_start_ns - back * self._bar_ns for back in range(new - 1, -1, -1)]
            values = features.bars(instrument.index, new).tolist()
            self._bars[symbol] = [(begin, bar[2], bar[1]) for begin, bar in zip(begins, values, strict=False)]
        return row.bars

    def _take_chances(self) -> None:
        count = self._desk.signals.opportunities
        self._chances = []
        if count == self._found:
            return
        recent = self._desk.signals.aggregator.recent(max(1, min(count - self._found, 100)))
        self._found = count
        for one, _ in recent:
            if one.opportunity_id == self._newest:
                break
            self._chances.append(Chance(one.created_ns, one.symbol, one.side.value, one.score, one.sources))
        self._newest = recent[0][0].opportunity_id if recent else ""

    # --- Sight -----------------------------------------------------------------------------------

    def prices(self, symbol: str) -> Prices:
        found = self._prices.get(symbol)
        if found is None:
            instrument = self._desk.instruments.get(symbol)
            if instrument is None:
                return _UNKNOWN
            bid, _, ask, _, last = self._desk.features.live_quote(instrument.index)
            found = self._prices[symbol] = Prices(last, bid, ask, self._bars.get(symbol, ()))
        return found

    def score(self, symbol: str) -> float | None:
        return self._desk.signals.blender.score(symbol, self._desk.now_ns)

    def opportunities(self) -> Sequence[Chance]:
        return self._chances

    def day_pnl(self) -> float | None:
        return _number(self._desk.trading.ledger.day_pnl(self._desk.now_ns))

    def drawdown_pct(self) -> float | None:
        return self._desk.trading.ledger.drawdown_pct()

    def unrealized(self, symbol: str) -> float | None:
        ledger = self._desk.trading.ledger
        return _number(ledger.unrealized(symbol)) if ledger.quantity(symbol) else None

    def feeds(self) -> Sequence[FeedSight]:
        return [
            FeedSight(
                feed.venue, feed.stats.state in _FLOWING, feed.stats.last_data_ns, feed.stats.state.value
            )
            for feed in self._feeds()
            if feed.stats.state is not FeedState.ENDED
        ]


class Alerts:
    """``look`` is called by the engine's timer. ``keep`` keeps a setting, a JSON-able value."""

    def __init__(
        self, desk: Desk, feeds: Callable[[], Sequence[Feed]], *, keep: Callable[[str, object], None]
    ) -> None:
        self._desk, self._keep = desk, keep
        self.book = AlertBook()
        self._sight = DeskSight(desk, feeds)
        self._armed: tuple[str, ...] = ()

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """The rules of earlier runs. One that cannot be read is left out, and said so."""
        kept = settings.get(SETTING)
        states = []
        for one in kept if isinstance(kept, list) else ():
            try:
                state = msgspec.convert(one, AlertState)
                state.rule = checked(state.rule)
                states.append(state)
            except (TickdeskError, ValueError) as error:  # msgspec's errors are ValueErrors
                log.warning("an alert of the setting %s is not taken up: %s", SETTING, clean(error))
        self.book.take_up(states)
        self._armed = self.book.armed()

    def look(self) -> None:
        if not self.book.active or not self._desk.trading_enabled:
            return
        self._sight.begin(self.book.symbols())
        fired = self.book.look(self._desk.now_ns, self._sight)
        for one in fired:
            self._desk.alert("warning", SOURCE, clean(one.text, 300))
        if fired or self.book.armed() != self._armed:
            self._save()

    def _save(self) -> None:
        self._armed = self.book.armed()
        self._keep(SETTING, msgspec.to_builtins(self.book.kept()))

    # --- commands --------------------------------------------------------------------------------

    def add(self, rule: AlertRule) -> str:
        """Returns its id. Raises AlertError."""
        rule = checked(rule)
        if rule.symbol:
            try:
                rule = msgspec.structs.replace(rule, symbol=find(self._desk, rule.symbol).symbol)
            except OrderError as error:
                raise AlertError(str(error)) from None
        id = self.book.add(rule, self._desk.now_ns)
        self._save()
        return id

    def switch(self, id: str, on: bool) -> AlertRule:
        rule = self.book.switch(id, on, self._desk.now_ns)
        self._save()
        return rule

    def remove(self, id: str) -> AlertRule:
        rule = self.book.remove(id)
        self._save()
        return rule


class LiveAlerts:
    """Implements ``engine.api.alert_port.AlertPort``."""

    def __init__(self, engine: LiveEngine) -> None:
        self._engine = engine

    @property
    def _alerts(self) -> Alerts:
        self._engine.writing.refuse_when_failed()
        return self._engine.alerts

    def rows(self) -> tuple[AlertRow, ...]:
        return tuple(_row(one) for one in self._engine.alerts.book.watched())

    def add(self, rule: AlertRule, who: str) -> AlertReply:
        id = self._alerts.add(rule)
        one = next(row for row in self.rows() if row.id == id)
        log.info("alert %s of %s: %s", id, who, one.text)
        waits = "" if one.armed or one.rule.what not in PRICES else ", once it comes from the other side"
        return AlertReply(True, f"alert {id}: {one.text}{waits}", id)

    def switch(self, id: str, on: bool, who: str) -> Reply:
        rule = self._alerts.switch(id, on)
        log.info("alert %s is %s by %s", id, "on" if on else "off", who)
        return Reply(True, f"alert {id} is {'on' if on else 'off'}: {words(rule)}")

    def remove(self, id: str, who: str) -> Reply:
        rule = self._alerts.remove(id)
        log.info("alert %s is removed by %s", id, who)
        return Reply(True, f"alert {id} is removed: {words(rule)}")


def _row(one: Watched) -> AlertRow:
    state = one.state
    return AlertRow(
        state.id, state.rule, words(state.rule), state.on, state.armed, state.fired, state.last_ns, one.now
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
