"""TLS by certificate files, new ones without a restart; and where the gateway does not start."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme

from console.cli import main
from console.cli.attach import role_at
from console.doctor import services
from console.engine_at import at_url, token_of
from engine.config import load
from engine.config.api import ApiConfig
from engine.errors import ConfigError, LinkError, TickdeskError
from engine.gateway import accepting
from engine.gateway.answers import SNAPSHOT
from engine.gateway.certificate_end import ends_s
from engine.gateway.run import NoTokenError, opened
from engine.gateway.tls import Certificate
from engine.gateway.tokens import FILE, Tokens
from tests.gateway.conftest import Gate, made_tokens


def issue(ca: trustme.CA, folder: Path, until: datetime | None = None) -> tuple[Path, Path]:
    one = ca.issue_cert("127.0.0.1", "localhost", not_after=until)
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(b"".join(part.bytes() for part in one.cert_chain_pems))
    key.touch(0o600)
    key.write_bytes(one.private_key_pem.bytes())
    return cert, key


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


async def test_tls_and_a_certificate_that_is_changed(gate: Gate, tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    cert, key = issue(first, tmp_path)
    async with gate(tls_cert=str(cert), tls_key=str(key)) as gated, aiohttp.ClientSession() as session:
        url, told = f"{gated.one.address}{SNAPSHOT}", gated.headers("read")
        assert url.startswith("https://")
        async with session.get(url, headers=told, ssl=trusting(first)) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url, headers=told, ssl=trusting(second))
        ca = tmp_path / "ca.pem"
        first.cert_pem.write_to_path(ca)
        assert await role_at(at_url(gated.one.address, gated.tokens["trade"], ca)) == "trade"
        with pytest.raises(LinkError, match=r"127\.0\.0\.1 is not believed \(.*certificate\): --ca FILE"):
            await role_at(at_url(gated.one.address, gated.tokens["trade"]))
        old = gated.one.certificate
        assert old is not None
        key.write_text("no key")
        assert not old.follow()  # it stays
        async with session.get(url, headers=told, ssl=trusting(first)) as answer:
            assert answer.status == 200
        issue(second, tmp_path)
        assert old.follow() and not old.follow()
        async with (
            aiohttp.ClientSession() as another,
            another.get(url, headers=told, ssl=trusting(second)) as answer,
        ):
            assert answer.status == 200


async def test_who_asks_without_tls_is_told_so(gate: Gate, tmp_path: Path) -> None:
    cert, key = issue(trustme.CA(), tmp_path)
    async with gate(tls_cert=str(cert), tls_key=str(key)) as gated, aiohttp.ClientSession() as session:
        plain = f"{gated.one.address}{SNAPSHOT}".replace("https:", "http:")
        async with session.get(plain, headers=gated.headers("read")) as answer:
            assert answer.status == 400 and "ask https://" in (await answer.json())["error"]
        async with session.post(plain, data=b"x" * 1_000) as answer:
            assert answer.status == 400


def test_a_certificate_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    cert, key = issue(trustme.CA(), tmp_path)
    other = issue(trustme.CA(), tmp_path_of(tmp_path, "other"))[1]
    key.chmod(0o644)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    for pair in ((cert, key), (cert, other), (cert, empty), (empty, other), (cert, tmp_path / "none")):
        with pytest.raises(ConfigError) as caught:
            Certificate(*pair)
        assert "api.tls_" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2120])
def test_until_when_a_certificate_is_good_is_read_from_it(tmp_path: Path, year: int) -> None:
    until = datetime(year, 2, 28, 23, 59, 58, tzinfo=UTC)
    cert, key = issue(trustme.CA(), tmp_path, until)
    pem = cert.read_text()
    assert ends_s(pem) == Certificate(cert, key).ends_s == until.timestamp()
    der = ssl.PEM_cert_to_DER_cert(pem.partition("-----END")[0] + "-----END CERTIFICATE-----")
    for size in range(len(der)):
        try:
            cut_s = ends_s(ssl.DER_cert_to_PEM_cert(der[:size]))
        except ValueError:
            continue
        assert cut_s == until.timestamp()


def test_the_end_of_a_certificate_is_told_before_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    until = datetime(2031, 3, 4, tzinfo=UTC)
    cert, key = issue(trustme.CA(), tmp_path, until)
    Tokens(tmp_path).add("one", "read", now_ns=0)
    config = load(
        overrides=["api.listen=127.0.0.1:1", f"api.tls_cert={cert}", f"api.tls_key={key}"], environ={}
    )
    certificate = Certificate(cert, key)
    for days, state, says in (
        (-15, "ok", "TLS"),
        (-13, "warn", "good until 2031-03-04 only"),
        (1, "bad", "ended on 2031-03-04"),
    ):
        now_s = (until + timedelta(days=days)).timestamp()
        monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
        found = services.gateway(config, tmp_path)
        assert found is not None and found.state == state and says in found.text
        for _ in range(3):
            certificate.follow()
    assert [says in text for says, text in zip(("only", "ended"), caplog.messages, strict=True)] == [True] * 2


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8780", "[::]:8780", "192.168.1.5:80", "desk.example:80", "[2001:db8::1]:80"]
)
def test_plain_tcp_beyond_this_machine_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="beyond this machine"):
        load(overrides=[f"api.listen={listen}"], environ={})
    for said in (["api.tls_proxy=true"], ["api.tls_cert=c", "api.tls_key=k"]):
        assert load(overrides=[f"api.listen={listen}", *said], environ={}).api.listen == listen
    with pytest.raises(ConfigError, match="go together"):
        load(overrides=[f"api.listen={listen}", "api.tls_cert=c"], environ={})


@pytest.mark.parametrize(
    "listen", ["8780", ":8780", "x:99999", "a b:1", "::1:80", "[127.0.0.1]:1", "127.0.0.1:"]
)
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="write it as"):
        load(environ={"TICKDESK_API__LISTEN": listen})


async def test_without_a_token_nothing_listens(tmp_path: Path) -> None:
    with pytest.raises(NoTokenError, match="tickdesk token add"):
        async with opened(ApiConfig(listen="127.0.0.1:0"), tmp_path, tmp_path / "e.sock"):
            pass
    Tokens(tmp_path).add("old", "read", time.time_ns() - 10**15, days=1)
    with pytest.raises(NoTokenError):
        async with opened(ApiConfig(listen="127.0.0.1:0"), tmp_path, tmp_path / "e.sock"):
            pass
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(TickdeskError, match="chmod 600"):
        async with opened(ApiConfig(listen="127.0.0.1:0"), tmp_path, tmp_path / "e.sock"):
            pass


async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    made_tokens(tmp_path)
    async with opened(ApiConfig(listen="127.0.0.1:0"), tmp_path, tmp_path / "e.sock") as one:
        taken = one.address.removeprefix("http://")
        with pytest.raises(ConfigError, match="in use"):
            async with opened(ApiConfig(listen=taken), tmp_path, tmp_path / "e.sock"):
                pass


def test_the_command_makes_tokens_serves_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a person starts it; without an engine it serves, and says so."""
    common = ["--state-dir", str(tmp_path / "state"), "--set", "api.listen=127.0.0.1:0"]
    assert main(["gateway", *common]) == 2
    refused = capsys.readouterr().err.splitlines()
    assert len(refused) == 1 and "tickdesk token add" in refused[0]
    assert main(["token", "add", "bot", "--role", "trade", "--days", "7", *common]) == 0
    made = capsys.readouterr().out
    assert made.startswith("tickdesk_") and made.count("\n") == 1
    assert main(["token", *common]) == 0
    listed = capsys.readouterr().out
    assert "bot" in listed and made.strip() not in listed
    running = subprocess.Popen(
        [sys.executable, "-m", "console", "gateway", *common], stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stderr is not None
        told = [running.stderr.readline() for _ in range(2)]
        assert any("the desk is at http://127.0.0.1:" in line for line in told), told
        os.kill(running.pid, signal.SIGHUP)
        os.kill(running.pid, signal.SIGTERM)
        assert running.wait(10) == 0
    finally:
        running.kill()
        running.wait()
    assert main(["token", "remove", "bot", *common]) == 0
    assert main(["token", "remove", "bot", *common]) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://desk.example:80",
        "ftp://127.0.0.1",
        "https://",
        "https://u:p@h",
        "https://h/x",
        "h:1",
        "http://[::1",
    ],
)
def test_where_a_console_does_not_attach(url: str) -> None:
    with pytest.raises(ConfigError, match="attach"):
        at_url(url, "x")


def test_a_token_comes_from_a_file_of_ones_own_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret-of-file\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        token_of(path, {})
    path.chmod(0o600)
    assert token_of(path, {"TICKDESK_TOKEN": "other"}) == "secret-of-file"
    assert token_of(None, {"TICKDESK_TOKEN": " of-environment "}) == "of-environment"
    for wrong in ({}, {"TICKDESK_TOKEN": "a b"}, {"TICKDESK_TOKEN": "x" * 600}):
        with pytest.raises(ConfigError):
            token_of(None, wrong)


async def test_who_never_agrees_on_tls_is_counted_cheap_and_cut_off(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = trustme.CA()
    cert, key = issue(ca, tmp_path)
    monkeypatch.setattr(accepting, "MOST_OF_SOURCE", 20)
    monkeypatch.setattr(accepting, "HANDSHAKE_S", 0.5)
    async with gate(tls_cert=str(cert), tls_key=str(key)) as gated:
        tracemalloc.start()
        silent = [await asyncio.open_connection("127.0.0.1", gated.port) for _ in range(19)]
        reader, writer = await asyncio.open_connection("127.0.0.1", gated.port, ssl=trusting(ca))
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert taken / 20 < 100_000
        one_more = [await asyncio.open_connection("127.0.0.1", gated.port) for _ in range(2)]
        assert await one_more[1][0].read() == b""  # at once: the first one took the last place
        writer.write(b"GET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(5):
            assert [await one.read() for one, _ in silent] == [b""] * 19
        async with aiohttp.ClientSession() as session:
            url = f"{gated.one.address}/v1/health/live"
            async with session.get(url, ssl=trusting(ca)) as answer:
                assert answer.status == 200
        for _, each in (*silent, *one_more, (reader, writer)):
            each.transport.abort()
