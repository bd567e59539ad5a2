"""The dispatcher: signals matched against 1,000 automations, in one process on one core.

A desk of 200 symbols and 7 strategies. Of the automations, 800 watch one strategy on one symbol, 150 one
symbol whatever the strategy, 40 one strategy on every symbol, and 10 all there is; with thresholds,
directions and cooldowns. Signals come in batches of 1,000, every strategy about every symbol alike. Measured
is all that the dispatcher does with one: taken, counted, matched; jobs made, started and ended. What a step
then does, and the write that comes before it, are not part of it.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from engine.automation.definition import Definition
from engine.automation.dispatcher import Dispatcher
from engine.automation.parts import Notify, SignalTrigger
from engine.events import NS, Family, Signal
from tests.bench.registry import Figure, at_least, bench

_SYMBOLS = [f"binance:S{number:03d}USDT" for number in range(200)]
_SOURCES = ["breakout", "golden_cross", "mean_reversion", "model", "rapid_rise", "trend", "users_own"]
_BATCH, _BATCHES, _RUNS = 1_000, 100, 5
_START_NS = 1_767_225_600 * NS
_SEED = 20260104
_GOAL = at_least(200_000)


@bench("dispatcher")
def dispatcher(scratch: Path) -> list[Figure]:
    """Signals matched against 1,000 automations, signals/s."""
    rng = random.Random(_SEED)
    definitions = [_definition(number, rng) for number in range(1_000)]
    batches = [[_signal(batch, rng) for _ in range(_BATCH)] for batch in range(_BATCHES)]
    figures = []
    for metric, made, goal in (
        ("signals matched against 1,000 automations", definitions, _GOAL),
        ("the same without cooldowns", [_eager(one) for one in definitions], None),
    ):
        runs = [_run(made, batches) for _ in range(_RUNS)]
        rates = [rate for rate, _, _ in runs]
        _, matched, jobs = runs[0]
        seen = _BATCH * _BATCHES
        best = f"median of {_RUNS} runs, best {max(rates):,.0f}"
        note = f"{best}; of {seen:,} signals {matched:,} matches, {jobs:,} jobs"
        figures.append(Figure(metric, median(rates), "signals/s", goal, note))
    return figures


def _run(definitions: Sequence[Definition], batches: Sequence[Sequence[Signal]]) -> tuple[float, int, int]:
    """(signals a second, matches, jobs)."""
    target = Dispatcher(max_running=10_000)
    target.load(definitions, _START_NS)
    jobs = 0
    gc.collect()
    began = time.perf_counter_ns()
    for batch in batches:
        for signal in batch:
            target.offer(signal, time.monotonic_ns())
        wanted = target.match(_START_NS, began)
        for job in wanted:
            target.begun(job, _START_NS, began)
            target.ended(job, "")
        jobs += len(wanted)
    taken_s = (time.perf_counter_ns() - began) / NS
    matched = sum(tally.matched for tally in target.tallies.values())
    seen = sum(tally.seen for tally in target.tallies.values())
    if seen != _BATCH * len(batches) or not jobs:
        raise RuntimeError(f"{seen:,} signals seen, {jobs:,} jobs: not what was meant to be measured")
    return seen / taken_s, matched, jobs


def _definition(number: int, rng: random.Random) -> Definition:
    symbols: tuple[str, ...] = (rng.choice(_SYMBOLS),)
    sources: tuple[str, ...] = (rng.choice(_SOURCES),)
    if number >= 990:
        symbols = sources = ()
    elif number >= 950:
        symbols = ()
    elif number >= 800:
        sources = ()
    trigger = SignalTrigger(
        symbols=symbols,
        sources=sources,
        min_score=rng.choice((0.5, 0.6, 0.7, 0.8)),
        min_confidence=rng.choice((0.0, 0.3, 0.5)),
        side=rng.choice(("buy", "sell", "any")),
        cooldown_s=60.0,
    )
    return Definition(name=f"a{number:03d}", trigger=trigger, steps=(Notify(text="{symbol}"),))


def _eager(definition: Definition) -> Definition:
    trigger = definition.trigger
    assert isinstance(trigger, SignalTrigger)
    at_once = SignalTrigger(
        symbols=trigger.symbols,
        sources=trigger.sources,
        min_score=trigger.min_score,
        min_confidence=trigger.min_confidence,
        side=trigger.side,
    )
    return Definition(name=definition.name, trigger=at_once, steps=definition.steps)


def _signal(batch: int, rng: random.Random) -> Signal:
    return Signal(
        rng.choice(_SYMBOLS),
        rng.choice(_SOURCES),
        Family.TECHNICAL,
        rng.uniform(-1.0, 1.0),
        rng.random(),
        _START_NS + batch * NS,
        60 * NS,
        "a reason",
    )
