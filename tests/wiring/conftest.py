"""A whole desk on a store in memory, driven by a test."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest

from engine.config import Config, load
from engine.events import NS, JournalEvent, MarketEvent, Quote, Trade
from engine.feeds.simulation.venue import SimulatedVenue
from engine.feeds.tape import Tape
from engine.instruments import Instruments
from engine.store.rows import Record
from engine.store.store import Store
from engine.wiring.desk import Desk
from engine.wiring.sources import adopt
from tests.models.tried_once import tried_once

START_NS = 1_700_000_000 * NS
CAPTURE = "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz"


@pytest.fixture(autouse=True, scope="package")
def _tried_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with tried_once(tmp_path_factory.mktemp("tried")):
        yield


def head(path: Path, lines: int, folder: Path) -> Path:
    """The first lines of a compressed tape."""
    out = folder / path.name.removesuffix(".gz")
    with gzip.open(path) as whole, out.open("wb") as part:
        part.writelines(islice(whole, lines))
    return out


@pytest.fixture(scope="session")
def capture_head(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of a real capture, which the desk already trades on."""
    return head(data_dir / CAPTURE, 25_000, tmp_path_factory.mktemp("capture"))


@dataclass
class Bench:
    """A desk and what it gave away. ``hold``: commits wait until ``release``, as on a slow disk."""

    config: Config = field(default_factory=lambda: load(environ={}))
    store: Store | None = None
    hold: bool = False

    def __post_init__(self) -> None:
        self.journal: list[JournalEvent] = []
        self.records: list[Record] = []
        self.waiting: list[Callable[[], None]] = []
        self.desk = Desk(self.config, Instruments(), commit=self._commit, record=self._record)

    def _commit(self, events: Sequence[JournalEvent], done: Callable[[], None]) -> None:
        self.journal.extend(events)
        if self.store is not None:
            self.store.commit_now(events)
        if self.hold:
            self.waiting.append(done)
        else:
            done()

    def _record(self, record: Record) -> None:
        self.records.append(record)
        if self.store is not None:
            self.store.behind(record)

    def release(self) -> None:
        """What was committed is on disk."""
        while self.waiting:
            self.waiting.pop(0)()

    def kinds(self, kind: type) -> list[JournalEvent]:
        return [event for event in self.journal if isinstance(event, kind)]


def trade(symbol: str, n: int, price: float, size: float, at_s: float, side: int = 1) -> Trade:
    ns = START_NS + int(at_s * NS)
    return Trade(symbol, n, price, size, side, ns, ns)


def quote(symbol: str, bid: float, ask: float, at_s: float, size: float = 1000.0) -> Quote:
    ns = START_NS + int(at_s * NS)
    return Quote(symbol, bid, size, ask, size, ns, ns)


def calm(symbol: str, price: float, seconds: int, start: int = 0) -> Iterator[list[MarketEvent]]:
    """A trade and a quote a second around ``price``: indicators warm up, nothing rises."""
    for n in range(start, start + seconds):
        wobble = price * 1e-5 * ((n * 7) % 5 - 2)
        yield [
            quote(symbol, price + wobble - 0.01, price + wobble + 0.01, n),
            trade(symbol, n + 1, price + wobble, 1.0, n + 0.1, 1 if n % 2 else -1),
        ]


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(None, durable=False)
    made.start()
    yield made
    made.close()


def simulated(bench: Bench, seconds: int, symbols: int = 4) -> None:
    """``seconds`` of the simulated venue through the desk."""
    names = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD")[:symbols]
    venue = SimulatedVenue(names, seed=3, start_ns=START_NS)
    adopt(bench.desk, venue.instruments())
    for step in range(1, seconds * 4 + 1):
        until = START_NS + step * NS // 4
        bench.desk.on_events(venue.advance(until))
        bench.desk.advance(until)


def taped(bench: Bench, path: Path) -> None:
    tape = Tape([path])
    adopt(bench.desk, tape.specs)
    for batch in tape.batches():
        if isinstance(batch, list):
            bench.desk.on_events(batch)
        else:
            bench.desk.on_block(batch, tape.symbols)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tickdesk.db"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
