"""The stream, fanned out: what the engine says once is told to hundreds of clients as the same bytes.

A client that keeps up is in step: it is told each frame as it came. One that still has bytes to take is
behind: it is told nothing until it has taken them; then it gets the events that it missed and one frame with
all that is another by then. What lies between may have taken a lot for it, too: a ping follows what it is
told, once a second, and while that is not answered it is behind as well, so that a slow line shows what is
now. One that stays behind for too long, or answers no ping, is told so, and dropped.

Time is given, in seconds of a clock that never steps back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from aiohttp import WSCloseCode

from engine.api.conflator import Conflator, Frames
from engine.api.hub import encode
from engine.api.protocol import Resync, StateFrame
from engine.api.topics import ALL, EVENTS, ROWS, says_something
from engine.gateway import wire
from engine.gateway.events import Events
from engine.gateway.mirror import Mirror
from engine.gateway.tokens import Token

log = logging.getLogger("engine.gateway")

CATCH_UP_BYTES = 256 * 1024
"""Of events for a client that is behind, at once."""
MOST_CHOICES = 32
"""Of topics, among all clients."""
MOST_UNTOLD = 100
"""Events; with more than that the turn's end is not waited for."""
PING_S = 5.0
"""Of a client that was not heard of for so long it is asked whether it is there."""
ASK_S = 1.0
"""As often it is asked for whether what it was told has arrived."""
LATE_S = 1.0
"""It has not by then: the line is slow, or far longer than any on earth."""
SLOWEST_BYTES_S = 5_000
"""So much may be under way for a second longer."""
ARRIVAL_S = 30.0
"""But for no longer than this."""
MOST_KNOWN = 100
"""Clients behind of which it is kept what they know; of more of them each is told all anew."""
LAST_WORD_S = 1.0
"""How long a client that is dropped has to hear why."""


class Sink(Protocol):
    """What is needed of a client's transport."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...

    def abort(self) -> None: ...


class Client:
    """One stream. ``seq``: the last event it was told; None: it wants those that come."""

    __slots__ = (
        "address",
        "asked_s",
        "behind_since_s",
        "dropped",
        "follows",
        "heard_s",
        "pinged_s",
        "seq",
        "sink",
        "slow",
        "token",
        "topics",
        "under_way",
    )

    def __init__(
        self,
        sink: Sink,
        token: Token,
        address: str,
        seq: int | None,
        now_s: float,
        topics: frozenset[str] = ALL,
    ) -> None:
        self.sink = sink
        self.token = token
        self.address = address
        self.seq = seq
        self.topics = topics
        self.behind_since_s: float | None = now_s
        """Since when it has not taken what it was told, or is there and was told nothing; None: it is in
        step."""
        self.heard_s = now_s
        self.asked_s: float | None = None
        """Since when it owes the answer to a ping."""
        self.pinged_s = float("-inf")
        self.follows = False
        """That ping came behind a state, and tells by its answer that the state has arrived."""
        self.under_way = 0
        """Bytes that it was told since the last such answer."""
        self.slow = False
        """It is told the next state when the last has arrived, and no earlier."""
        self.dropped = False


class Fanout:
    def __init__(
        self,
        mirror: Mirror,
        *,
        slow_s: float,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """``later(seconds, call)``: of the loop; 0 seconds: after what is ready now."""
        self._mirror = mirror
        self.events = Events()
        self._slow_s = slow_s
        self._clock = clock
        self._later = later
        self._begun = False
        """It is known which event came last."""
        self._untold: list[bytes] = []
        """Events of this turn of the loop, framed: told together at its end, in one write to each client."""
        self._full: tuple[StateFrame | None, dict[frozenset[str], bytes]] = None, {}
        self.clients: set[Client] = set()
        self.dropped = self.sent_bytes = 0
        self._known: dict[Client, Conflator] = {}
        """Of clients that are behind."""
        self._frames = Frames()
        self._now: tuple[tuple[int, int, int], StateFrame] | None = None
        """All that is now, made once."""

    def has_room_for(self, topics: frozenset[str]) -> bool:
        """Each choice of topics costs a frame of its own, all of them none: there are only so many."""
        chosen = {client.topics for client in self.clients}
        return topics == ALL or topics in chosen or len(chosen) < MOST_CHOICES

    # --- clients -----------------------------------------------------------------------------------

    def join(self, client: Client) -> None:
        """``client.seq``: where it resumes; what is not held is told with a ``Resync``."""
        self._tell_events()
        self.clients.add(client)
        if self._begun:
            self._catch_up(client, self._clock())

    def heard(self, client: Client, *, pong: bool = True) -> None:
        """It said something. ``pong``: that it has read what came before our ping."""
        now_s = self._clock()
        client.heard_s = now_s
        if client.asked_s is None or (client.follows and not pong):
            return
        if client.follows:
            client.slow = now_s - client.asked_s >= LATE_S
        client.asked_s, client.follows, client.under_way = None, False, 0

    def leave(self, client: Client) -> None:
        self.clients.discard(client)
        self._known.pop(client, None)

    def drop(self, client: Client, code: int, reason: str) -> None:
        """Tell why, and end it: who does not take that is cut off."""
        if client.dropped:
            return
        client.dropped = True
        self.dropped += 1
        self.leave(client)
        if not client.sink.is_closing():
            client.sink.write(wire.close(code, reason))
        self._later(LAST_WORD_S, client.sink.abort)

    def drop_all(self, code: int, reason: str) -> None:
        for client in list(self.clients):
            self.drop(client, code, reason)

    def is_ready(self, client: Client) -> bool:
        """For the next of what it is told."""
        return self._is_ready(client, self._clock())

    def tell_market(self, client: Client, framed: bytes) -> None:
        """Of the symbol that it watches: told as state is, which may be all that it asked for."""
        if not client.dropped:
            self._write_state(client, framed, self._clock())

    # --- what the engine says ----------------------------------------------------------------------

    def on_frame(self, frame: StateFrame, raw: bytes) -> None:
        """After the mirror has merged it."""
        self._tell_events()
        if not self._begun or self.events.last < frame.last_seq:
            self.events.begin(frame.last_seq)
            self._begun = True
        self._mirror.last_seq = self.events.last
        self._tell(frame, wire.binary(raw))

    def on_event(self, seq: int, raw: bytes) -> None:
        if not self._begun:
            self.events.begin(seq - 1)
            self._begun = True
        if seq <= self.events.last:
            return
        framed = wire.binary(raw)
        if not self.events.add(seq, framed):
            log.error("events before %d are missing", seq)
        self._mirror.last_seq = seq
        if not self._untold:
            self._later(0.0, self._tell_events)
        self._untold.append(framed)
        if len(self._untold) >= MOST_UNTOLD:
            self._tell_events()

    def _tell_events(self) -> None:
        untold = self._untold
        if not untold:
            return
        self._untold = []
        framed, last, now_s = b"".join(untold), self.events.last, self._clock()
        for client in self.clients:
            if client.behind_since_s is not None:
                continue
            if EVENTS not in client.topics:
                client.seq = last
            elif client.seq == last - len(untold) and self._is_ready(client, now_s):
                self._write(client, framed)
                client.seq = last
            else:
                client.behind_since_s = now_s

    def on_resync(self) -> None:
        """What comes is of another journal, or begins after a gap."""
        self._tell_events()
        self._begun = False
        for client in self.clients:
            client.behind_since_s = self._clock()
        self._known.clear()

    def on_anew(self) -> None:
        self._tell_events()
        self._begun = False
        self.events.begin(0)
        self.drop_all(WSCloseCode.SERVICE_RESTART, "the desk begins anew")

    def on_away(self) -> None:
        """The engine is away: told with the frames that say so."""
        self._tell_events()
        mirror = self._mirror
        if mirror.ready:
            status = mirror.told_status(self._clock())
            frame = StateFrame(full=False, status=status, last_seq=mirror.last_seq)
            self._tell(frame, wire.binary(encode(frame)))

    def sweep(self) -> None:
        """A few times a second: those that are behind may have caught up, or be too slow."""
        self._tell_events()
        now_s = self._clock()
        for client in list(self.clients):
            since = client.behind_since_s
            if client.asked_s is not None and now_s - client.asked_s >= self._patience_s(client):
                log.warning("a stream of %s answers no ping: dropped", client.token.name)
                self.drop(client, WSCloseCode.TRY_AGAIN_LATER, "no answer to a ping: come back with since")
            elif since is None:
                if not self._is_ready(client, now_s):
                    self._falls_behind(client, now_s)
                elif client.asked_s is None and now_s - client.heard_s >= PING_S:
                    self._ping(client, now_s, follows=False)
            elif self._is_ready(client, now_s):
                if self._begun:
                    self._catch_up(client, now_s)
            elif now_s - since >= self._slow_s and not self._has_taken_all(client):
                log.warning("a stream of %s takes nothing: dropped", client.token.name)
                self.drop(client, WSCloseCode.TRY_AGAIN_LATER, "too slow: come back with since")

    def _patience_s(self, client: Client) -> float:
        longer_s = client.under_way / SLOWEST_BYTES_S if client.follows else 0.0
        return min(self._slow_s + longer_s, max(self._slow_s, ARRIVAL_S))

    def _falls_behind(self, client: Client, now_s: float) -> None:
        """It was told all that is now."""
        client.behind_since_s = now_s
        if self._mirror.ready and len(self._known) < MOST_KNOWN:
            known = self._known[client] = Conflator(client.topics, self._frames)
            self._frame_of(known, now_s)  # it has had that

    # --- telling -----------------------------------------------------------------------------------

    def _tell(self, frame: StateFrame, framed: bytes) -> None:
        now_s = self._clock()
        by_topics: dict[frozenset[str], bytes] = {ALL: framed}
        if frame.full:
            self._known.clear()
        for client in list(self.clients):
            if client.behind_since_s is not None:
                if self._is_ready(client, now_s):
                    self._catch_up(client, now_s)
            elif not self._has_taken_all(client):
                client.behind_since_s = now_s
            else:
                chosen = by_topics.get(client.topics)
                if chosen is None:
                    chosen = by_topics[client.topics] = _of_topics(frame, client.topics)
                if chosen:
                    self._write_state(client, chosen, now_s)
                if not self._is_ready(client, now_s):
                    self._falls_behind(client, now_s)

    def _catch_up(self, client: Client, now_s: float) -> None:
        """A part of the events that it missed; with the last of them all that is now: it is in step then."""
        if client.seq is None or EVENTS not in client.topics:
            client.seq = self.events.last
        if not self.events.holds(client.seq):
            self._write(client, wire.binary(encode(Resync(oldest_seq=self.events.oldest))))
            client.seq = self.events.last
        missed = self.events.after(client.seq, CATCH_UP_BYTES)
        if missed:
            self._write(client, b"".join(frame for _, frame in missed))
            client.seq = missed[-1][0]
        if client.seq < self.events.last or not self._has_taken_all(client):
            client.behind_since_s = now_s
            return
        if not self._mirror.ready:
            return
        known = self._known.pop(client, None)
        if known is None:
            self._write_state(client, self._full_frame(client.topics, now_s), now_s)
        else:
            changed = self._frame_of(known, now_s)
            if changed:
                self._write_state(client, wire.binary(changed), now_s)
        client.behind_since_s = None
        if not self._is_ready(client, now_s):
            self._falls_behind(client, now_s)

    def _frame_of(self, conflator: Conflator, now_s: float) -> bytes:
        """What is another by now than what a client knew; it knows all from then on."""
        making = conflator.making(self._state(now_s), self._mirror.last_seq)
        while True:
            try:
                next(making)
            except StopIteration as made:
                return bytes(made.value)

    def _state(self, now_s: float) -> StateFrame:
        mirror = self._mirror
        which = mirror.version, mirror.last_seq, mirror.age_s(now_s)
        if self._now is None or self._now[0] != which:
            self._now = which, mirror.state(now_s)
        return self._now[1]

    def _full_frame(self, topics: frozenset[str], now_s: float) -> bytes:
        state = self._state(now_s)
        if self._full[0] is not state:
            self._full = state, {}
        framed = self._full[1].get(topics)
        if framed is None:
            framed = self._full[1][topics] = _of_topics(state, topics)
        return framed

    def _write_state(self, client: Client, framed: bytes, now_s: float) -> None:
        self._write(client, framed)
        if client.asked_s is None and (client.slow or now_s - client.pinged_s >= ASK_S):
            self._ping(client, now_s, follows=True)

    def _ping(self, client: Client, now_s: float, *, follows: bool) -> None:
        self._write(client, wire.ping())
        client.asked_s = client.pinged_s = now_s
        client.follows = follows

    def _write(self, client: Client, data: bytes) -> None:
        client.sink.write(data)
        client.under_way += len(data)
        self.sent_bytes += len(data)

    def _is_ready(self, client: Client, now_s: float) -> bool:
        asked_s = client.asked_s
        if asked_s is not None and client.follows and (client.slow or now_s - asked_s >= LATE_S):
            return False
        return self._has_taken_all(client)

    @staticmethod
    def _has_taken_all(client: Client) -> bool:
        return client.sink.get_write_buffer_size() == 0


def _of_topics(frame: StateFrame, topics: frozenset[str]) -> bytes:
    """Empty where nothing of them is in it."""
    without: dict[str, Any] = {name: () for name in ROWS if name not in topics}
    gone = {name: ids for name, ids in frame.gone.items() if name in topics}
    chosen = msgspec.structs.replace(frame, gone=gone, **without)
    return wire.binary(encode(chosen)) if says_something(chosen, topics) else b""
