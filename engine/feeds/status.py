"""What a feed tells of itself: its state, and a line on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from engine.events import FeedState, FeedStatus
from engine.feeds.base import FeedStats

TROUBLES = 3
"""Of a venue's symbols at most so many are told in the feed's detail."""


class Status:
    """Keeps ``stats`` and its ``state`` and ``detail``; a change of state is logged and given to ``emit``.

    REST may deliver in the socket's place: trouble with the socket is then only logged.
    """

    def __init__(self, venue: str, clock: Callable[[], int], emit: Callable[[FeedStatus], None]) -> None:
        self.stats = FeedStats()
        self.polling = False
        """REST delivers."""
        self.log = logging.getLogger(f"engine.feeds.{venue}")
        self._venue = venue
        self._clock = clock
        self._emit = emit
        self._troubles: Mapping[str, str] = {}
        self._told = FeedState.DOWN, self.stats.detail
        """State and detail without the troubles."""
        self._socket_state = FeedState.DOWN
        self.left_out = ""
        """What is told of symbols that are not subscribed."""

    def tell(self, state: FeedState, detail: str) -> None:
        if state is not FeedState.POLLING:
            if state is not self._socket_state:
                self._log_state(state, detail)
            self._socket_state = state
            if self.polling:
                return
        changed = state is not self.stats.state
        self.stats.state = state
        self._told = state, detail
        self.show()
        if changed:
            if state is FeedState.POLLING:
                self._log_state(state, detail)
            self._emit(FeedStatus(self._venue, state, detail, self._clock(), self.stats.reconnects))

    def streaming(self, host: str) -> None:
        """Live data came by the socket."""
        self.polling = False
        self.tell(FeedState.UP, f"streaming from {host}")

    def polled(self, detail: str) -> None:
        self.polling = True
        self.tell(FeedState.POLLING, detail)

    def poll_failed(self, why: str) -> None:
        if self.polling:
            self.polling = False
            self.tell(FeedState.DOWN, why)

    def watch(self, troubles: Mapping[str, str]) -> None:
        """What the decoder of the present connection finds wrong, as told by it."""
        self._troubles = troubles
        self.show()

    def show(self) -> None:
        """The detail of the state, and behind it what the decoder finds wrong."""
        state, detail = self._told
        troubles = list(self._troubles.values()) if state is not FeedState.DOWN else []
        more = [f"and {len(troubles) - TROUBLES} more"] if len(troubles) > TROUBLES else []
        lasting = [self.left_out] if self.left_out else []
        self.stats.detail = "; ".join([detail, *lasting, *troubles[:TROUBLES], *more])

    def _log_state(self, state: FeedState, detail: str) -> None:
        bad = state in (FeedState.STALE, FeedState.DOWN)
        self.log.log(
            logging.WARNING if bad else logging.INFO,
            "%s",
            detail,
            extra={"fields": {"state": state.value, "reconnects": self.stats.reconnects}},
        )
