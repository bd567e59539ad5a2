"""`tickdesk bus inspect`: a table for people, JSON for machines, one line when the server is away."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from pathlib import Path

import pytest

from console.cli import main
from console.cli.doctor import _with_own_bus
from console.doctor import services
from engine.config import load
from engine.workers.own_redis import own_bus, redis_command
from tests.bus.conftest import Server


def test_it_tells_of_an_empty_bus_and_of_one_with_streams(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bus", "inspect", "--bus", server.url, "--set", "bus.shards=2", "--set", "bus.prefix=x"]
    assert main(command) == 1
    told = capsys.readouterr().out
    assert (
        "no streams of x yet: `tickdesk up` starts a topology" in told and "append-only file everysec" in told
    )
    client = server.client()
    client.xadd("x:clean_ticks:1", {"d": b"none of ours"}, id="5-0")
    client.xgroup_create("x:clean_ticks:1", "features", "0", entries_read=0)
    for stage in ("market", "execution", "features:0", "features:1"):
        client.set(f"x:lease:{stage}", "w:7", px=60_000)
        client.set(f"x:epoch:{stage}", 7)
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    (stream,) = [line.split() for line in lines if line.startswith("clean_ticks:1")]
    assert stream[1:3] == ["1", "5"] and stream[5:] == ["features", "1", "0", "5", "nobody"]
    (owner,) = [line.split() for line in lines if line.startswith("features 1")]
    assert owner[:4] == ["features", "1", "w", "7"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["server"]["where"] == f"127.0.0.1:{server.port}" and found["leases"][0]["owner"] == "w"


def test_the_server_of_a_topology_is_found_by_its_state_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is in that one's name."""
    tmp_path /= "a #1 50%41?"
    command, url = redis_command(tmp_path / "workers" / "redis")
    assert own_bus(tmp_path) == "" == own_bus(tmp_path / "none")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 10
            while not own_bus(tmp_path):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.01)
            assert own_bus(tmp_path) == url
            assert main(["--state-dir", str(tmp_path), "bus", "inspect"]) == 1  # nobody owns a stage
            assert "redis.sock: append-only file everysec" in capsys.readouterr().out
            config = _with_own_bus(load(environ={}), tmp_path)
            found = services.bus(config)
            assert found is not None and found.state == "ok"
        finally:
            process.kill()


def test_without_a_server_it_says_what_to_do_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus", "inspect"]) == 2
    assert "the bus needs a server: --bus redis://HOST:PORT/0" in capsys.readouterr().err
    assert main(["bus", "inspect", "--bus", "redis://:secret@127.0.0.1:1/0"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "does not answer" in told and "secret" not in told


def test_the_doctor_looks_at_the_buss_server(server: Server) -> None:
    assert services.bus(load(environ={})) is None
    found = services.bus(load(overrides=[f"bus.url={server.url}"], environ={}))
    assert found is not None and found.state == "ok" and "append-only file everysec" in found.text
    away = services.bus(load(overrides=["bus.url=redis://:secret@127.0.0.1:1/0"], environ={}))
    assert away is not None and away.state == "bad" and "secret" not in away.text


@pytest.mark.parametrize(
    ("share", "state", "says"), [(1.07, "warn", "its memory is full to 9"), (0.9, "bad", "full")]
)
def test_a_server_whose_memory_is_full_is_told_of(
    share: float, state: str, says: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes nothing then, so nobody keeps a lease."""
    with contextlib.closing(server.client()) as client:
        told = client.info("memory")
        most = int((told["used_memory"] - told["mem_not_counted_for_evict"]) * share)
        client.config_set("maxmemory", most)
        try:
            found = services.bus(load(overrides=[f"bus.url={server.url}"], environ={}))
            main(["bus", "inspect", "--bus", server.url])
        finally:
            client.config_set("maxmemory", 0)
    assert found is not None and found.state == state and says in found.text
    assert "maxmemory" in f"{found.text} {found.advice}"
    assert ("FULL: IT TAKES NOTHING MORE" in capsys.readouterr().out) is (state == "bad")
