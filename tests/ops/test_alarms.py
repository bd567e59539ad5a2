"""Alarms: what is told, when, how often, and when it is over."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import AlarmsConfig
from engine.ops.alarms import LEAST_LATENCIES, NS, Alarms, FeedSight, Sight, Told

WELL = Sight(feeds=(FeedSight("kraken", True, "up", 0.1, False),), disk_free_bytes=10**12)
DOWN = Sight(feeds=(FeedSight("kraken", False, "down, connection refused", 50.0, False),))


class Watch:
    """Alarms, looked at once a second."""

    def __init__(self, **config: float) -> None:
        self.alarms = Alarms(AlarmsConfig(**config))  # type: ignore[arg-type]
        self.now_s = 0

    def look(self, sight: Sight, seconds: int = 1) -> list[Told]:
        told = []
        for _ in range(seconds):
            self.now_s += 1
            told += self.alarms.look(sight, self.now_s * NS)
        return told


def texts(told: list[Told]) -> list[str]:
    return [one.text for one in told]


def test_a_desk_that_is_well_tells_nothing() -> None:
    watch = Watch()
    assert watch.look(WELL, 100) == [] and watch.alarms.lasting == []


def test_a_feed_is_told_when_it_is_away_for_long_and_when_it_is_back() -> None:
    watch = Watch(feed_lost_s=10, clear_s=3)
    assert watch.look(DOWN, 10) == []
    assert watch.look(WELL, 5) == [] and watch.look(DOWN, 10) == []
    (told,) = watch.look(DOWN, 100)
    assert told == Told("feed", "error", "kraken is away: down, connection refused", False)
    assert watch.alarms.lasting == [("feed", "kraken")]
    (over,) = watch.look(WELL, 100)
    assert over == Told("feed", "info", "kraken is back", False)


def test_a_bus_that_is_not_well_for_long_is_told() -> None:
    watch, away = Watch(bus_lag_s=5, clear_s=1), Sight(bus="127.0.0.1:6379: TimeoutError")
    assert watch.look(away, 4) == []
    (told,) = watch.look(away, 100)
    assert (told.kind, told.level) == ("bus", "error") and "6379: TimeoutError" in told.text
    assert told.critical, "who lost its lease watches no stops"
    assert texts(watch.look(Sight(), 3)) == ["the bus is well again"]
    assert Watch(bus_lag_s=0).look(away, 100) == []


def test_a_bus_whose_memory_is_nearly_full_is_told_before_it_stops_all() -> None:
    watch = Watch(clear_s=1)
    assert watch.look(Sight(bus_memory=0.89), 100) == []
    (told,) = watch.look(Sight(bus_memory=0.93), 100)
    assert (told.kind, told.level) == ("bus memory", "warning")
    assert "full to 93 %" in told.text and "maxmemory" in told.text
    assert texts(watch.look(Sight(bus_memory=0.5), 3)) == ["the bus has memory again"]


def test_what_comes_and_goes_is_told_once_a_window_and_counted() -> None:
    watch, slow = Watch(window_s=600, clear_s=1), Sight(loop_lag_s=0.7)
    told = [one for _ in range(100) for one in watch.look(slow) + watch.look(WELL, 2)]
    assert texts(told) == ["the engine was held up for 0.70 s", "the loop is in time again"]
    watch.look(WELL, 600)
    (again,) = watch.look(slow)
    assert again.text == "the engine was held up for 0.70 s (100 times since it was told last)"


def test_what_lasts_is_told_when_the_window_is_over() -> None:
    watch, slow = Watch(window_s=100, clear_s=1), Sight(writer_lag_s=9.0)
    assert len(watch.look(slow)) == 1 and len(watch.look(WELL, 5)) == 1
    assert watch.look(slow, 90) == []
    (told,) = watch.look(slow, 20)
    assert told.text == "an event has waited 9.0 s for the disk"


@pytest.mark.parametrize(
    ("sight", "kind", "level", "critical", "words"),
    [
        (Sight(journal="disk full"), "journal", "error", True, "nothing trades: disk full"),
        (Sight(disk_free_bytes=9 * 10**8), "disk", "warning", False, "0.90 GB are free"),
        (Sight(writer_lag_s=2.5), "lag", "warning", False, "waited 2.5 s for the disk"),
        (Sight(loop_lag_s=0.6), "lag", "warning", False, "held up for 0.60 s"),
        (Sight(bus_oldest_s=6.0), "lag", "warning", False, "6.0 s old"),
        (Sight(latencies_s=(0.06,) * LEAST_LATENCIES), "latency", "warning", False, "takes 60.0 ms"),
        (Sight(drifted=40), "model drift", "warning", False, "40 features"),
        (
            Sight(feeds=(FeedSight("okx", True, "up", 31.0, False),)),
            "stale data",
            "warning",
            False,
            "for 31 s",
        ),
        (
            Sight(feeds=(FeedSight("okx", True, "up", 0.1, True),)),
            "clock",
            "warning",
            False,
            "entries are denied",
        ),
    ],
)
def test_each_condition(sight: Sight, kind: str, level: str, critical: bool, words: str) -> None:
    (told,) = Watch().look(sight)
    assert (told.kind, told.level, told.critical) == (kind, level, critical) and words in told.text
    off = Watch(**{name: 0 for name in AlarmsConfig.__struct_fields__ if name not in ("window_s", "clear_s")})
    judged_always = kind in ("journal", "clock")
    assert bool(off.look(sight)) is judged_always


def test_a_disk_that_is_full_is_critical() -> None:
    told = Watch().look(Sight(disk_free_bytes=10**7))
    assert [(one.kind, one.level, one.critical) for one in told] == [
        ("disk", "warning", False),
        ("disk", "error", True),
    ]


def test_few_decisions_and_old_ones_are_not_judged() -> None:
    watch = Watch(clear_s=0)
    assert watch.look(Sight(latencies_s=(9.0,) * (LEAST_LATENCIES - 1))) == []
    assert len(watch.look(Sight(latencies_s=(9.0,)))) == 1
    (over,) = watch.look(Sight(), 65)
    assert over.text == "decisions are within their budget again"


@given(st.lists(st.booleans(), max_size=300), st.integers(0, 50), st.integers(0, 20))
def test_tellings_alternate_and_keep_their_distance(held: list[bool], window_s: int, clear_s: int) -> None:
    watch, told = Watch(window_s=window_s, clear_s=clear_s), list[tuple[int, bool]]()
    for holds in held:
        for one in watch.look(Sight(writer_lag_s=5.0 * holds)):
            told.append((watch.now_s, one.level == "info"))
    assert [over for _, over in told] == [bool(n % 2) for n in range(len(told))]
    begun = [at for at, over in told if not over]
    assert all(later - earlier >= window_s for earlier, later in itertools.pairwise(begun))
    if any(held):
        assert begun[0] == held.index(True) + 1


def test_every_limit_has_a_condition() -> None:
    assert set(AlarmsConfig.__struct_fields__) == {
        *("feed_lost_s", "stale_s", "disk_free_gb", "writer_lag_s", "loop_lag_ms", "bus_lag_s"),
        *("latency_budget_ms", "drifted_features", "clear_s", "window_s"),
    }
    assert msgspec.to_builtins(AlarmsConfig())["window_s"] == 600.0
