"""When a socket is stale, and when it is dead."""

from __future__ import annotations

from engine.events import NS
from engine.feeds.watchdog import Health, Patience, Watchdog


def watchdog() -> Watchdog:
    return Watchdog(Patience(10 * NS), 0)


def test_data_keeps_it_live() -> None:
    dog = watchdog()
    for second in range(0, 100, 9):
        dog.data("trade", second * NS)
        dog.data("quote", second * NS)
        assert dog.check((second + 1) * NS).health is Health.LIVE


def test_silence_without_heartbeats_is_death() -> None:
    dog = watchdog()
    dog.data("quote", NS)
    assert dog.check(11 * NS).health is Health.LIVE
    verdict = dog.check(11 * NS + 1)
    assert verdict.health is Health.DEAD and "no data for 10.0 s" in verdict.reason


def test_a_socket_that_never_delivers_is_dead_too() -> None:
    assert watchdog().check(10 * NS + 1).health is Health.DEAD


def test_heartbeats_are_not_data_but_keep_a_quiet_socket_for_a_while() -> None:
    dog = watchdog()
    for second in range(1, 61):
        dog.heartbeat(second * NS)
        expected = Health.LIVE if second <= 10 else Health.STALE
        assert dog.check(second * NS).health is expected
    dog.heartbeat(61 * NS)
    assert dog.check(61 * NS).health is Health.DOUBTFUL
    assert dog.check(62 * NS).health is Health.STALE


def test_data_after_silence_makes_it_live_again() -> None:
    dog = watchdog()
    dog.heartbeat(11 * NS)
    assert dog.check(12 * NS).health is Health.STALE
    dog.data("trade", 13 * NS)
    assert dog.check(13 * NS).health is Health.LIVE


def test_one_channel_may_be_quiet_long_and_is_given_longer_each_time() -> None:
    patience = Patience(10 * NS)

    def doubted_after_s(start_s: int) -> int:
        dog = Watchdog(patience, start_s * NS)
        for second in range(start_s, start_s + 5000):
            dog.data("quote", second * NS)
            if dog.check(second * NS).health is Health.DOUBTFUL:
                return second - start_s
        return -1

    assert doubted_after_s(0) == 301
    assert doubted_after_s(10_000) == 601


def test_a_pair_that_trades_once_in_ten_minutes_is_asked_about_once() -> None:
    dog = watchdog()
    doubts = []
    for second in range(0, 6 * 3600, 5):
        dog.data("quote", second * NS)
        if second % 600 == 0:
            dog.data("trade", second * NS)
        if dog.check(second * NS).health is Health.DOUBTFUL:
            doubts.append(second)
    assert doubts == [305]


def test_a_channel_that_was_busy_and_stops_is_doubted_in_time() -> None:
    dog = watchdog()
    for second in range(0, 1000, 5):
        dog.data("quote", second * NS)
        if second < 500:
            dog.data("trade", second * NS)
        if dog.check(second * NS).health is Health.DOUBTFUL:
            assert second == 800
            return
    raise AssertionError("the silence of one channel was not noticed")


def test_a_market_that_is_only_quiet_is_restarted_less_and_less_but_for_ever() -> None:
    patience = Patience(10 * NS)

    def doubted_after_s(start_s: int) -> int:
        dog = Watchdog(patience, start_s * NS)
        second = start_s
        while dog.check(second * NS).health is not Health.DOUBTFUL:
            second += 1
            dog.heartbeat(second * NS)
        return second - start_s

    assert [doubted_after_s(10_000 * n) for n in range(6)] == [61, 121, 241, 481, 961, 961]
