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

from console.browser.gate import PROTOCOL, Address, Gate, told
from console.browser.server import STATIC, DeskServer, listen
from console.browser.session import environment_of, size_of
from engine.errors import ConfigError

TOKEN = "a-token-of-more-than-thirty-two-characters"
PROGRAM = """
import os, sys, json
out = os.fdopen(1, "wb", 0)
def packet(kind, data): out.write(kind + len(data).to_bytes(4, "big") + data)
out.write(b"__GANGLION__\\n")
packet(b"D", f"{os.environ['COLUMNS']}x{os.environ['ROWS']} {os.getpid()} {sys.argv[1:]}".encode())
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

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self.session.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.text(errors="replace"), dict(answer.headers)

    async def ask(self, token: str, **headers: str) -> tuple[int, str]:
        headers = {"Origin": self.url, "Authorization": f"Bearer {token}", **headers}
        async with self.session.post(f"{self.url}/ask", headers=headers) as answer:
            return answer.status, await answer.text()

    def tab(self, token: str = TOKEN, **headers: str) -> aiohttp.client._WSRequestContextManager:
        return self.session.ws_connect(
            f"{self.url}/ws?width=90&height=30",
            protocols=(PROTOCOL, told(token)),
            headers={"Origin": self.url, **headers},
            max_msg_size=0,
        )


@asynccontextmanager
async def serving(tabs: int = 2) -> AsyncIterator[Site]:
    listening = listen("127.0.0.1", 0)
    gate = Gate(Address("127.0.0.1", listening.getsockname()[1]), TOKEN)
    server = DeskServer(gate, [sys.executable, "-c", PROGRAM], tabs, ["--first-run"])
    runner = server.runner()
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


async def test_the_way_in_and_every_way_that_is_none(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as site:
        status, text, headers = await site.get("/?fontsize=99")
        assert status == 200 and 'font-size="40"' in text and "http" not in text, "nothing of another site"
        assert headers["X-Frame-Options"] == "DENY" and headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and f" {site.url.replace('http', 'ws')} " in policy
        assert not any(name.lower().startswith(("access-control", "set-cookie")) for name in headers)
        for path in ("/page.js", "/page.css", "/static/js/textual.js", "/static/css/xterm.css"):
            status, text, _ = await site.get(path)
            assert status == 200 and TOKEN not in text and told(TOKEN) not in text, path
        font = (await site.get("/page.css"))[1].split('url("/static/')[1].split('"')[0]
        assert (STATIC / font).is_file()
        for path, refused in (
            ("/static/../server.py", 404), ("/static/", 403), ("/download/x", 404), ("/ask", 403),
            ("/ws", 403), (f"/ws?token={TOKEN}", 403), (f"/?token={TOKEN}", 200),
        ):  # fmt: skip
            status, _, headers = await site.get(path, Origin=site.url)
            assert status == refused and "Set-Cookie" not in headers, path
        assert (await site.get("/", Host="evil.example"))[0] == 403
        assert (await site.get("/", Origin="http://evil.example"))[0] == 403

        assert (await site.ask(told(TOKEN)))[0] == 204
        status, text = await site.ask(told("x" * 40))
        assert status == 403 and "not the token" in text
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            assert (await site.ask(told(TOKEN), **headers))[0] == 403
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await site.tab(**headers)
        for token in ("x" * 40, TOKEN + "x"):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await site.tab(token)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):  # the token, but no Origin
            await site.session.ws_connect(f"{site.url}/ws", protocols=(PROTOCOL, told(TOKEN)))
        assert (await site.ask("x" * 9000))[0] == 400, "longer than a header may be"
        assert not caplog.records, "nobody's request is logged"
        async with site.tab() as tab:
            assert tab.protocol == PROTOCOL, "the token is not repeated"


async def test_a_connection_that_asks_for_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.browser.server.IDLE_S", 0.1)
    async with serving() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.gate.address.port)
        writer.write(b"GET / HTTP/1.1\r\nHost:")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_tab_and_its_console_end_with_each_other() -> None:
    async with serving(tabs=1) as site:
        async with site.tab() as tab:
            size, pid, told_first = (await text_of(tab)).split()
            assert (size, told_first) == ("90x30", "['--first-run']")
            await tab.send_str('["stdin", "é?"]')
            assert await text_of(tab) == "typed é?"
            await tab.send_str('["resize", {"width": 120, "height": 40}]')
            assert json.loads(await text_of(tab)) == {"type": "resize", "width": 120, "height": 40}
            await tab.send_str('["resize", {"width": 1e9, "height": -1}]')  # makes no sense: not passed on
            await tab.send_str('["ping", "12345"]')
            assert await tab.receive_json() == ["pong", "12345"]
            assert (await site.ask(told(TOKEN)))[0] == 503
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await site.tab()
        assert await gone(int(pid))
        for _ in range(200):  # the server hears of it a moment later
            if (await site.ask(told(TOKEN)))[0] != 503:
                break
            await asyncio.sleep(0.02)
        async with site.tab() as tab:  # there is room again, and its console is not the first
            assert (await text_of(tab)).endswith("[]")
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
            # Megabytes lay before a slow page, and it showed the past.
            assert 60_000 < written[-1] < 300_000, "it waits, and nobody keeps what is not read"
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
