"""The doctor: what it finds, what it advises, and the exit code that sums it up."""

from __future__ import annotations

import sqlite3
import time
from email.utils import formatdate
from pathlib import Path

import msgspec
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from console.cli import main
from console.doctor import machine, services, terminal
from console.doctor.finding import Finding
from engine.config import load
from engine.gateway.tokens import Tokens
from tests.e2e.tmux import Tmux, needs_tmux
from tests.gateway.test_tls import issue
from tests.wiring.redis_process import RedisProcess


@pytest.mark.parametrize(
    ("columns", "rows", "state"),
    [(0, 0, "warn"), (79, 24, "warn"), (80, 23, "warn"), (80, 24, "ok"), (200, 50, "ok")],
)
def test_terminal_size(columns: int, rows: int, state: str) -> None:
    assert terminal.size(columns, rows).state == state


@pytest.mark.parametrize(
    ("encoding", "state"),
    [("utf-8", "ok"), ("UTF8", "ok"), ("ANSI_X3.4-1968", "bad"), ("", "bad"), ("no\x1bne", "bad")],
)
def test_characters(encoding: str, state: str) -> None:
    found = terminal.characters(encoding, {})
    assert found.state == state and "\x1b" not in found.text


def test_a_locale_of_ascii_is_told() -> None:
    found = terminal.characters("utf-8", {"LANG": "C"})
    assert found.state == "warn" and "ASCII" in found.text and "C.UTF-8" in found.advice


@pytest.mark.parametrize(
    ("environ", "state", "words"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "ok", "million"),
        ({"TERM": "screen-256color"}, "ok", "256"),
        ({"TERM": "xterm"}, "warn", "16"),
        ({"TERM": "dumb"}, "bad", "dumb"),
        ({}, "bad", "not set"),
        ({"TERM": "dumb", "NO_COLOR": "1"}, "ok", "NO_COLOR"),
    ],
)
def test_colours(environ: dict[str, str], state: str, words: str) -> None:
    found = terminal.colours(environ)
    assert found.state == state and words in found.text


def test_clipboard() -> None:
    kept = terminal.clipboard({"TMUX": "/tmp/x"}, "off")
    assert kept.state == "warn" and "allow-passthrough on" in kept.advice
    for environ, passthrough in (({"TMUX": "/tmp/x"}, "on"), ({"TMUX": "/tmp/x"}, ""), ({"STY": "1.x"}, "")):
        assert terminal.clipboard(environ, passthrough).state == "ok", "it hands copies on"
    assert terminal.clipboard({"SSH_TTY": "/dev/pts/0"}).text.endswith("over SSH")


@needs_tmux
def test_what_tmux_around_us_hands_on_is_asked(tmp_path: Path) -> None:
    with Tmux(tmp_path, 80, 24) as shell:
        for words, told in (("no copies on", "off"), ("through tmux", "on")):
            shell.press(f"clear; tmux set -g allow-passthrough {told}", "Enter")
            shell.tickdesk("doctor", "--state-dir", str(tmp_path / "state"))
            shell.wait("left with 0")
            assert words in next(line for line in shell.lines if "clipboard" in line)


def test_a_state_directory_that_is_not_there_is_judged_by_the_one_above(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert machine.directory(path).state == "ok" and not path.exists()
    path.mkdir(parents=True, mode=0o755)
    assert "chmod 700" in machine.directory(path).advice
    path.chmod(0o700)
    assert machine.directory(path).state == "ok"


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {tmp_path} nfs4 rw 0 0\n")
    assert "nfs4" in machine.disk(tmp_path / "deep", mounts=mounts).text
    mounts.write_text("/dev/a / ext4 rw 0 0\n")
    for free, state in ((1 << 40, "ok"), (1 << 30, "warn"), (1 << 20, "bad")):
        monkeypatch.setattr(
            machine.shutil, "disk_usage", lambda path, free=free: type("Disk", (), {"free": free})
        )
        assert machine.disk(tmp_path, mounts=mounts).state == state
        assert machine.disk(tmp_path, mounts=tmp_path / "none").state == state


def test_sqlite_is_tried_where_the_journal_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.sqlite(tmp_path / "deep").state == "ok"
    assert list(tmp_path.iterdir()) == []

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(machine.sqlite3, "connect", full)
    assert "disk is full" in machine.sqlite(tmp_path).text


@pytest.mark.parametrize(
    ("allowed", "owned", "state", "text"),
    [
        ({0, 1}, {1}, "ok", "2; a desk has 1 for itself"),
        ({0, 1, 2, 3}, set(), "ok", "4; a desk can have one for itself"),
        ({3}, set(), "warn", "1: a desk shares it with its screen"),
    ],
)
def test_processors(
    monkeypatch: pytest.MonkeyPatch, allowed: set[int], owned: set[int], state: str, text: str
) -> None:
    monkeypatch.setattr(machine.processor, "allowed_here", lambda: frozenset(allowed))
    monkeypatch.setattr(machine.processor, "owned", lambda _: frozenset(owned))
    found = machine.processors()
    assert found is not None and (found.state, found.text) == (state, text)


def test_where_the_system_tells_no_processors_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.processor, "allowed_here", frozenset)
    assert machine.processors() is None


def test_memory(tmp_path: Path) -> None:
    told = tmp_path / "meminfo"
    assert machine.memory(told=told) is None
    told.write_text("MemTotal: 9 kB\nMemAvailable: 500000 kB\n")
    found = machine.memory(told=told)
    assert found is not None and found.state == "warn"


async def _answering(date: str) -> TestServer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404, headers={"Date": date})

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.mark.parametrize(("ahead_s", "state"), [(0, "ok"), (-60, "bad"), (60, "bad"), (None, None)])
async def test_a_venue_is_asked_for_its_clock(ahead_s: int | None, state: str | None) -> None:
    date = "rubbish" if ahead_s is None else formatdate(time.time() + ahead_s, usegmt=True)
    server = await _answering(date)
    try:
        url = str(server.make_url(""))
        config = load(
            overrides=[
                'feeds.binance.symbols=["BTCUSDT"]',
                f"feeds.binance.rest_url={url}",
                f"feeds.binance.ws_url={url.replace('http', 'ws', 1)}",
            ],
            environ={},
        )
        found = [one for one in await services._venues(config) if " of " not in one.what]
    finally:
        await server.close()
    assert found[0].state == "ok" and "answers in" in found[0].text
    assert [finding.state for finding in found[1:]] == ([] if state is None else [state])
    if ahead_s:
        assert ("behind" if ahead_s > 0 else "ahead of") in found[1].text


async def test_a_venue_that_is_not_there_is_bad() -> None:
    config = load(
        overrides=[
            'feeds.binance.symbols=["BTCUSDT"]',
            "feeds.binance.rest_url=http://127.0.0.1:1",
            "feeds.binance.ws_url=ws://127.0.0.1:1",
        ],
        environ={},
    )
    found, socket = await services._venues(config)
    assert found.state == "bad" and "127.0.0.1:1" in found.text and found.advice
    assert socket.what == "socket of binance" and socket.state == "bad" and "127.0.0.1:1" in socket.text


async def test_what_answers_in_the_place_of_a_venue_is_no_venue() -> None:
    page = "<html>This service is not available where you are</html>"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with TestServer(app) as server:
        found = await asked(str(server.make_url("")))
    states = {finding.what: finding.state for finding in found}
    assert states["symbols of binance"] == states["socket of binance"] == "bad", found
    assert any("HTTP 200" in finding.text for finding in found)


async def test_a_symbol_that_a_venue_does_not_know_is_told() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/stream":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.receive()
            return socket
        return web.Response(text='{"symbols":[]}')

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with TestServer(app) as server:
        found = await asked(str(server.make_url("")))
    states = {finding.what: (finding.state, finding.text) for finding in found}
    assert states["symbols of binance"][0] == "bad" and "BTCUSDT" in states["symbols of binance"][1]
    assert states["socket of binance"][0] == "ok" and "opens in" in states["socket of binance"][1]


async def asked(url: str) -> list[Finding]:
    urls = [f"feeds.binance.rest_url={url}", f"feeds.binance.ws_url={url.replace('http', 'ws', 1)}"]
    return await services._venues(load(overrides=['feeds.binance.symbols=["BTCUSDT"]', *urls], environ={}))


def test_redis(tmp_path: Path) -> None:
    assert services.redis(load(environ={})) is None
    with RedisProcess(tmp_path) as server:
        found = services.redis(load(overrides=[f"cache.redis_url={server.url}"], environ={}))
        assert found is not None and found.state == "ok", found
    gone = services.redis(load(overrides=[f"cache.redis_url={server.url}"], environ={}))
    assert gone is not None and gone.state == "bad"
    assert services.broker(load(environ={})) is None
    away = services.broker(load(overrides=[f"automations.jobs.broker_url={server.url}"], environ={}))
    assert away is not None and away.state == "bad" and "broker_url" in away.advice
    info = {"redis_version": "7.0.1", "maxmemory": 5, "maxmemory_policy": "allkeys-lru"}
    assert services._redis("Redis", info).state == "warn"
    assert services._redis("Redis", {"redis_version": "5.0.9"}).state == "bad"


def test_the_exit_code_is_the_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    state = ["--state-dir", str(tmp_path)]
    tmp_path.chmod(0o700)
    monkeypatch.setattr(terminal, "looked_at", lambda encoding, environ: [terminal.size(80, 24)])
    assert main([*state, "doctor"]) == 0
    told = capsys.readouterr().out
    assert "0 bad" in told and "Z; no venue is configured to compare it with" in told
    gone = [
        "--set",
        'feeds.binance.symbols=["BTCUSDT"]',
        "--set",
        "feeds.binance.rest_url=http://127.0.0.1:1",
        "--set",
        "feeds.binance.ws_url=ws://127.0.0.1:1",
    ]
    assert main([*state, "doctor", "--json", *gone]) == 1
    found = msgspec.json.decode(capsys.readouterr().out, type=list[Finding])
    assert {finding.what: finding.state for finding in found}["venue binance"] == "bad"
    assert main([*state, "--set", "risk.nothing=1", "doctor"]) == 1
    assert "configuration    " in (told := capsys.readouterr().out) and "nothing" in told


def test_a_gateway_that_could_serve_nobody_is_bad(tmp_path: Path) -> None:
    assert services.gateway(load(environ={}), tmp_path) is None
    config = load(overrides=["api.listen=127.0.0.1:0"], environ={})
    found = services.gateway(config, tmp_path)
    assert found is not None and found.state == "bad" and "token add" in found.advice
    Tokens(tmp_path).add("anna", "read", time.time_ns())
    found = services.gateway(config, tmp_path)
    assert found is not None and found.state == "ok"
    cert, key = issue(trustme.CA(), tmp_path)
    with_tls = load(
        overrides=["api.listen=127.0.0.1:0", f"api.tls_cert={cert}", f"api.tls_key={key}"], environ={}
    )
    found = services.gateway(with_tls, tmp_path)
    assert found is not None and found.state == "ok" and "TLS" in found.text
    key.chmod(0o644)
    found = services.gateway(with_tls, tmp_path)
    assert found is not None and found.state == "bad" and "chmod 600" in found.text
