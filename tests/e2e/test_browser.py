"""The console in a real browser: `tickdesk serve`, a headless Chromium, keys; other pages get nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from console.cli.client import ask
from engine.api.protocol import Health
from tests.conftest import ROOT
from tests.e2e.chromium import PROGRAM, chromium
from tests.e2e.engine import COMMAND, environment, stop_left_over


@contextlib.contextmanager
def serving(state_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """``tickdesk serve``, where it is, and its token."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--state-dir", str(state_dir), *options],
        cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)", server.stdout.readline())
        assert found is not None
        yield server, found[1], found[2]
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
        stop_left_over(state_dir)


def consoles(pid: int) -> list[str]:
    """The processes of a server's tabs."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in own if b"console.browser.tab" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def other_pages_get_nowhere(url: str, token: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/?token=wrong") as answer:
            assert answer.status == 403
        async with session.get(f"{url}/?token={token}", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        async with session.get(f"{url}/?token={token}") as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0]
        for origin in ("http://evil.example", url.replace("127.0.0.1", "127.0.0.2")):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{url}/ws", headers={"Cookie": cookie, "Origin": origin})


async def a_session(server: subprocess.Popen[str], url: str, token: str, folder: Path) -> None:
    """In the browser: refused without the cookie; then seen, helped, halted, and closed."""
    async with chromium(folder / "profile") as page:
        tried = await page.evaluate(
            f"new Promise(r => {{const s = new WebSocket('{url.replace('http', 'ws')}/ws');"
            "s.onopen = () => r('in'); s.onerror = () => r('refused')})"
        )
        assert tried == "refused" and not consoles(server.pid)

        await page.go(f"{url}/?token={token}")
        desk = await page.seen(lambda text: "BTC-USD" in text and "First steps" in text)
        assert "PAPER" in desk and "ACTIVE" in desk
        assert await page.evaluate("location.href + document.cookie") == f"{url}/", "nothing for scripts"
        cookies = (await page.call("Network.getCookies"))["cookies"]
        assert [(one["httpOnly"], one["sameSite"]) for one in cookies] == [(True, "Strict")]
        assert token not in cookies[0]["value"] and len(consoles(server.pid)) == 1

        await page.type("?")
        await page.seen(lambda text: "HALT at once" in text)
        await page.type("\x1b")
        await page.seen(lambda text: "HALT at once" not in text)
        await page.type("H")
        await page.seen(lambda text: " HALTED " in text)

        await page.call("Page.close")
        for _ in range(100):
            if not consoles(server.pid):
                break
            await asyncio.sleep(0.05)
        assert not consoles(server.pid), "the console ended with its tab"


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: apt install chromium")
def test_a_desk_in_a_browser(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    with serving(state_dir) as (server, url, token):
        asyncio.run(other_pages_get_nowhere(url, token))
        asyncio.run(a_session(server, url, token, tmp_path))
        status = ask(state_dir, "GET", "/v1/health", Health).status
        assert (status.risk_state, status.phase) == ("halted", "running")
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0
        assert ask(state_dir, "GET", "/v1/health", Health).status.phase == "running", "the engine goes on"
        for file in state_dir.rglob("*"):
            assert not file.is_file() or token.encode() not in file.read_bytes(), file
