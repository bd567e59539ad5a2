"""The console in a real browser: `tickdesk serve`, a headless Chromium, keys; other pages get nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.browser.gate import PROTOCOL, told
from console.cli.client import ask
from engine.api.protocol import Health
from tests.conftest import ROOT
from tests.e2e.chromium import PROGRAM, Page, chromium
from tests.e2e.engine import COMMAND, environment, stop_left_over


@contextlib.contextmanager
def serving(state_dir: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """``tickdesk serve``, from its first moment on."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--state-dir", str(state_dir), *options],
        cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield server
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
        stop_left_over(state_dir)


def told_by(server: subprocess.Popen[str]) -> tuple[str, str]:
    """Where it is, and its token."""
    assert server.stdout is not None
    found = re.search(r"(http://127\.0\.0\.1:\d+)/#(\S+)", server.stdout.readline())
    assert found is not None
    return found[1], found[2]


def consoles(pid: int) -> list[str]:
    """The processes of a server's tabs."""
    own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in own if b"console.browser.tab" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def a_session(server: subprocess.Popen[str], profile: Path) -> str:
    """A desk in a tab; returns the token."""
    async with chromium(profile) as page:
        url, token = told_by(server)
        await a_way_in(server, url, token, page)

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
    return token


async def a_way_in(server: subprocess.Popen[str], url: str, token: str, page: Page) -> None:
    """Refused to another page and without the token; then it opens, and the token is nowhere to be seen."""
    protocols = json.dumps([PROTOCOL, told(token)])
    tried = await page.evaluate(
        f"new Promise(r => {{const s = new WebSocket('{url.replace('http', 'ws')}/ws', {protocols});"
        "s.onopen = () => r('in'); s.onerror = () => r('refused')})"
    )
    assert tried == "refused" and not consoles(server.pid), "another page, that knows even the token"

    await page.go(f"{url}/")
    await page.true("document.activeElement.id == 'token'")
    await page.type("wrong\r")
    await page.true("document.getElementById('said').innerText.includes('not the token')")
    assert not consoles(server.pid)

    await page.go(f"{url}/#{token}")
    # Of a large screen one part may come before another.
    await page.seen(lambda text: all(part in text for part in ("BTC-USD", "First steps", "PAPER", "ACTIVE")))
    assert await page.evaluate("location.href + document.cookie") == f"{url}/"
    assert (await page.call("Network.getCookies"))["cookies"] == [], "those go to every port of this machine"
    assert len(consoles(server.pid)) == 1


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: apt install chromium")
def test_a_desk_in_a_browser(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    with serving(state_dir) as server:
        token = asyncio.run(a_session(server, tmp_path / "profile"))
        status = ask(state_dir, "GET", "/v1/health", Health).status
        assert (status.risk_state, status.phase) == ("halted", "running")
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0
        assert ask(state_dir, "GET", "/v1/health", Health).status.phase == "running", "the engine goes on"
        for file in state_dir.rglob("*"):
            assert not file.is_file() or token.encode() not in file.read_bytes(), file
