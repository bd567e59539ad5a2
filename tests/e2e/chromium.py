"""A headless Chromium, driven through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-port=0", "--window-size=1000,640", "about:blank",
)  # fmt: skip
FIND_TERMINAL = """
Object.defineProperty(Object.prototype, "_terminal", {
  configurable: true,
  set(value) {
    if (value && value.buffer) window.terminalOfThePage = value;
    Object.defineProperty(this, "_terminal", {value, writable: true, configurable: true, enumerable: true});
  },
});
"""
"""xterm.js hands its terminal to its addons, which keep it under that name: so we have it too."""
READ_TERMINAL = """
(() => {
  const terminal = window.terminalOfThePage;
  if (!terminal) return "";
  const buffer = terminal.buffer.active, lines = [];
  for (let y = 0; y < terminal.rows; y++)
    lines.push(buffer.getLine(buffer.viewportY + y).translateToString());
  return lines.join("\\n");
})()
"""


_AWAY = "navigated"


class AwayError(Exception):
    """The page was left for another while it was asked."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=10)
            if answer.get("id") == self._last:
                if _AWAY in answer.get("error", {}).get("message", ""):
                    raise AwayError(method)
                assert "error" not in answer, (method, answer)
                return dict(answer["result"])

    async def evaluate(self, script: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return result["result"].get("value")

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def type(self, text: str) -> None:
        for character in text:
            for kind in ("keyDown", "keyUp"):
                key = "Enter" if character == "\r" else character
                await self.call("Input.dispatchKeyEvent", type=kind, text=character, key=key)

    async def true(self, script: str) -> None:
        """Until the page says so."""
        for _ in range(240):
            with contextlib.suppress(AwayError):
                if await self.evaluate(script):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never so: {script}")

    async def seen(self, holds: Callable[[str], bool], seconds: float = 12.0) -> str:
        """The terminal's text when ``holds`` is so of it."""
        text = ""
        for _ in range(int(seconds / 0.05)):
            with contextlib.suppress(AwayError):
                text = await self.evaluate(READ_TERMINAL) or ""
                if holds(text):
                    return text
            await asyncio.sleep(0.05)
        raise AssertionError(
            f"never seen; the page shows:\n{text or await self.evaluate('document.body.innerText')}"
        )


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    """A browser with one empty tab; its profile is in ``folder``."""
    assert PROGRAM is not None
    browser = await asyncio.create_subprocess_exec(
        PROGRAM, f"--user-data-dir={folder}", *FLAGS, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
    )
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json()
            url = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(url, max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Page.enable")
                await page.call("Page.addScriptToEvaluateOnNewDocument", source=FIND_TERMINAL)
                yield page
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()


async def _port(file: Path) -> int:
    for _ in range(400):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        await asyncio.sleep(0.05)
    raise AssertionError("the browser did not start")
