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
from engine.api.protocol import VERSION, Explanation, Health, LogRow, Reply, StateFrame
from engine.api.server import ApiServer
from engine.errors import ConfigError
from engine.events import Alert, JournalEvent
from tests.console import sample_desk as sample


class FakeDesk:
    """Implements ``DeskPort``; ``asked`` keeps every command."""

    def __init__(self) -> None:
        self.frame = sample.full_frame()
        self.asked: list[tuple[object, ...]] = []
        self.journaled: list[tuple[int, JournalEvent]] = []

    def state(self) -> StateFrame:
        return self.frame

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        return [pair for pair in self.journaled if pair[0] > since][:limit]

    def health(self) -> Health:
        return Health(True, VERSION, 1, self.frame.status, self.frame.feeds)

    def explain(self, identity: str) -> Explanation | None:
        return sample.explanation() if identity == "opp-0008" else None

    def set_strategy(self, name: str, enabled: bool | None, weight: float | None, who: str) -> Reply:
        if name == "none":
            raise ConfigError("no strategy none: known are trend")
        if name == "broken":
            raise RuntimeError("a bug\nof ours")
        self.asked.append(("strategy", name, enabled, weight, who))
        return Reply(True, f"{name} set")

    async def set_risk(self, state: str, reason: str, who: str) -> Reply:
        self.asked.append(("risk", state, reason, who))
        return Reply(True, state)

    async def reload_model(self, who: str) -> Reply:
        self.asked.append(("reload", who))
        return Reply(True, "model loaded")

    async def flatten(self, who: str) -> Reply:
        self.asked.append(("flatten", who))
        return Reply(True, "verified flat")

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

    async def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket))) as session,
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
