"""The desk on TCP as an operator meets it: the engine starts the gateway, again when it dies, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest

from console.engine_at import EngineAt, at_url
from console.identity import this_console
from console.link import EngineLink
from console.link_protocol import LinkState
from engine.api.protocol import StateFrame, StreamMessage
from engine.errors import LinkError
from engine.gateway.tokens import Tokens
from tests.e2e.engine import RunningEngine, options


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def gateways(state_dir: Path) -> list[int]:
    """Processes of a gateway of this state directory, without their supervisors."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if (
                b"engine.gateway" in words
                and str(state_dir).encode() in words
                and b"engine.wiring.supervised" not in words
            ):
                found.append(int(folder.name))
    return found


async def snapshot(at: EngineAt) -> StateFrame:
    """As soon as it is answered."""
    async with asyncio.timeout(30), aiohttp.ClientSession(headers=at.headers) as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{at.url}/v1/snapshot") as answer:
                    if answer.status == 200:
                        return msgspec.json.decode(await answer.read(), type=StateFrame)
            await asyncio.sleep(0.05)


async def console(at: EngineAt, gateway: int) -> None:
    """A console behind the gateway: it commands, its line is cut and comes back as it was."""
    link, states, seats = EngineLink(at, this_console()), list[LinkState](), list[str]()

    def take(message: StreamMessage) -> None:
        if isinstance(message, StateFrame):
            seats.append(message.status.controller)

    stream = asyncio.create_task(link.run(take, lambda state, _: states.append(state)))
    try:
        async with asyncio.timeout(30):
            while not (seats and seats[-1]):
                await asyncio.sleep(0.02)
            assert seats[-1].startswith("trader:")
            assert (await link.set_risk("reducing", "from elsewhere")).ok
            with pytest.raises(LinkError, match="takes a token with the role admin"):
                await link.stop_engine()
            os.kill(gateway, signal.SIGKILL)
            while states[-1] is LinkState.UP:
                await asyncio.sleep(0.02)
            while states[-1] is not LinkState.UP:
                await asyncio.sleep(0.02)
            assert (await link.set_risk("active", "")).ok  # the seat was kept
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        await link.close()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_a_gateway_lives_and_dies_with_its_engine(tmp_path: Path) -> None:
    state_dir, port = tmp_path / "state", free_port()
    token = Tokens(state_dir).add("trader", "trade", time.time_ns())
    at = at_url(f"http://127.0.0.1:{port}", token)
    served = options(simulated__history_s=60, api__listen=f"127.0.0.1:{port}")
    with RunningEngine(state_dir, *served) as engine:
        assert asyncio.run(snapshot(at)).status.phase == "running"
        (gateway,) = gateways(state_dir)
        assert os.getpriority(os.PRIO_PROCESS, gateway) > 0
        assert engine.process is not None
        desk = engine.process.pid
        assert os.getsid(gateway) == os.getsid(desk), "else it would count for nothing beside the desk"
        assert os.getpgid(gateway) != os.getpgid(desk)
        asyncio.run(console(at, gateway))
        assert "nobody is served on" in engine.stderr.read_text()
        assert gateways(state_dir) not in ([], [gateway])
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0
    deadline = time.monotonic() + 5
    while gateways(state_dir) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not gateways(state_dir)
    assert token.split("_", 2)[2] not in (state_dir / "gateway.log").read_text()
