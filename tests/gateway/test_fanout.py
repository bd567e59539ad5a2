"""The fan-out: one frame for all in step, nothing kept for who is behind, events without a gap."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.api.hub import encode
from engine.api.protocol import EventFrame, Resync, StateFrame, StreamMessage
from engine.api.topics import ALL, MARKET
from engine.events import Alert
from engine.gateway import fanout as fanout_module
from engine.gateway import wire
from engine.gateway.fanout import Client, Fanout
from engine.gateway.mirror import Mirror
from engine.gateway.tokens import Token
from tests.console import sample_desk as sample

TOKEN = Token("bot", "read", "0" * 12, "", "", 0)
decode = msgspec.json.Decoder(StreamMessage).decode


class Sink:
    """A client's transport that takes what it is told when the test says so."""

    def __init__(self) -> None:
        self.waiting = b""
        self.most = 0
        self.taken = b""
        self.stuck = False
        self.aborted = False
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if self.stuck:
            self.waiting += data
            self.most = max(self.most, len(self.waiting))
        else:
            self.taken += data

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def take(self) -> None:
        self.taken, self.waiting = self.taken + self.waiting, b""

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


def messages(data: bytes) -> list[StreamMessage]:
    """What a client reads in its frames, but of pings and the closing one."""
    found = []
    while data:
        first, length, rest = data[0], data[1], data[2:]
        if length == 126:
            length, rest = int.from_bytes(rest[:2], "big"), rest[2:]
        elif length == 127:
            length, rest = int.from_bytes(rest[:8], "big"), rest[8:]
        assert first in (0x82, 0x88, 0x89) and len(rest) >= length
        if first == 0x82:
            found.append(decode(rest[:length]))
        data = rest[length:]
    return found


class Bench:
    """A mirror and a fan-out, told by an engine that is made up."""

    def __init__(self, slow_s: float = 10.0) -> None:
        self.now = 100.0
        self.seq = 0
        self.mirror = Mirror()
        self.late: list[Callable[[], None]] = []
        self.soon: list[Callable[[], None]] = []
        self.fanout = Fanout(
            self.mirror,
            slow_s=slow_s,
            clock=lambda: self.now,
            later=lambda s, call: (self.late if s else self.soon).append(call),
        )

    def frame(self, *, full: bool = False) -> None:
        told = sample.full_frame() if full else StateFrame(full=False, status=sample.full_frame().status)
        frame = msgspec.structs.replace(told, last_seq=self.seq)
        self.mirror.merge(frame, self.now)
        self.fanout.on_frame(frame, encode(frame))

    def event(self, *, ends: bool = True) -> None:
        """``ends``: with it the turn of the loop."""
        self.seq += 1
        event = EventFrame(self.seq, Alert("info", "test", f"event {self.seq}", self.seq))
        self.fanout.on_event(self.seq, encode(event))
        if ends:
            self.turn()

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()

    def join(self, since: int | None = None) -> Client:
        client = Client(Sink(), TOKEN, "127.0.0.1", since, self.now)
        self.fanout.join(client)
        return client


def taken(client: Client) -> list[StreamMessage]:
    assert isinstance(client.sink, Sink)
    return messages(client.sink.taken)


def seqs(client: Client) -> list[int]:
    return [message.seq for message in taken(client) if isinstance(message, EventFrame)]


def test_all_in_step_are_told_the_same_bytes() -> None:
    bench = Bench()
    bench.frame(full=True)
    clients = [bench.join() for _ in range(50)]
    bench.frame()
    bench.event()
    last = [client.sink.writes[-2:] for client in clients]  # type: ignore[attr-defined]
    assert all(one[0] is last[0][0] and one[1] is last[0][1] for one in last)
    first = taken(clients[0])[0]
    assert isinstance(first, StateFrame) and first.full and len(first.ticks) == len(sample.full_frame().ticks)


def test_events_of_one_turn_are_told_in_one_write() -> None:
    bench = Bench()
    bench.frame(full=True)
    client = bench.join()
    for _ in range(3):
        bench.event(ends=False)
    before = len(client.sink.writes)  # type: ignore[attr-defined]
    late = bench.join(1)
    bench.turn()
    assert seqs(client) == [1, 2, 3] and seqs(late) == [2, 3]
    assert len(client.sink.writes) == before + 1  # type: ignore[attr-defined]
    for _ in range(fanout_module.MOST_UNTOLD):
        bench.event(ends=False)
    assert seqs(client)[-1] == bench.seq == seqs(late)[-1], "and so many at once"


def test_who_is_behind_is_kept_nothing_for_and_then_told_all() -> None:
    bench = Bench()
    bench.frame(full=True)
    client, other = bench.join(), bench.join()
    sink = client.sink
    assert isinstance(sink, Sink)
    sink.stuck = True
    bench.frame()
    one = len(sink.waiting)
    for _ in range(500):
        bench.event()
        bench.frame()
    assert sink.most == one
    sink.stuck = False
    sink.take()
    bench.fanout.sweep()
    assert seqs(client) == list(range(1, 501)) == seqs(other)
    last = taken(client)[-1]
    assert isinstance(last, StateFrame) and not last.full and last.last_seq == 500, "what is another by now"


def test_who_takes_nothing_for_too_long_is_told_and_dropped() -> None:
    bench = Bench(slow_s=5.0)
    bench.frame(full=True)
    client = bench.join()
    sink = client.sink
    assert isinstance(sink, Sink)
    sink.stuck = True
    bench.frame()
    bench.frame()
    bench.now += 4.9
    bench.fanout.sweep()
    assert not client.dropped
    bench.now += 0.2
    bench.fanout.sweep()
    assert client.dropped and b"too slow" in sink.waiting and client not in bench.fanout.clients
    bench.late[0]()
    assert sink.aborted


def test_who_answers_no_ping_is_told_and_dropped_though_the_network_took_all_for_it() -> None:
    bench = Bench(slow_s=10.0)
    bench.frame(full=True)
    client, there = bench.join(), bench.join()
    sink = client.sink
    assert isinstance(sink, Sink)
    assert sink.writes[-1] == wire.ping(), "one follows the state"
    longer_s = min(len(sink.taken) / fanout_module.SLOWEST_BYTES_S, 20.0)
    bench.fanout.heard(there)
    asked = 0
    for _ in range(int((10.0 + longer_s) / 0.1) - 1):
        bench.now += 0.1
        bench.fanout.sweep()
        if there.asked_s is not None:
            asked += 1
            bench.fanout.heard(there)
    assert not client.dropped and sink.writes.count(wire.ping()) == 1 and asked == 2
    for _ in range(3):
        bench.now += 0.1
        bench.fanout.sweep()
    assert client.dropped and b"no answer to a ping" in sink.writes[-1] and not there.dropped
    assert sink.writes[-1][2:4] == (1013).to_bytes(2, "big") and bench.fanout.dropped == 1


def test_on_a_slow_line_the_next_state_goes_when_the_last_has_arrived() -> None:
    bench = Bench()
    bench.frame(full=True)
    client, other = bench.join(), bench.join()
    sink = client.sink
    assert isinstance(sink, Sink)
    for _ in range(20):
        bench.now += 0.25
        bench.fanout.heard(other)
        bench.frame()
        bench.fanout.sweep()
    assert len(taken(client)) <= 1 + fanout_module.LATE_S / 0.25, "what it was told is under way yet"
    assert len(taken(other)) == 21 and not client.dropped
    bench.event()
    bench.fanout.heard(client, pong=False)
    bench.fanout.sweep()
    assert bench.seq not in seqs(client), "that it says something is no word of what has arrived"
    before = len(taken(client))
    bench.fanout.heard(client)
    bench.fanout.sweep()
    event, state = taken(client)[before:]
    assert isinstance(event, EventFrame) and isinstance(state, StateFrame)
    assert not state.full and state.last_seq == 1 and not state.ticks, "what is another by now"
    bench.frame()
    assert len(taken(client)) == before + 2, "that is under way"
    bench.now += 0.1
    bench.fanout.heard(client)
    bench.fanout.sweep()
    bench.frame()
    bench.frame()
    assert len(taken(client)) == before + 5, "it is in step again"


def test_a_market_alone_waits_on_a_slow_line_too() -> None:
    bench = Bench()
    bench.frame(full=True)
    client = Client(Sink(), TOKEN, "127.0.0.1", None, bench.now, frozenset({MARKET}))
    bench.fanout.join(client)
    bench.fanout.heard(client)
    bench.now += fanout_module.ASK_S
    bench.fanout.tell_market(client, wire.binary(b"{}"))
    assert bench.fanout.is_ready(client), "a line is quick until it is known for slow"
    bench.now += fanout_module.LATE_S
    assert not bench.fanout.is_ready(client), "what it was told is under way yet"
    bench.fanout.heard(client)
    assert bench.fanout.is_ready(client)


def test_what_was_there_for_a_moment_only_is_not_told_to_a_slow_line() -> None:
    bench = Bench()
    bench.frame(full=True)
    client = bench.join()
    bench.now += fanout_module.LATE_S
    bench.fanout.sweep()
    full = sample.full_frame()
    row = full.ticks[0]
    for changed, gone in (((row,), {}), ((), {"ticks": (row.symbol,)})):
        frame = msgspec.structs.replace(StateFrame(full=False, status=full.status), ticks=changed, gone=gone)
        bench.mirror.merge(frame, bench.now)
        bench.fanout.on_frame(frame, encode(frame))
    bench.fanout.heard(client)
    bench.fanout.sweep()
    state = taken(client)[-1]
    assert isinstance(state, StateFrame) and not state.full
    assert state.ticks == () and state.gone == {"ticks": (row.symbol,)}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tell"), st.integers(0, 5), st.integers(0, 5)),
            st.tuples(st.just("wait"), st.floats(0.1, 1.5), st.none()),
            st.tuples(st.sampled_from(["pong", "sweep", "full"]), st.none(), st.none()),
        ),
        max_size=40,
    )
)
def test_however_late_it_is_a_client_knows_what_the_desk_has(does: list[tuple[str, float, int]]) -> None:
    bench = Bench()
    bench.frame(full=True)
    client = bench.join()
    full = sample.full_frame()
    rows = [msgspec.structs.replace(full.ticks[0], symbol=f"sim:{number}") for number in range(6)]

    def tell(frame: StateFrame) -> None:
        bench.mirror.merge(frame, bench.now)
        bench.fanout.on_frame(frame, encode(frame))

    for number, (what, one, other) in enumerate(does):
        if what == "tell":
            row = msgspec.structs.replace(rows[int(one)], last=float(number))
            gone = {} if one == other else {"ticks": (rows[other].symbol,)}
            tell(StateFrame(full=False, status=full.status, ticks=(row,), gone=gone))
        elif what == "wait":
            bench.now += one
        elif what == "pong":
            bench.fanout.heard(client)
        elif what == "full":
            tell(full)
        else:
            bench.fanout.sweep()
    for _ in range(3):
        bench.fanout.heard(client)
        bench.fanout.sweep()
    known = Mirror()
    for told in taken(client):
        if isinstance(told, StateFrame):
            known.merge(told, bench.now)
    assert not client.dropped and client.behind_since_s is None
    assert sorted(known.rows("ticks"), key=repr) == sorted(bench.mirror.rows("ticks"), key=repr)


def test_a_client_that_comes_back_misses_nothing() -> None:
    bench = Bench()
    bench.frame(full=True)
    for _ in range(30):
        bench.event()
    assert seqs(bench.join(12)) == list(range(13, 31))
    assert seqs(bench.join(30)) == seqs(bench.join()) == []
    for odd in (31, 10**18):  # of another journal
        assert isinstance(taken(bench.join(odd))[0], Resync)


def test_what_is_not_held_is_told_as_a_resync() -> None:
    bench = Bench()
    bench.seq = 1000
    bench.frame(full=True)
    bench.event()
    client = bench.join(5)
    first = taken(client)[0]
    assert isinstance(first, Resync) and first.oldest_seq == 1001
    bench.event()
    assert seqs(client) == [1002]


def test_another_journal_is_a_resync_for_all() -> None:
    bench = Bench()
    bench.seq = 50
    bench.frame(full=True)
    client = bench.join()
    bench.fanout.on_resync()
    bench.seq = 3
    bench.frame(full=True)
    assert [type(message) for message in taken(client)] == [StateFrame, Resync, StateFrame]
    bench.event()
    assert seqs(client) == [4]


def test_while_the_engine_is_away_the_status_says_so() -> None:
    bench = Bench()
    bench.frame(full=True)
    client = bench.join()
    bench.mirror.lose(bench.now)
    bench.now += 12
    bench.fanout.heard(client)
    bench.fanout.on_away()
    told = taken(client)[-1]
    assert isinstance(told, StateFrame) and told.status.phase == "away" and "12 s" in told.status.phase_detail


@given(
    st.lists(st.sampled_from(["event", "with it", "turn", "frame", "stuck", "take", "sweep"]), max_size=120),
    st.integers(0, 40),
)
def test_events_have_no_gap_however_a_client_takes_them(does: list[str], since: int) -> None:
    bench = Bench(slow_s=1e9)
    bench.frame(full=True)
    for _ in range(20):
        bench.event()
    before, fanout_module.CATCH_UP_BYTES = fanout_module.CATCH_UP_BYTES, 300
    try:
        client = bench.join(min(since, 20))
        sink = client.sink
        assert isinstance(sink, Sink)
        for what in does:
            if what in ("event", "frame", "turn"):
                getattr(bench, what)()
            elif what == "with it":
                bench.event(ends=False)
            elif what == "sweep":
                bench.fanout.sweep()
            else:
                sink.stuck = what == "stuck"
                sink.take()
        sink.stuck = False
        bench.turn()
        for _ in range(bench.seq + 2):
            sink.take()
            bench.fanout.sweep()
    finally:
        fanout_module.CATCH_UP_BYTES = before
    assert seqs(client) == list(range(min(since, 20) + 1, bench.seq + 1))
    assert isinstance(taken(client)[-1], StateFrame | EventFrame) and client.behind_since_s is None


def test_a_client_is_told_of_its_topics_alone() -> None:
    bench = Bench()
    bench.frame(full=True)
    client = Client(Sink(), TOKEN, "127.0.0.1", None, bench.now, frozenset({"orders"}))
    bench.fanout.join(client)
    bench.event()
    bench.frame()
    bench.frame(full=True)
    bench.event()
    first, second = taken(client)
    for frame in (first, second):
        assert isinstance(frame, StateFrame) and frame.orders and not (frame.ticks or frame.logs)
    assert client.behind_since_s is None


def test_choices_of_topics_are_bounded() -> None:
    bench = Bench()
    for name in range(fanout_module.MOST_CHOICES):
        bench.fanout.join(Client(Sink(), TOKEN, "x", None, 0.0, frozenset({str(name)})))
    assert not bench.fanout.has_room_for(frozenset({"ticks"}))
    assert bench.fanout.has_room_for(next(iter(bench.fanout.clients)).topics)
    assert bench.fanout.has_room_for(ALL), "who chooses nothing is kept out by nobody's choices"
