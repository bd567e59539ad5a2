"""Alerts: when each kind of rule arms, fires, waits and fires again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alert_rule import MOST_RULES, AlertRule, checked, words
from engine.alerts.book import AlertBook
from engine.alerts.sight import Chance, FeedSight, Prices
from engine.alerts.watched import AlertState
from engine.errors import AlertError

NS = 1_000_000_000
X = "sim:X"
CHANGE = "sim:X change in 60 s above 5 %:"


class Seen:
    """A sight that a test sets."""

    def __init__(self) -> None:
        self.last = self.bid = self.ask = math.nan
        self.low = self.high = math.nan
        self.silent = False
        self.value: float | None = None
        self.chances: Sequence[Chance] = ()
        self.venues: Sequence[FeedSight] = ()

    def prices(self, symbol: str) -> Prices:
        return Prices(self.last, self.bid, self.ask, self.low, self.high, self.silent)

    def score(self, symbol: str) -> float | None:
        return self.value

    def opportunities(self) -> Sequence[Chance]:
        return self.chances

    def day_pnl(self) -> float | None:
        return self.value

    def drawdown_pct(self) -> float | None:
        return self.value

    def unrealized(self, symbol: str) -> float | None:
        return self.value

    def feeds(self) -> Sequence[FeedSight]:
        return self.venues


class Desk:
    def __init__(self, *rules: AlertRule) -> None:
        self.book, self.seen, self.ns = AlertBook(), Seen(), NS
        for rule in rules:
            self.book.add(rule, self.ns)

    def look(self, seconds: float = 0.05) -> list[str]:
        self.ns += round(seconds * NS)
        return [one.text for one in self.book.look(self.ns, self.seen)]

    def prices(self, *prices: float) -> list[int]:
        """How many fire at each."""
        counts = []
        for price in prices:
            self.seen.last = price
            counts.append(len(self.look()))
        return counts


def price(value: float, **more: object) -> AlertRule:
    return AlertRule("last", value, symbol=X, **more)  # type: ignore[arg-type]


def test_a_price_fires_once_when_it_comes_from_the_other_side() -> None:
    desk = Desk(price(100.0))
    assert desk.prices(101, 102, math.nan, 99.9, 99.99, 100.0, 105, 90, 110) == [0, 0, 0, 0, 0, 1, 0, 0, 0]
    (state,) = desk.book.kept()
    assert not state.on and state.fired == 1 and state.last_ns > 0
    desk.book.switch("a1", True, desk.ns)
    assert desk.prices(110, 99, 100) == [0, 0, 1]


def test_below_is_the_mirror_and_the_quote_has_its_own() -> None:
    assert Desk(price(100.0, beyond="below")).prices(99, 101, 100) == [0, 0, 1]
    desk = Desk(AlertRule("ask", 50.0, "below", symbol=X))
    desk.seen.ask = 51.0
    assert not desk.look()
    desk.seen.ask = 49.5
    assert desk.look() == ["sim:X ask below 50: 49.5"]


def test_one_that_repeats_waits_until_it_is_back_and_for_its_pause() -> None:
    desk = Desk(price(100.0, repeat=True, rearm=2.0, pause_s=5.0))
    assert desk.prices(98, 100, 99, 101) == [0, 1, 0, 0], "99 is not back by 2"
    assert desk.prices(98, 101) == [0, 0], "it pauses"
    assert len(desk.look(5.0)) == 1, "and still stands beyond when the pause is over"
    assert desk.prices(98) == [0]
    desk.ns -= 3600 * NS
    assert desk.prices(101) == [1], "a clock that went back pauses nothing"


def test_a_spike_between_two_looks_fires_once_and_not_before_the_rule_is_armed() -> None:
    desk = Desk(price(100.0, repeat=True, pause_s=5.0), AlertRule("change", 5.0, symbol=X, window_s=60.0))
    desk.seen.high, desk.seen.low = 120.0, 90.0
    assert desk.prices(95) == [0], "what went by before they were made"
    desk.seen.high = math.nan
    assert desk.prices(95) == [0]
    desk.seen.high = 101.5
    assert desk.look() == ["sim:X last above 100: it was 101.5, now 95", f"{CHANGE} +6.842 %, last 95"]
    assert not desk.look(), "not armed again while it is beyond"
    desk.seen.high = math.nan
    assert not desk.look(9.0) and not desk.look(), "it is back, and armed: it does not fire for what is told"
    desk.seen.high = 100.0
    assert len(desk.look()) == 1


def test_a_change_over_a_silence_says_so() -> None:
    desk = Desk(AlertRule("change", 5.0, symbol=X, window_s=60.0))
    desk.seen.last = 100.0
    assert not desk.look(), "the price of before"
    desk.seen.silent = True
    assert not any(desk.look(10.0) for _ in range(30))
    assert desk.book.watched()[0].now is None, "nobody knows"
    desk.seen.silent, desk.seen.last = False, 106.0
    assert desk.look() == [f"{CHANGE} +6.000 % over 300 s, with none in between, last 106"]


def test_a_change_within_its_window() -> None:
    desk = Desk(AlertRule("change", -1.0, "below", symbol=X, window_s=60.0, note="look!"))
    desk.seen.last = 100.0
    for _ in range(70):
        assert not desk.look(1.0)
    desk.seen.last = 99.2
    assert not desk.look(1.0)
    for _ in range(61):
        assert not desk.look(1.0)
    desk.seen.last = 98.3
    assert not desk.look(1.0), "0.9 % within the minute"
    desk.seen.last = 98.2
    assert desk.look(1.0) == ["sim:X change in 60 s below -1 %: -1.008 %, last 98.2 · look!"]


@pytest.mark.parametrize(
    ("rule", "quiet", "loud"),
    [
        (AlertRule("score", 0.7, symbol=X), 0.69, 0.7),
        (AlertRule("score", -0.7, "below", symbol=X), 0.9, -0.8),
        (AlertRule("day_pnl", -50.0, "below"), -49.9, -50.0),
        (AlertRule("drawdown", 1.5), 1.4, 1.6),
        (AlertRule("unrealized", 25.0, symbol=X), None, 30.0),
    ],
)
def test_a_figure_fires_at_once_when_it_is_there(rule: AlertRule, quiet: float | None, loud: float) -> None:
    desk = Desk(rule)
    desk.seen.value = quiet
    assert not desk.look()
    desk.seen.value = loud
    (text,) = desk.look()
    assert text.startswith(words(rule)) and (f"{loud:+.3f}" if rule.what == "score" else f"{loud:+g}") in text
    assert desk.book.watched()[0].now == loud and not desk.look()


def test_an_opportunity_of_a_source() -> None:
    desk = Desk(AlertRule("opportunity", 0.5, source="trend", repeat=True, pause_s=5.0))
    weak = Chance(2 * NS, X, "buy", 0.4, ("trend",))
    other = Chance(2 * NS, X, "buy", 0.9, ("model",))
    old = Chance(0, X, "buy", 0.9, ("trend",))
    good = Chance(2 * NS, X, "sell", -0.6, ("trend", "model"))
    desk.seen.chances = [weak, other, old]
    assert not desk.look()
    desk.seen.chances = [good, weak]
    assert desk.look() == ["opportunity sell sim:X -0.60 by trend, model"]
    assert not desk.look() and len(desk.look(5.0)) == 1


def test_a_feed_that_is_down_or_silent() -> None:
    desk = Desk(AlertRule("feed", 10.0), AlertRule("feed", 3.0, source="other"))
    up = FeedSight("sim", True, desk.ns, "up")
    desk.seen.venues = [up]
    assert not desk.look(9.0)
    assert desk.look(1.0) == ["feed any silent for 10 s: sim is up, 10 s"]
    desk = Desk(AlertRule("feed", 10.0, repeat=True, pause_s=5.0))
    desk.seen.venues = [FeedSight("sim", False, 0, "down")]
    assert not desk.look(1.0) and not desk.look(9.0)
    assert desk.look(1.0) == ["feed any silent for 10 s: sim is down, 10 s"]
    desk.seen.venues = [FeedSight("sim", True, desk.ns, "up")]
    assert not desk.look(1.0)
    desk.seen.venues = [FeedSight("sim", False, desk.ns, "down")]
    assert not desk.look(9.0) and len(desk.look(2.0)) == 1


def test_what_is_armed_stays_so_over_a_restart_and_tells_what_happened_meanwhile() -> None:
    desk = Desk(price(100.0), price(50.0))
    assert desk.prices(99) == [0]
    kept = msgspec.convert(msgspec.to_builtins(desk.book.kept()), list[AlertState])
    again = Desk()
    again.book.take_up(kept)
    assert again.prices(120) == [1] and again.book.add(price(1.0), again.ns) == "a3"


@pytest.mark.parametrize(
    "rule",
    [
        AlertRule("last", 5.0),
        AlertRule("last", 0.0, symbol=X),
        AlertRule("last", math.nan, symbol=X),
        AlertRule("change", 1.0, symbol=X),
        AlertRule("score", 1.5, symbol=X),
        AlertRule("drawdown", 1.0, "below"),
        AlertRule("feed", 0.0),
        price(5.0, pause_s=1.0),
        price(5.0, rearm=-1.0),
    ],
)
def test_what_cannot_be_is_refused(rule: AlertRule) -> None:
    with pytest.raises(AlertError):
        checked(rule)


def test_rules_are_bounded_and_known_by_their_id() -> None:
    desk = Desk(*[price(float(n + 1)) for n in range(MOST_RULES)])
    with pytest.raises(AlertError, match="as many as there can be"):
        desk.book.add(price(1.0), NS)
    desk.book.remove("a7")
    assert desk.book.add(price(1.0), NS) == f"a{MOST_RULES + 1}" and len(desk.book) == MOST_RULES
    for act in (lambda: desk.book.remove("a7"), lambda: desk.book.switch("x", True, NS)):
        with pytest.raises(AlertError, match="no alert is called"):
            act()


@given(
    st.lists(st.floats(50, 150) | st.just(math.nan), max_size=40),
    st.sampled_from(["above", "below"]),
    st.floats(0, 10),
)
@settings(max_examples=150, deadline=None)
def test_a_price_never_fires_twice_without_having_been_back(
    prices: list[float], beyond: str, rearm: float
) -> None:
    rule = price(100.0, beyond=beyond, rearm=rearm, repeat=True, pause_s=5.0)
    desk, back = Desk(rule), False
    sign = 1 if beyond == "above" else -1
    for value in prices:
        desk.seen.last = value
        fired = desk.look(6.0)
        over = (value - 100.0) * sign
        assert bool(fired) == (back and over >= 0)
        if fired:
            back = False
        elif over < 0 and over <= -rearm:
            back = True
