"""A gateway on loopback before a made-up desk, and a client's way to it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.config.api import ApiConfig
from engine.gateway.run import Opened, opened
from engine.gateway.tokens import ROLES, Role, Tokens
from tests.api.conftest import FakeDesk, Serve, Served, serve

__all__ = ["FakeDesk", "Serve", "Served", "serve"]

DAY_NS = 86_400 * 1_000_000_000


@dataclass
class Gated:
    """``tokens``: by role; ``expired``: one that was good."""

    served: Served
    one: Opened
    tokens: dict[Role, str]
    expired: str
    state_dir: Path
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    @property
    def desk(self) -> FakeDesk:
        return self.served.desk

    @property
    def port(self) -> int:
        return int(self.one.address.rpartition(":")[2])

    def session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession()
        self.sessions.append(session)
        return session

    def headers(self, role: Role | None) -> dict[str, str]:
        return {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}

    async def ask(
        self, method: str, path: str, role: Role | None = "admin", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """``headers``: with ``_`` for ``-``."""
        told = self.headers(role) | {name.replace("_", "-"): value for name, value in headers.items()}
        if not self.sessions:
            self.session()
        async with self.sessions[0].request(
            method, f"{self.one.address}{path}", data=body, headers=told
        ) as answer:
            return answer.status, await answer.read()

    async def stream(self, role: Role = "read", query: str = "", **options: Any) -> Any:
        if not self.sessions:
            self.session()
        return await self.sessions[0].ws_connect(
            f"{self.one.address}/v1/stream{query}", headers=self.headers(role), max_msg_size=0, **options
        )

    async def ready(self) -> None:
        """Until the mirror has the desk's state."""
        async with asyncio.timeout(5):
            while not self.one.gateway.mirror.ready:
                await asyncio.sleep(0.005)


Gate = Callable[..., contextlib.AbstractAsyncContextManager[Gated]]


@pytest.fixture
def gate(serve: Serve, tmp_path: Path) -> Gate:
    """``async with gate(reads_per_s=...) as gated``: options of ``[api]``."""

    @contextlib.asynccontextmanager
    async def started(*, engine: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Gated]:
        async with gated(serve, tmp_path / "state", engine or {}, options) as one:
            yield one

    return started


@contextlib.asynccontextmanager
async def gated(
    serve: Serve, state_dir: Path, engine: dict[str, Any], options: dict[str, Any]
) -> AsyncIterator[Gated]:
    tokens, expired = made_tokens(state_dir)
    api = ApiConfig(**{"listen": "127.0.0.1:0", **options})
    async with serve(**engine) as served, opened(api, state_dir, served.socket) as one:
        found = Gated(served, one, tokens, expired, state_dir)
        await found.ready()
        try:
            yield found
        finally:
            for session in found.sessions:
                await session.close()


def made_tokens(state_dir: Path) -> tuple[dict[Role, str], str]:
    tokens, now_ns = Tokens(state_dir), time.time_ns()
    expired = tokens.add("old", "admin", now_ns - 2 * DAY_NS, days=1)
    return {role: tokens.add(f"{role}-bot", role, now_ns) for role in ROLES}, expired
