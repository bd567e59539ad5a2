"""What the steps of a daily run share: the run as it is stored, the desk it asks, its clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from engine.config import Config
from engine.errors import TickdeskError
from engine.events import NS
from engine.research.daily import Calendar
from engine.store.daily import DailyStore, StoredOrder, StoredRun

_T = TypeVar("_T")
FOLDER = "daily"
"""In the state directory: features of each day."""
MOST_TEXT = 1_000
"""Of what a step came to, characters."""


class StepFailed(TickdeskError):
    """A step cannot be done. ``todo``: what to do next, a sentence."""

    def __init__(self, text: str, todo: str) -> None:
        super().__init__(text)
        self.todo = todo


class DeskAt(Protocol):
    """The engine of the state directory, found or started."""

    def ask(
        self,
        method: str,
        path: str,
        reply: type[_T],
        *,
        body: bytes | None = None,
        key: str = "",
        timeout_s: float = 10.0,
    ) -> _T:
        """Raises LinkError; RefusedError where the engine answers and does not do it."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """What a step came to."""

    text: str
    skipped: bool = False
    product: Any = None
    """For the steps after it; None: nothing."""
    orders: tuple[StoredOrder, ...] = ()
    """That it planned."""


@dataclass(frozen=True)
class Context:
    config: Config
    state_dir: Path
    run: StoredRun
    store: DailyStore
    desk: DeskAt
    calendar: Calendar
    clock: Callable[[], int]
    """ns UTC."""
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    """What is being done, for who watches."""

    def product(self, step: str, kind: type[_T]) -> _T:
        """What a step before made. Raises StepFailed where it cannot be read."""
        text = next((one.product for one in self.store.steps(self.run.id) if one.name == step), "")
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError:
            raise StepFailed(f"what the step {step} made cannot be read", self.again(step)) from None

    def kept(self, step: str) -> str:
        """The same as text; "" when it made nothing."""
        return next((one.product for one in self.store.steps(self.run.id) if one.name == step), "")

    def again(self, step: str) -> str:
        return f"`tickdesk {self.run.kind} --again {step}` goes on from there"

    def progress(self, step: str, text: str) -> None:
        self.say(text)
        self.store.note_progress(self.run.id, step, text)

    def deadline(self, seconds: float) -> int:
        return self.clock() + round(seconds * NS)
