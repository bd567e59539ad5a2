"""The server with real sockets, and a console that only speaks its packets."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from console.browser.gate import Address, Gate
from console.browser.server import STATIC, DeskServer, listen
from console.browser.session import environment_of, size_of
from engine.errors import ConfigError

TOKEN = "a-token-of-more-than-thirty-two-characters"
PROGRAM = """
import os, sys, json
out = os.fdopen(1, "wb", 0)
def packet(kind, data): out.write(kind + len(data).to_bytes(4, "big") + data)
out.write(b"__GANGLION__\\n")
packet(b"D", f"{os.environ['COLUMNS']}x{os.environ['ROWS']} {os.getpid()} ".encode())
while True:
    head = sys.stdin.buffer.read(5)
    if len(head) < 5: sys.exit()
    data = sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))
    if head[:1] == b"M":
        meta = json.loads(data)
        if meta["type"] == "quit": sys.exit()
        packet(b"D", data)
    elif data == b"leave": packet(b"M", b'{"type": "exit"}'); sys.stdin.read()
    elif data == b"flood":
        while True: packet(b"D", b"x" * 65536)
    elif data == b"deaf":
        import signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); packet(b"D", b"deaf"); time.sleep(600)
    else: packet(b"D", b"typed " + data)
"""


class Site:
    def __init__(self, url: str, gate: Gate, session: aiohttp.ClientSession) -> None:
        self.url, self.gate, self.session = url, gate, session

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": self.gate.set_cookie.split(";")[0], "Origin": self.url}

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self.session.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.text(errors="replace"), dict(answer.headers)

    def tab(self, **headers: str) -> aiohttp.client._WSRequestContextManager:
        return self.session.ws_connect(
            f"{self.url}/ws?width=90&height=30", headers={**self.cookie, **headers}, max_msg_size=0
        )


@asynccontextmanager
async def serving(tabs: int = 2) -> AsyncIterator[Site]:
    listening = listen("127.0.0.1", 0)
    gate = Gate(Address("127.0.0.1", listening.getsockname()[1]), TOKEN)
    server = DeskServer(gate, [sys.executable, "-c", PROGRAM], tabs)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Site(gate.address.url, gate, session)
    finally:
        await server.close_tabs()
        await runner.cleanup()


async def text_of(tab: aiohttp.ClientWebSocketResponse) -> str:
    return (await asyncio.wait_for(tab.receive_bytes(), 10)).decode()


async def gone(pid: int) -> bool:
    for _ in range(500):
        if not Path(f"/proc/{pid}").exists():
            return True
        await asyncio.sleep(0.01)
    return False


async def test_the_way_in_and_every_way_that_is_none() -> None:
    async with serving() as site:
        for path in ("/", "/page.js", "/static/js/textual.js", "/nowhere", f"/nowhere?token={TOKEN}"):
            status, text, _ = await site.get(path)
            assert status == 403 and "open the address with the token" in text, path
        status, text, _ = await site.get("/?token=wrong")
        assert status == 403 and "not the token" in text
        assert (await site.get(f"/?token={TOKEN}", Host="evil.example"))[0] == 403
        assert (await site.get(f"/?token={TOKEN}", Origin="http://evil.example"))[0] == 403

        status, text, headers = await site.get(f"/?token={TOKEN}")
        assert status == 200 and 'content="0;url=/"' in text and TOKEN not in text
        assert headers["Set-Cookie"] == site.gate.set_cookie and TOKEN not in headers["Set-Cookie"]

        status, text, headers = await site.get("/?fontsize=99", **site.cookie)
        assert status == 200 and f'"{site.url.replace("http", "ws")}/ws"' in text and 'font-size="40"' in text
        assert "http" not in text.replace(site.url, ""), "nothing of another site"
        assert headers["X-Frame-Options"] == "DENY" and headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not any(name.lower().startswith("access-control") for name in headers)
        for path in ("/page.js", "/page.css", "/static/js/textual.js", "/static/css/xterm.css"):
            assert (await site.get(path, **site.cookie))[0] == 200, path
        font = (await site.get("/page.css", **site.cookie))[1].split('url("/static/')[1].split('"')[0]
        assert (STATIC / font).is_file()
        assert (await site.get("/static/../server.py", **site.cookie))[0] == 404
        assert (await site.get("/static/", **site.cookie))[0] == 403, "no list of files"

        for headers in ({"Origin": "http://evil.example"}, {"Cookie": "x=y"}, {"Host": "evil.example"}):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await site.tab(**headers)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await site.session.ws_connect(f"{site.url}/ws", headers={"Cookie": site.cookie["Cookie"]})


async def test_a_tab_and_its_console_end_with_each_other() -> None:
    async with serving(tabs=1) as site:
        async with site.tab() as tab:
            size, pid = (await text_of(tab)).split()
            assert size == "90x30"
            await tab.send_str('["stdin", "é?"]')
            assert await text_of(tab) == "typed é?"
            await tab.send_str('["resize", {"width": 120, "height": 40}]')
            assert json.loads(await text_of(tab)) == {"type": "resize", "width": 120, "height": 40}
            await tab.send_str('["resize", {"width": 1e9, "height": -1}]')  # makes no sense: not passed on
            await tab.send_str('["ping", "12345"]')
            assert await tab.receive_json() == ["pong", "12345"]
            assert (await site.get("/", **site.cookie))[0] == 503
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await site.tab()
        assert await gone(int(pid))
        async with site.tab() as tab:  # there is room again
            await text_of(tab)
            await tab.send_str('["stdin", "leave"]')
            assert (await tab.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_what_no_page_of_ours_says_ends_the_tab() -> None:
    said = ("{}", "[]", '["no such thing"]', '["stdin", 3]', "[" * 5000, "x" * 70_000, b"\0")
    async with serving() as site:
        for each in said:
            async with site.tab() as tab:
                pid = int((await text_of(tab)).split()[1])
                await (tab.send_bytes(each) if isinstance(each, bytes) else tab.send_str(each))
                assert (await tab.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED), each
                assert await gone(pid)


async def test_a_tab_that_stops_reading_holds_up_its_own_console_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.browser.session.QUIT_S", 0.2)
    async with serving() as site:
        async with site.tab() as stalled, site.tab() as other:
            pid = int((await text_of(stalled)).split()[1])
            await stalled.send_str('["stdin", "flood"]')  # and nobody reads it
            await text_of(other)
            written = [-2, -1]
            while written[-1] != written[-2]:
                await other.send_str('["stdin", "key"]')
                assert await text_of(other) == "typed key"
                await asyncio.sleep(0.1)
                counts = Path(f"/proc/{pid}/io").read_text().split()
                written.append(int(counts[counts.index("wchar:") + 1]))
            assert 100_000 < written[-1] < 30e6, "it waits, and the server does not keep what is not read"
        assert await gone(pid)


async def test_a_console_that_does_not_listen_is_ended_with_its_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.browser.session.QUIT_S", 0.2)
    async with serving() as site:
        async with site.tab() as tab:
            pid = int((await text_of(tab)).split()[1])
            await tab.send_str('["stdin", "deaf"]')
            assert await text_of(tab) == "deaf"
        assert await gone(pid)


def test_small_things() -> None:
    found = environment_of(
        {"LC_ALL": "C", "TMUX": "1", "TEXTUAL_THEME": "x", "NO_COLOR": "1", "HOME": "/h"}, 90, 30
    )
    assert found == {
        "NO_COLOR": "1", "HOME": "/h", "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8",
        "COLUMNS": "90", "ROWS": "30",
    }  # fmt: skip
    for given in (
        None,
        [],
        {},
        {"width": "x", "height": 1},
        {"width": 501, "height": 1},
        {"width": 1e400, "height": 1},
    ):
        assert size_of(given) is None
    with pytest.raises(ConfigError, match="choose another --host or --port"):
        listen("no.such.name.invalid", 0)
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1])
