"""A desk over the bus whose workers, server and network die: nothing is lost, doubled or silently different.

``TICKDESK_CHAOS_BUS_FAULTS``: how many faults; ``make chaos`` tries many, and tells how long recovery took.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.config import load
from engine.wiring.replay import replay
from tests.bench.synthetic_tape import tape
from tests.bus.conftest import Server
from tests.chaos.amounts import BUS_FAULTS, BUS_STOP_S
from tests.chaos.bus_desk import BusDesk, bus_desk
from tests.chaos.harness import scratch
from tests.chaos.recovery import Recovery, told_by_kind
from tests.chaos.small_disk import small_disk
from tests.chaos.topology import Topology, until
from tests.e2e.engine import options

RECOVERY_S = 5.0
_QUICK = options(bus__lease_s=1, bus__checkpoint_s=1)
_LONG = pytest.mark.skipif(BUS_FAULTS < 10, reason="a long one: make chaos, or TICKDESK_CHAOS_BUS_FAULTS=10")
_SPREADS = (2,) if BUS_FAULTS < 20 else (1, 2, 4)


# --- a tape ---


@pytest.mark.timeout(120 + 10 * BUS_FAULTS)
@pytest.mark.parametrize("workers", _SPREADS)
def test_a_tape_gives_the_same_orders_whatever_dies(workers: int, tmp_path: Path) -> None:
    rng = scratch(f"bus tape {workers}")
    path = tape(tmp_path, ticks=120_000)
    alone = replay(load(environ={}), [path], tmp_path / "alone")
    server = Server(tmp_path)
    server.start()
    small = options(bus__lease_s=0.6, bus__checkpoint_s=0.3, bus__most_behind=10_000)
    faults: list[str] = []
    try:
        with Topology(tmp_path / "workers", server.url, *small) as made:
            report = made.add("execution", "execution", "--report", "--json", again=False)
            made.add("market", "market", "--tape", str(path))
            for number in range(workers):
                made.add(f"features-{number}", "features")
            until(lambda: server.client().exists("dfp:clean_ticks:rounds"))
            while report.runs and len(faults) < BUS_FAULTS:
                faults.append(_hurt(rng, made, server))
                time.sleep(rng.uniform(0.1, 1.0))
            until(lambda: not report.runs, 120.0, "the report")
            assert report.process is not None and report.process.stdout is not None
            told = report.process.stdout.read()
            assert report.process.returncode == 0, report.told()
    finally:
        server.kill()
    assert json.loads(told)["sha256"] == alone.sha256
    assert alone.fills > 0
    print(f"{workers} workers of features, {len(faults)} faults ({', '.join(faults)}): the same orders")


def _hurt(rng: random.Random, made: Topology, server: Server) -> str:
    """Any worker but the one that reports, or the server."""
    chance = rng.random()
    if chance < 0.2:
        server.kill()
        time.sleep(rng.uniform(0.0, 0.4))
        server.start()
        return "server"
    member = rng.choice(made.named("market", "features"))
    if chance < 0.4:
        member.signal(signal.SIGSTOP)
        time.sleep(1.0)  # longer than the lease: this is the fault itself
        member.signal(signal.SIGCONT)
        return f"stop {member.name}"
    member.kill()
    return f"kill {member.name}"


# --- a live desk ---


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusDesk]:
    quick = _QUICK if BUS_FAULTS < 20 else ()
    with bus_desk(tmp_path_factory.mktemp("bus"), *quick, spares=BUS_FAULTS >= 10) as found:
        yield found


def _kill(desk: BusDesk, name: str) -> str:
    desk.members[name].kill()
    return f"kill {name.partition('-')[0]}"


def _stop(desk: BusDesk, name: str) -> str:
    desk.members[name].signal(signal.SIGSTOP)
    time.sleep(BUS_STOP_S)
    desk.members[name].signal(signal.SIGCONT)
    return f"stop {name.partition('-')[0]}"


def _server(desk: BusDesk, name: str) -> str:
    desk.server.kill()
    desk.server.start()
    return "server"


def _cut(desk: BusDesk, name: str) -> str:
    desk.proxy.cut()
    time.sleep(1.5)
    desk.proxy.heal()
    return "cut network"


def _stall(desk: BusDesk, name: str) -> str:
    desk.proxy.stall()
    time.sleep(1.5)
    desk.proxy.heal()
    return "stalled network"


_Fault = Callable[[BusDesk, str], str]
_FIRST: list[tuple[_Fault, str]] = [(_kill, "execution"), (_server, ""), (_kill, "market")]
"""Of a short run."""


@pytest.mark.timeout(240 + 60 * BUS_FAULTS)
def test_a_live_desk_recovers_from_every_fault(desk: BusDesk) -> None:
    rng = scratch("bus live")
    took: dict[str, list[Recovery]] = {}
    names = list(desk.members)
    faults = _FIRST[:BUS_FAULTS] + [
        (rng.choice((_kill, _kill, _kill, _stop, _server, _cut, _stall)), rng.choice(names))
        for _ in range(BUS_FAULTS - len(_FIRST))
    ]
    for number, (fault, name) in enumerate(faults):
        with desk.load(rng.randrange(2**32)) as trading:
            until(lambda: len(trading.placed) > 5, what="an order by hand")
            began_s = time.monotonic()
            what = fault(desk, name)
            since_s = began_s if what.startswith("kill") else time.monotonic()
        found = desk.watch.recovered(began_s, since_s, 60.0)
        took.setdefault(what, []).append(found)
        print(number, what, f"{found.took_s:.2f} s", *found.told, sep="; ", flush=True)
        # Back within five seconds, or it entered nothing, and said so.
        assert found.silent_s < RECOVERY_S, (what, found)
        if number % 5 == 4:
            desk.check()
    desk.check()
    print(told_by_kind(took, RECOVERY_S))


@_LONG
@pytest.mark.timeout(240)
def test_of_two_that_execute_one_does_and_who_slept_acts_no_more(desk: BusDesk) -> None:
    """The second one has no journal of these orders: it says so, and goes."""
    with desk.load(1) as trading:
        until(lambda: len(trading.placed) > 5, what="an order by hand")
    second = desk.topology.add("second", "execution", again=False)
    first = desk.members["execution"]
    until(lambda: "standing by" in second.told(), what="a second one")
    ends = len(first.codes)
    first.signal(signal.SIGSTOP)
    until(lambda: not second.runs, what="the second one's end")
    assert "another journal" in second.told()
    since_s = time.monotonic()
    first.signal(signal.SIGCONT)
    until(lambda: len(first.codes) > ends, what="the end of who slept")
    assert "executes by now" in first.told()
    desk.watch.recovered(since_s, since_s, 60.0)
    desk.check()


@_LONG
@pytest.mark.timeout(240)
def test_a_market_worker_that_slept_is_replaced_and_sends_nothing_more(desk: BusDesk) -> None:
    second = desk.topology.add("market-2", "market")
    first = desk.members["market"]
    until(lambda: "standing by" in second.told(), what="a second one")
    seen, ends = desk.watch.seen, len(first.codes)
    last = seen.last
    first.signal(signal.SIGSTOP)
    until(lambda: seen.last // 10**9 > last // 10**9, what="another owner's round")
    since_s = time.monotonic()
    first.signal(signal.SIGCONT)
    until(lambda: len(first.codes) > ends, what="the end of who slept")
    rounds = seen.rounds()
    slept = [number for number in rounds if number // 10**9 == last // 10**9]
    later = [number for number in rounds if number > max(slept)]
    assert later == sorted(later) and rounds[later[0]].previous == max(slept)
    desk.watch.recovered(since_s, since_s, 60.0)
    desk.check()
    second.end()


@_LONG
@pytest.mark.timeout(240)
def test_a_server_without_memory_halts_entries_and_says_so(desk: BusDesk) -> None:
    used = int(desk.client.info("memory")["used_memory"])
    began_s = time.monotonic()
    desk.client.config_set("maxmemory", used)
    try:
        until(lambda: any(not one.well for one in desk.watch.sights if one.at_s > began_s), what="a halt")
        until(lambda: any("no entries meanwhile" in text for text in desk.alerts()), what="an alert")
        time.sleep(1.0)  # nobody can renew a lease meanwhile
    finally:
        desk.client.config_set("maxmemory", 0)
    since_s = time.monotonic()
    desk.watch.recovered(since_s, since_s, 60.0)
    desk.check()


@_LONG
@pytest.mark.timeout(240)
def test_a_full_server_is_freed_by_those_who_read(desk: BusDesk) -> None:
    """Nobody raises its bound: only ticks wait for room."""

    def used() -> int:
        return int(desk.client.info("memory")["used_memory"])

    readers = [desk.members[name] for name in ("execution", "features-1", "features-2")]
    before = used()
    for member in readers:
        member.signal(signal.SIGSTOP)
    try:
        until(lambda: used() > before + 500_000, 60.0, "ticks that nobody reads")
        full = used()
        desk.client.config_set("maxmemory", full)
        time.sleep(2.5)  # all leases run out
    finally:
        for member in readers:
            member.signal(signal.SIGCONT)
    try:
        since_s = time.monotonic()
        desk.watch.recovered(since_s, since_s, 60.0)
        assert used() < full
    finally:
        desk.client.config_set("maxmemory", 0)
    desk.check()


@_LONG
@pytest.mark.timeout(240)
def test_a_server_on_a_full_disk_halts_entries_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 40_000_000) as disk,
        bus_desk(tmp_path / "bus", *_QUICK, data=disk / "redis") as desk,
    ):
        began_s = time.monotonic()
        with (disk / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="space"):
            while True:
                ballast.write(b"\0" * 65_536)
        until(lambda: any(not one.well for one in desk.watch.sights if one.at_s > began_s), what="a halt")
        until(lambda: any("no entries meanwhile" in text for text in desk.alerts()), what="an alert")
        (disk / "ballast").unlink()
        since_s = time.monotonic()
        desk.watch.recovered(since_s, since_s, 60.0)
        desk.check()
