"""When orders pass the stages of their way: by what the desk journals of them, and when that is on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.events import Fill, JournalEvent, OrderEvent, OrderState
from engine.wiring.latency import LatencyWindow, Stages
from engine.wiring.order_journal import Commit

MOST = 1_000
"""Orders whose next stage is awaited; of more, the oldest are not measured on."""


class OrderTimes:
    """Stands before the desk's ``commit``. ``timer``: ns, monotonic."""

    def __init__(self, commit: Commit, stages: Stages, timer: Callable[[], int]) -> None:
        self._commit = commit
        self._stages = stages
        self._timer = timer
        self._left: dict[str, int] = {}
        """When the order was handed to its gateway, while neither accepted nor over."""
        self._working: dict[str, int] = {}
        """The same while it is not filled at all."""

    def commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        began = self._timer()

        def durable() -> None:
            # What happens to an order at its gateway may be told within ``done``.
            now = self._timer()
            self._stages.journaled.add(now - began)
            leaving = False
            for event in events:
                if isinstance(event, OrderEvent) and event.state is OrderState.SUBMITTED:
                    leaving = True
                    _note(self._left, event.client_order_id, now)
                    _note(self._working, event.client_order_id, now)
                self._on_event(event, now)
            done()
            if leaving:
                self._stages.submitted.add(self._timer() - began)

        self._commit(events, durable)

    def _on_event(self, event: JournalEvent, now: int) -> None:
        if isinstance(event, Fill):
            self._passed(self._left, event.client_order_id, self._stages.acknowledged, now)
            self._passed(self._working, event.client_order_id, self._stages.filled, now)
        elif isinstance(event, OrderEvent):
            if event.state is OrderState.ACCEPTED:
                self._passed(self._left, event.client_order_id, self._stages.acknowledged, now)
            elif event.state.terminal and event.state is not OrderState.FILLED:
                self._left.pop(event.client_order_id, None)
                self._working.pop(event.client_order_id, None)

    def _passed(self, since: dict[str, int], identity: str, stage: LatencyWindow, now: int) -> None:
        began = since.pop(identity, None)
        if began is not None:
            stage.add(now - began)


def _note(kept: dict[str, int], identity: str, now: int) -> None:
    if len(kept) >= MOST:
        kept.pop(next(iter(kept)))
    kept[identity] = now
