"""What a loaded model is to the desk, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.models.artefact import Manifest

Floats = npt.NDArray[np.float64]
Answer = Floats | ModelError


class Predictor(Protocol):
    """A loaded model: what it is does not change, so one reference to it is one version."""

    manifest: Manifest
    version: str
    created_ns: int
    metric: str
    note: str
    """What could not be checked at loading; "" when all was."""

    def predict(self, rows: npt.NDArray[Any]) -> Floats:
        """Raw predictions (n,) of feature rows (n, 158). Raises ModelError when none can be had."""
        ...

    def close(self) -> None:
        """Nobody asks it any more: end what runs for it. Any number of times."""
        ...


class RemotePredictor(Predictor, Protocol):
    """One that runs in a process of its own. ``predict`` waits for the answer: for replays and tapes."""

    remote: bool
    """True."""
    down: str
    """Why it will not answer any more, one line; "" while it may."""
    on_trouble: Callable[[str], None]
    """Called on the loop with one line when its process broke: that it is started again, or is not."""

    def request(self, ns: int, rows: npt.NDArray[Any], done: Callable[[Answer], None]) -> None:
        """Ask; ``done`` is called later on the loop, once, or never when there is no answer in time."""
        ...


def remote_of(predictor: Predictor) -> RemotePredictor | None:
    """The same, where it runs in a process of its own."""
    return predictor if getattr(predictor, "remote", False) else None  # type: ignore[return-value]
