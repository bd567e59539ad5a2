"""Models whose predictions a test writes down, and a desk that asks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from engine.config import Config, load
from engine.errors import ModelError
from engine.events import NS, Fill, Signal
from engine.models import artefact, builtin
from engine.models.predictor import Answer
from tests.wiring.conftest import START_NS, Bench, quote, trade

Says = Callable[[np.ndarray], np.ndarray]

NAMES = tuple(f"sim:{letter}-USD" for letter in "ABCDEF")
_MANIFEST = artefact.read(builtin.PATH).manifest


def by_index(rows: np.ndarray) -> np.ndarray:
    """The symbols in the order of their indices, the last one best."""
    return np.arange(float(len(rows)))


def reversed_index(rows: np.ndarray) -> np.ndarray:
    return -by_index(rows)


def by_feature(rows: np.ndarray) -> np.ndarray:
    """Depends on the rows alone."""
    return rows[:, 0] + 0.25 * rows[:, 13]


class Scripted:
    """A Predictor in this process."""

    remote = False

    def __init__(self, version: str, says: Says = by_index, **manifest: Any) -> None:
        self.manifest = msgspec.structs.replace(
            _MANIFEST, **{"version": version, "reference": b"", **manifest}
        )
        self.version = version
        self.created_ns = START_NS
        self.metric = "scripted"
        self.note = ""
        self.says = says
        self.asked: list[int] = []
        """Rows of each question."""
        self.closed = False

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(len(rows))
        return self.says(rows)

    def close(self) -> None:
        self.closed = True


class Remote(Scripted):
    """One that answers when the test says so."""

    remote = True
    down = ""

    def __init__(self, version: str, says: Says = by_index, **manifest: Any) -> None:
        super().__init__(version, says, **manifest)
        self.waiting: list[tuple[int, np.ndarray, Callable[[Answer], None]]] = []

    def request(self, ns: int, rows: np.ndarray, done: Callable[[Answer], None]) -> None:
        self.waiting.append((ns, rows.copy(), done))

    def answer(self, error: str = "") -> None:
        """The oldest question."""
        _, rows, done = self.waiting.pop(0)
        done(ModelError(error) if error else self.says(rows))


class Floor:
    """A desk of six symbols that wander, fed a second at a time."""

    def __init__(self, *overrides: str, config: Config | None = None, seed: int = 1) -> None:
        self.bench = Bench(config or load(overrides=list(overrides), environ={}))
        self.desk = self.bench.desk
        self.scoring = self.desk.signals.scoring
        self._random = np.random.default_rng(seed)
        self._prices = {name: 100.0 + n for n, name in enumerate(NAMES)}
        self._second = 0
        self.drift = dict.fromkeys(NAMES, 0.0)
        """Relative change a second, beside the noise."""
        for name, price in self._prices.items():
            self.desk.intake.add_symbol(name, price)

    @property
    def now_ns(self) -> int:
        return START_NS + self._second * NS

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            second = self._second
            for name in NAMES:
                step = self._random.normal(self.drift[name], 2e-5)
                price = self._prices[name] = round(self._prices[name] * (1.0 + step), 4)
                self.desk.on_events(
                    [
                        quote(name, price - 0.01, price + 0.01, second + 0.1),
                        trade(name, second + 1, price, 1.0, second + 0.2, 1 if second % 2 else -1),
                    ]
                )
            self._second += 1
            self.desk.advance(self.now_ns)

    def signals(self) -> list[Signal]:
        return [one for one in self.bench.records if isinstance(one, Signal) and one.source == "model"]

    def fills(self) -> list[Any]:
        return self.bench.kinds(Fill)
