"""A desk made up for the API, and its server on a socket of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest

from engine.api.hub import Hub
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import (
    VERSION,
    AutomationRow,
    BarsRow,
    DepthRow,
    Explanation,
    Health,
    JobRow,
    LogRow,
    QuarantineRow,
    Reply,
    SignalStatistics,
    StateFrame,
    StrategyDetail,
    StrategyPatch,
    SymbolDataRow,
    SymbolSignals,
    WeightsPatch,
)
from engine.api.server import ApiServer
from engine.bus.inspect import Inspection
from engine.config import BlendWeights
from engine.errors import UnknownAutomationError, UnknownStrategyError
from engine.events import Alert, JournalEvent, RiskChange
from engine.signal_exchange import SignalScores, SignalsReply, SignalsRequest
from tests.api import samples
from tests.api.fake_alerts import FakeAlerts
from tests.api.fake_commands import FakeCommands, FakePages
from tests.api.fake_daily import FakeDaily
from tests.api.fake_market import FakeMarket
from tests.api.fake_models import FakeModels
from tests.api.fake_trading import FakeTrading
from tests.console import sample_desk as sample
from tests.console import sample_explanation, sample_feeds

SYMBOLS = ("simulated:BTC-USD", "kraken:BTC/USD")


class FakeData:
    """Implements ``DataPort``."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    def symbols(self) -> tuple[SymbolDataRow, ...]:
        return tuple(sample_feeds.symbol_data())

    def bars(self, symbol: str, count: int) -> BarsRow | None:
        self._asked.append(("bars", symbol, count))
        if symbol != "kraken:BTC/USD":
            return None
        return BarsRow(symbol, 60, (60_000_000_000,), ((1.0, 2.0, 0.5, 1.5, 10.0, None),))

    async def bars_of(
        self, symbol: str, interval_s: int, since_ns: int, until_ns: int, count: int
    ) -> BarsRow | None:
        self._asked.append(("bars of", symbol, interval_s, since_ns, until_ns, count))
        return self.bars(symbol, count)

    def depth(self, symbol: str) -> DepthRow | None:
        if symbol != "kraken:BTC/USD":
            return None
        return DepthRow(symbol, ((99.0, 1.0),), ((101.0, 3.0),), -0.5, 50.0)

    async def quarantine(
        self, *, symbol: str, reason: str, since_ns: int, limit: int
    ) -> tuple[QuarantineRow, ...]:
        self._asked.append(("quarantine", symbol, reason, since_ns, limit))
        return tuple(sample_feeds.set_aside())


class FakeDesk:
    """Implements ``DeskPort``; ``asked`` keeps every command."""

    def __init__(self) -> None:
        self.frame = sample.full_frame()
        self.asked: list[tuple[object, ...]] = []
        self.fault = self.halt = ""
        self.trading = FakeTrading(self.asked)
        self.data = FakeData(self.asked)
        self.models = FakeModels(self.asked)
        self.market = FakeMarket()
        self.alerts = FakeAlerts(self.asked)
        self.daily = FakeDaily(self.asked)
        self.commands = FakeCommands()
        self.pages = FakePages(self.asked)
        self.journaled: list[tuple[int, JournalEvent]] = []
        self.definitions: dict[str, bytes] = {}

    async def prepare(self) -> None:
        pass

    def bus(self) -> Inspection | None:
        return None

    def state(self) -> StateFrame:
        return self.frame

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        return [pair for pair in self.journaled if pair[0] > since][:limit]

    def risk_changes(self, limit: int) -> list[RiskChange]:
        kept = [event for _, event in reversed(self.journaled) if isinstance(event, RiskChange)]
        return kept[:limit]

    def health(self) -> Health:
        return Health(True, VERSION, 1, self.frame.status, self.frame.feeds)

    def unready(self) -> str:
        return self.fault

    def untraded(self) -> str:
        return self.fault or self.halt

    async def explain(self, identity: str) -> Explanation | None:
        return sample_explanation.explanation() if identity == "opp-0008" else None

    def strategies(self) -> tuple[StrategyDetail, ...]:
        return samples.strategy_details()

    def strategy(self, name: str) -> StrategyDetail | None:
        return next((detail for detail in self.strategies() if detail.name == name), None)

    def set_strategy(self, name: str, patch: StrategyPatch, who: str) -> Reply:
        if name == "none":
            raise UnknownStrategyError("no strategy none: known are trend")
        if name == "broken":
            raise RuntimeError("a bug\nof ours")
        self.asked.append(("strategy", name, patch, who))
        return Reply(True, f"{name} set")

    def reload_strategies(self, who: str) -> Reply:
        self.asked.append(("reload strategies", who))
        return Reply(True, "nothing changed")

    def weights(self) -> BlendWeights:
        return BlendWeights(speed=20.0)

    def set_weights(self, patch: WeightsPatch, who: str) -> Reply:
        self.asked.append(("weights", patch, who))
        return Reply(True, "weights set")

    def signals(self, symbol: str) -> SymbolSignals | None:
        return samples.symbol_signals(symbol) if symbol in SYMBOLS else None

    def answer(self, request: SignalsRequest) -> SignalsReply:
        self.asked.append(("answer", request.symbol, len(request.candles)))
        return SignalsReply(SignalScores(speed=0.5, oi="block"), 1.5, request.timestamp)

    def automations(self) -> tuple[AutomationRow, ...]:
        return samples.automations()

    def automation_statistics(self) -> tuple[SignalStatistics, ...]:
        return samples.signal_statistics()

    async def jobs(self, limit: int, name: str, state: str) -> list[JobRow]:
        self.asked.append(("jobs", limit, name, state))
        return [samples.job()]

    def automation(self, name: str) -> bytes | None:
        return self.definitions.get(name)

    async def put_automation(self, name: str, definition: bytes, who: str) -> Reply:
        self.definitions[name] = definition
        self.asked.append(("put", name, who))
        return Reply(True, f"{name} stored")

    async def set_automation(self, name: str, active: bool, who: str) -> Reply:
        self.asked.append(("automation", name, active, who))
        return Reply(True, f"{name} on")

    async def remove_automation(self, name: str, who: str) -> Reply:
        if self.definitions.pop(name, None) is None:
            raise UnknownAutomationError(f"unknown automation {name}")
        return Reply(True, f"{name} removed")

    async def set_risk(self, state: str, reason: str, who: str) -> Reply:
        self.asked.append(("risk", state, reason, who))
        return Reply(True, state)

    @property
    def risk_state(self) -> str:
        return self.frame.status.risk_state

    async def metrics(self) -> bytes:
        return b"tickdesk_ticks_total 1\n"

    def tell(self, level: str, source: str, text: str) -> None:
        self.asked.append(("tell", level, source, text))

    def set_playback(self, patch: PlaybackPatch, who: str) -> Reply:
        self.asked.append(("playback", patch, who))
        return Reply(True, "paused")

    def stop(self, who: str) -> Reply:
        self.asked.append(("stop", who))
        return Reply(True, "engine stops")

    def grow(self, rows: int, width: int) -> None:
        """New log rows: that much more to send with the next frame."""
        last = self.frame.logs[-1].seq if self.frame.logs else 0
        new = tuple(LogRow(last + n, 0, "info", "test", "x" * width) for n in range(1, rows + 1))
        self.frame = msgspec.structs.replace(self.frame, logs=new)


def alert(n: int) -> Alert:
    return Alert("info", "test", f"event {n}", n)


@dataclass
class Served:
    """A desk that is served, and a client's way to it."""

    desk: FakeDesk
    hub: Hub
    server: ApiServer
    socket: Path

    def publish(self, count: int) -> None:
        for _ in range(count):
            seq = self.hub.last_seq + 1
            self.hub.publish(seq, alert(seq))

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket)))

    async def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        async with (
            self.session() as session,
            session.request(method, f"http://engine{path}", data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """``async with serve(capacity=..., frames_per_s=...) as served``."""

    @contextlib.asynccontextmanager
    async def started(*, capacity: int = 10_000, frames_per_s: float = 50.0) -> AsyncIterator[Served]:
        socket = tmp_path_factory.mktemp("s") / "api.sock"
        desk, hub = FakeDesk(), Hub(capacity)
        server = ApiServer(desk, hub, frames_per_s=frames_per_s)
        await server.start(socket)
        try:
            yield Served(desk, hub, server, socket)
        finally:
            await server.close()

    return started
