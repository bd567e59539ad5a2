"""``tickdesk record``: what it refuses, and that nothing is told as nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from console.cli import main


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes every connection, and says nothing."""

    def listen(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve(listen, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join(10)


def record(out: Path, port: int, *more: str, rest: int = 1) -> int:
    where = [f"feeds.binance.ws_url=ws://127.0.0.1:{port}", f"feeds.binance.rest_url=http://127.0.0.1:{rest}"]
    settings = [part for one in where for part in ("--set", one)]
    named = ["--venue", "binance", "--symbols", "BTCUSDT", "-o", str(out), "--for", "1s"]
    return main(["record", *settings, *named, *more])


@pytest.mark.parametrize("more", [(), ("--raw",)])
def test_of_a_host_that_is_not_there_nothing_is_told_as_nothing(
    more: tuple[str, ...], closed_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ("a.jsonl.gz" if more else "a.tape")
    assert record(out, closed_port, *more, rest=closed_port) == 1
    told = capsys.readouterr()
    assert "nothing came in" in told.err and "nothing is written" in told.err and "binance " in told.err
    assert not out.exists() and told.out == ""


@pytest.mark.parametrize("more", [(), ("--raw",)])
def test_of_a_host_that_says_nothing_too(
    more: tuple[str, ...],
    silent_port: int,
    closed_port: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / ("a.jsonl.gz" if more else "a.tape")
    assert record(out, silent_port, *more, rest=closed_port) == 1
    told = capsys.readouterr()
    assert "nothing came in" in told.err and told.err.count("\n") == 1
    assert ("holds only" in told.err) is out.exists()


@pytest.mark.parametrize(
    ("name", "more", "ending"),
    [
        ("x.csv", (), ".tape"),
        ("x.jsonl.gz", (), ".tape"),
        ("x.tape", ("--raw",), ".jsonl.gz"),
        ("x.jsonl", ("--raw",), ".jsonl.gz"),
    ],
)
def test_a_name_that_promises_another_form_is_refused(
    name: str, more: tuple[str, ...], ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(tmp_path / name, 1, *more) == 2
    assert f"its name must end with {ending}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
