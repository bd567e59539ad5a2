"""The dispatcher, against a matcher that asks every automation about every signal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.automation.definition import Definition
from engine.automation.dispatcher import MAX_WAITING, PERIODIC, Dispatcher, Job, run_id
from engine.automation.parts import SignalTrigger
from engine.events import NS, Family, Signal
from tests.automation.samples import BTC, ETH, T0, periodic, signal, watch


def dispatcher(*definitions: Definition, max_running: int = 100) -> Dispatcher:
    made = Dispatcher(max_running)
    made.load(definitions, T0)
    return made


def match(target: Dispatcher, *signals: Signal, at_s: float = 0.0) -> list[str]:
    """Names of the jobs that a batch of these signals leads to; all of them end at once."""
    return [job.name for job in run(target, *signals, at_s=at_s)]


def run(target: Dispatcher, *signals: Signal, at_s: float = 0.0, error: str = "") -> list[Job]:
    for one in signals:
        target.offer(one, 0)
    now_ns = T0 + round(at_s * NS)
    jobs = target.match(now_ns, 0)
    for job in jobs:
        target.begun(job, now_ns, 5_000)
        target.ended(job, error)
    return jobs


def test_wildcards_in_sources_and_symbols() -> None:
    target = dispatcher(
        watch("all"),
        watch("any_venue", symbols=["BTCUSDT"]),
        watch("eth", symbols=[ETH]),
        watch("one_venue", symbols=[BTC]),
        watch("twice", symbols=[BTC, "BTCUSDT"]),
        watch("trend", sources=["trend"]),
    )
    assert match(target, signal(BTC, "rapid_rise")) == ["all", "any_venue", "one_venue", "twice"]
    assert match(target, signal("kraken:BTCUSDT", "trend", at_s=1)) == ["all", "any_venue", "trend", "twice"]
    assert match(target, signal(ETH, "trend", at_s=2)) == ["all", "eth", "trend"]


def test_quant_modules_only_where_they_are_named() -> None:
    target = dispatcher(watch("all"), watch("mood", sources=["sentiment"]))
    assert match(target, signal(source="sentiment", family=Family.SENTIMENT)) == ["mood"]
    assert match(target, signal(source="sentiment", at_s=1)) == ["all", "mood"]


def test_thresholds_are_bounds_that_are_met() -> None:
    target = dispatcher(watch(min_score=0.5, min_confidence=0.7))
    assert match(target, signal(score=0.5, confidence=0.7)) == ["one"]
    assert match(target, signal(score=-0.5, confidence=0.7, at_s=1)) == ["one"]
    assert match(target, signal(score=0.4999, at_s=2), signal(confidence=0.6999, at_s=3)) == []


def test_direction() -> None:
    target = dispatcher(watch("any"), watch("buys", side="buy"), watch("sells", side="sell"))
    assert match(target, signal(score=0.1)) == ["any", "buys"]
    assert match(target, signal(score=-0.1, at_s=1)) == ["any", "sells"]
    assert match(target, signal(score=0.0, at_s=2), signal(score=float("nan"), at_s=3)) == []


def test_an_inactive_one_matches_nothing() -> None:
    assert match(dispatcher(watch(active=False)), signal()) == []


def test_cooldown_by_symbol() -> None:
    target = dispatcher(watch(cooldown_s=10))
    assert match(target, signal(at_s=0), signal(ETH, at_s=0)) == ["one", "one"]
    assert match(target, signal(at_s=9.9)) == []
    assert match(target, signal(at_s=10)) == ["one"]
    assert target.entries["one"].matched == 3


def test_cooldowns_go_on_after_a_restart() -> None:
    target = dispatcher(watch(cooldown_s=10))
    target.remember({("one", BTC): T0, ("gone", ETH): T0})
    assert match(target, signal(at_s=5)) == [] and match(target, signal(ETH, at_s=5)) == ["one"]
    assert target.entries["one"].last_ns == T0 + 0
    later = Dispatcher(10)
    later.remember({("one", BTC): T0})
    later.load([watch(cooldown_s=10)], T0)
    assert match(later, signal(at_s=5)) == []


def test_what_runs_is_skipped_until_it_ends() -> None:
    target = dispatcher(watch())
    target.offer(signal(), 0)
    target.offer(signal(at_s=0.1), 0)
    target.offer(signal(ETH), 0)
    first, second = target.match(T0, 0)
    assert (first.symbol, second.symbol) == (BTC, ETH)
    assert target.entries["one"].running == 2
    target.offer(signal(at_s=0.2), 0)
    assert target.match(T0, 0) == []
    target.begun(first, T0, 0)
    target.ended(first, "")
    target.offer(signal(at_s=0.3), 0)
    assert [job.symbol for job in target.match(T0, 0)] == [BTC]
    tally = target.tallies["rapid_rise"]
    assert (tally.seen, tally.matched, tally.skipped) == (5, 5, 2)


def test_what_the_store_refuses_may_run_again() -> None:
    target = dispatcher(watch())
    target.offer(signal(), 0)
    (job,) = target.match(T0, 0)
    target.skipped(job)
    assert target.entries["one"].running == 0 and target.tallies["rapid_rise"].skipped == 1
    assert match(target, signal(at_s=1)) == ["one"]


def test_no_more_than_so_many_run() -> None:
    target = dispatcher(watch("a"), watch("b"), watch("c"), max_running=2)
    target.offer(signal(), 0)
    first, second = target.match(T0, 0)
    assert (first.name, second.name, target.held) == ("a", "b", 1)
    assert target.match(T0, 0) == []
    target.ended(second, "")
    (third,) = target.match(T0 + NS, 0)
    assert (third.name, third.ns, target.held) == ("c", T0, 0)
    target.ended(first, "")
    target.ended(third, "")
    assert target.tallies["rapid_rise"].skipped == 0
    assert [entry.running for entry in target.entries.values()] == [0, 0, 0]


def test_all_of_many_periods_that_are_over_at_once_run() -> None:
    every = [periodic(f"a{number:02}", every_s=60) for number in range(25)]
    target = dispatcher(*every, max_running=10)
    done: list[str] = []
    while jobs := target.match(T0 + 60 * NS, 0):
        assert len(jobs) <= 10
        done += [job.name for job in jobs]
        for job in jobs:
            target.begun(job, T0, 0)
            target.ended(job, "")
    assert done == [one.name for one in every]


def test_what_waits_goes_with_its_signal() -> None:
    """A newer signal takes its place, and no cooldown follows from it."""
    target = dispatcher(watch("a"), watch("b", cooldown_s=3600), max_running=1)
    target.offer(signal(), 0)
    (first,) = target.match(T0, 0)
    assert first.signal is not None and target.held == 1
    late_s = first.signal.ttl_ns / NS
    target.ended(first, "")
    target.offer(signal(at_s=late_s), 0)
    (again,) = target.match(T0 + first.signal.ttl_ns, 0)
    assert (again.name, target.held) == ("a", 1)
    target.ended(again, "")
    (other,) = target.match(again.ns, 0)
    assert (other.name, other.ns) == ("b", again.ns)
    assert target.tallies["rapid_rise"].skipped == 1


@pytest.mark.parametrize("change", ["removed", "off", "steps"])
def test_what_waits_goes_with_its_automation(change: str) -> None:
    target = dispatcher(watch("a"), watch("b"), max_running=1)
    target.offer(signal(), 0)
    (first,) = target.match(T0, 0)
    after = {
        "removed": [],
        "off": [watch("b", active=False)],
        "steps": [watch("b", steps=[{"type": "notify", "text": "other"}])],
    }[change]
    target.load([watch("a"), *after], T0)
    target.ended(first, "")
    assert target.match(T0, 0) == [] and target.held == 0


def test_counts_errors_and_latency() -> None:
    target = dispatcher(watch())
    run(target, signal(), at_s=1)
    run(target, signal(at_s=1), at_s=2, error="it broke")
    entry, tally = target.entries["one"], target.tallies["rapid_rise"]
    assert (entry.matched, entry.started, entry.succeeded, entry.failed) == (2, 2, 1, 1)
    assert entry.error == "it broke" and entry.last_ns == T0 + 2 * NS and entry.running == 0
    assert (tally.started, tally.succeeded, tally.failed) == (2, 1, 1)
    assert tally.latency_us(0.5) == tally.latency_us(0.99) == 5.0
    run(target, signal(at_s=3))
    assert entry.error == ""


def test_latency_quantiles() -> None:
    target = dispatcher(watch())
    for number in range(100):
        target.offer(signal(at_s=number), 0)
        (job,) = target.match(T0, 0)
        target.begun(job, T0, (number + 1) * 1000)
        target.ended(job, "")
    tally = target.tallies["rapid_rise"]
    assert (tally.latency_us(0.5), tally.latency_us(0.99)) == (51.0, 100.0)


def test_a_new_definition_keeps_counts_and_cooldowns() -> None:
    target = dispatcher(watch(cooldown_s=10))
    assert match(target, signal()) == ["one"]
    assert target.load([watch(cooldown_s=10, min_score=0.1)], T0)
    assert not target.load([watch(cooldown_s=10, min_score=0.1)], T0)
    assert match(target, signal(at_s=1)) == [] and target.entries["one"].started == 1


def test_one_that_is_removed_while_it_runs() -> None:
    target = dispatcher(watch())
    target.offer(signal(), 0)
    (job,) = target.match(T0, 0)
    target.load([], T0)
    target.begun(job, T0, 0)
    target.ended(job, "")
    assert target.entries == {} and target.tallies["rapid_rise"].succeeded == 1


def test_periods_run_once_each_and_are_not_made_up_for() -> None:
    target = dispatcher(periodic(every_s=60), watch())
    start = T0 // (60 * NS) * 60 * NS
    assert target.due_ns() == start + 60 * NS
    assert target.match(start + 60 * NS - 1, 0) == []
    (job,) = target.match(start + 60 * NS + 500, 1_000)
    assert (job.ns, job.symbol, job.source, job.signal) == (start + 60 * NS, "", "", None)
    target.begun(job, start, 1_000)
    assert target.tallies[PERIODIC].latency_us(0.5) == 0.5
    assert target.match(start + 120 * NS, 0) == [], "the first still runs"
    target.ended(job, "")
    (late,) = target.match(start + 1000 * NS, 0)
    assert late.ns == start + 180 * NS and target.due_ns() == start + 1020 * NS
    assert late.run_id != job.run_id


def test_a_period_that_is_switched_on_waits_for_its_next_time() -> None:
    target = dispatcher(periodic(every_s=60, active=False))
    assert target.due_ns() is None
    later = T0 + 1000 * NS
    target.load([periodic(every_s=60)], later)
    due = target.due_ns()
    assert due is not None and later < due <= later + 60 * NS
    target.load([periodic(every_s=60), watch()], later + 30 * NS)
    assert target.due_ns() == due


def test_ids_tell_automation_symbol_and_time_apart() -> None:
    ids = {run_id(name, symbol, ns) for name in "ab" for symbol in ("x", "y") for ns in (1, 2)}
    assert len(ids) == 8 and run_id("a", "x", 1) in ids
    assert len(run_id("watch", BTC, 17)) == 24


def test_what_waits_is_bounded() -> None:
    target = dispatcher(watch())
    for number in range(MAX_WAITING + 10):
        target.offer(signal(at_s=number), 0)
    assert target.waiting == MAX_WAITING
    target.match(T0, 0)
    assert target.tallies["rapid_rise"].seen == MAX_WAITING and target.waiting == 0


# --- against the naive matcher ---

SYMBOLS = ("binance:BTCUSDT", "kraken:BTCUSDT", "coinbase:ETH-USD")
SOURCES = ("trend", "rapid_rise", "sentiment")
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def naive(definitions: Sequence[Definition], signals: Sequence[Signal]) -> list[tuple[str, str, int]]:
    """(name, symbol, ns) of every job that is wanted, when no run ends before the last signal."""
    running: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], int] = {}
    jobs = []
    for one in signals:
        for definition in sorted(definitions, key=lambda definition: definition.name):
            trigger = definition.trigger
            assert isinstance(trigger, SignalTrigger)
            key = definition.name, one.symbol
            if not definition.active or not one.score:
                continue
            if trigger.sources and one.source not in trigger.sources:
                continue
            if not trigger.sources and one.family is not Family.TECHNICAL:
                continue
            if trigger.symbols and not {one.symbol, one.symbol.split(":")[1]} & set(trigger.symbols):
                continue
            if abs(one.score) < trigger.min_score or one.confidence < trigger.min_confidence:
                continue
            if trigger.side != "any" and trigger.side != ("buy" if one.score > 0 else "sell"):
                continue
            if key in last and one.ns - last[key] < trigger.cooldown_s * NS:
                continue
            if key in running:
                continue
            running.add(key)
            last[key] = one.ns
            jobs.append((*key, one.ns))
    return jobs


TRIGGERS = st.fixed_dictionaries(
    {
        "symbols": st.lists(st.sampled_from([*SYMBOLS, "BTCUSDT", "ETH-USD", "XRP"]), max_size=3),
        "sources": st.lists(st.sampled_from(SOURCES), max_size=2),
        "min_score": st.sampled_from(LEVELS),
        "min_confidence": st.sampled_from(LEVELS),
        "side": st.sampled_from(["buy", "sell", "any"]),
        "cooldown_s": st.sampled_from([0, 2, 5]),
    }
)
SIGNALS = st.builds(
    lambda symbol, source, score, confidence, at_s: signal(
        symbol,
        source,
        score,
        confidence=confidence,
        at_s=at_s,
        family=Family.SENTIMENT if source == "sentiment" else Family.TECHNICAL,
    ),
    st.sampled_from(SYMBOLS),
    st.sampled_from(SOURCES),
    st.one_of(st.sampled_from(LEVELS), st.sampled_from(LEVELS).map(lambda level: -level)),
    st.sampled_from(LEVELS),
    st.integers(0, 10),
)


@settings(max_examples=200, deadline=None)
@given(
    triggers=st.lists(st.tuples(TRIGGERS, st.booleans()), max_size=8),
    signals=st.lists(SIGNALS, max_size=25),
    splits=st.lists(st.integers(0, 25), max_size=4),
    max_running=st.integers(1, 12),
)
def test_every_job_of_the_naive_matcher_and_no_other(
    triggers: list[tuple[dict[str, object], bool]],
    signals: list[Signal],
    splits: list[int],
    max_running: int,
) -> None:
    """However the signals are cut into batches."""
    definitions = [
        watch(f"a{number}", active=active, **trigger) for number, (trigger, active) in enumerate(triggers)
    ]
    target = dispatcher(*definitions, max_running=max_running)
    found = []
    for start, end in zip([0, *sorted(splits)], [*sorted(splits), len(signals)], strict=True):
        for one in signals[start:end]:
            target.offer(one, 0)
        found += [(job.name, job.symbol, job.ns) for job in target.match(T0, 0)]
    wanted = naive(definitions, signals)
    assert found == wanted[:max_running]
    assert target.held == len(wanted[max_running:])
    tallies = target.tallies.values()
    assert sum(tally.seen for tally in tallies) == len(signals)
    assert sum(tally.matched - tally.skipped for tally in tallies) == len(wanted)
