"""Who has no token, or a bad one in mind: what that costs the engine, and those who have one."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.gateway import kept, open_files
from engine.gateway.door import source_of
from engine.gateway.engine_lines import AT_ONCE, Answer, EngineLines, target
from engine.gateway.kept import KeptAnswers
from engine.gateway.refusal import Refused, away
from engine.gateway.tokens import Tokens
from tests.gateway.conftest import Gate, Gated
from tests.wiring.hook import until

UPDATES = "/v1/webhooks/alpaca"


class Asked:
    """What the engine is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lanes: list[str] = []
        ask = EngineLines.ask

        async def counted(lines: EngineLines, lane: Any, *rest: Any) -> Answer:
            self.lanes.append(lane)
            return await ask(lines, lane, *rest)

        monkeypatch.setattr(EngineLines, "ask", counted)


async def test_an_update_comes_with_all_that_it_is_signed_by(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str | None, str | None]] = []

    def take(gateway: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        told.append((headers.get("X-Signature"), headers.get("X-Signature-Timestamp")))
        return 200, "taken"

    async with gate() as gated:
        monkeypatch.setattr(gated.desk.trading, "order_update", take)
        signed = {"X_Signature": "sha256=00", "X_Signature_Timestamp": "1700000000"}
        assert (await gated.ask("POST", UPDATES, None, b"{}", **signed))[0] == 200
    assert told == [("sha256=00", "1700000000")]


async def test_who_signs_wrongly_is_soon_not_listened_to_and_never_in_the_way(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    async with gate(failures_per_minute=5.0) as gated:
        for _ in range(10):
            assert (await gated.ask("POST", UPDATES, None, b"{}", X_Signature="good"))[0] == 200
        forged = [(await gated.ask("POST", UPDATES, None, b"{}", X_Signature="no"))[0] for _ in range(10)]
        assert forged == [401] * 5 + [429] * 5
        assert asked.lanes == ["signed"] * 15
        assert (await gated.ask("POST", "/v1/kill", "trade"))[0] == 200


async def test_updates_that_nobody_could_judge_do_not_count_as_wrong(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker tells them again once the engine is back: it must be listened to then."""
    async with gate(failures_per_minute=5.0) as gated:
        with monkeypatch.context() as patched:

            async def refused(lines: EngineLines, *asked: Any) -> Answer:
                raise away()

            patched.setattr(EngineLines, "ask", refused)
            found = [(await gated.ask("POST", UPDATES, None, b"{}", X_Signature="good"))[0] for _ in range(9)]
            assert found == [503] * 9
        assert (await gated.ask("POST", UPDATES, None, b"{}", X_Signature="good"))[0] == 200


async def test_what_makes_the_desk_safer_goes_however_much_else_comes_from_its_address(gate: Gate) -> None:
    async with gate(address_per_s=1.0) as gated:
        looked = [(await gated.ask("GET", "/v1/orders", "read"))[0] for _ in range(4)]
        assert looked[-1] == 429
        order = b'{"symbol":"sim:BTC-USD","side":"buy","quantity":"1"}'
        assert (await gated.ask("POST", "/v1/orders", "trade", order))[0] == 429
        assert (await gated.ask("POST", "/v1/kill", "trade"))[0] == 200
        assert (await gated.ask("POST", "/v1/kill", "read"))[0] == 403


async def test_a_question_that_is_none_and_one_in_many_spellings_ask_the_engine_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    async with gate() as gated:
        found = [await gated.ask("GET", f"/v1/health/live?n={n}", None) for n in range(5)]
        assert {status for status, _ in found} == {400} and b"unknown query parameter" in found[0][1]
        assert (await gated.ask("GET", "/v1/orders?symbol=a&symbol=b", "read"))[0] == 400
        assert asked.lanes == []
        ways = ("/v1/health/live", "/v1/health/%6cive", "/v1/health/liv%65", "/v1/health/live?")
        answers = await asyncio.gather(*(raw(gated.port, way) for way in ways))
        assert {answer.split()[1] for answer in answers} == {b"200"}
        assert asked.lanes == ["look"]


async def raw(port: int, target: str) -> bytes:
    """Clients write an address as they see fit; this one as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_who_hangs_up_halfway_leaves_nothing_in_the_log(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async with gate() as gated:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", gated.port)
            writer.write(
                f"POST {UPDATES} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{{".encode()
            )
            writer.close()
            async with asyncio.timeout(5):
                await writer.wait_closed()
                while gated.one.gateway.listener.open:
                    await asyncio.sleep(0.005)
        assert (await gated.ask("GET", "/v1/health/live", None))[0] == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


async def test_nobodys_commands_do_not_push_others_out_of_the_log(gate: Gate) -> None:
    async with gate(failures_per_minute=50_000.0) as gated:
        for _ in range(40):
            assert (await gated.ask("POST", "/v1/kill", None))[0] == 401
        assert (await gated.ask("POST", "/v1/kill", "read"))[0] == 403
        async with asyncio.timeout(5):
            while (written := gated.desk.commands.entries) and written[-1].who != "token read-bot":
                await asyncio.sleep(0.01)
        assert 1 <= sum(entry.who == "nobody" for entry in written) <= 11


async def test_a_console_that_opens_no_stream_is_told_so_in_json(gate: Gate) -> None:
    async with gate() as gated:
        status, body = await gated.ask(
            "GET", "/v1/stream?console=0123456789abcdef%20seat%20r@p/1", "trade", Upgrade="websocket"
        )
        assert status == 426 and b'"code":"HTTP_426"' in body
        assert b'"consoles":[]' in (await gated.ask("GET", "/v1/control"))[1]


async def test_a_command_whose_asker_has_hung_up_is_not_done_when_its_turn_comes(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that a disk holds up takes what waited once it gets on: a minute later, an order that nobody
    waits for any more would come as a surprise. What makes the desk safer is done all the same."""
    asked, held = Asked(monkeypatch), asyncio.Event()
    async with gate() as gated:
        place, kill = gated.desk.trading.place, gated.desk.trading.kill

        async def placed(*given: Any) -> Any:
            await held.wait()
            return await place(*given)

        async def killed(*given: Any) -> Any:
            await held.wait()
            return await kill(*given)

        monkeypatch.setattr(gated.desk.trading, "place", placed)
        monkeypatch.setattr(gated.desk.trading, "kill", killed)
        order = b'{"symbol":"sim:BTC-USD","side":"buy","quantity":"1"}'
        most = AT_ONCE["command"]
        waiting = [
            asyncio.create_task(gated.ask("POST", "/v1/orders", "trade", order)) for _ in range(most + 1)
        ]
        halts = [asyncio.create_task(gated.ask("POST", "/v1/kill", "trade")) for _ in range(AT_ONCE["safer"])]
        await until(lambda: len(asked.lanes) == most + 1 + AT_ONCE["safer"])
        gone = [await hung_up(gated, "/v1/orders", order), await hung_up(gated, "/v1/kill", b"")]
        await until(lambda: len(asked.lanes) == most + 3 + AT_ONCE["safer"])
        for writer in gone:
            writer.transport.abort()
        opened = most + 1 + AT_ONCE["safer"]
        await until(lambda: gated.one.gateway.listener.open == opened)
        held.set()
        assert {status for status, _ in await asyncio.gather(*waiting, *halts)} == {200}
        await until(lambda: sum(what[0] == "kill" for what in gated.desk.asked) == AT_ONCE["safer"] + 1)
        assert sum(what[0] == "place" for what in gated.desk.asked) == most + 1
        await until(lambda: "hung up" in gated.desk.commands.entries[-1].outcome)


async def test_a_command_whose_token_is_removed_while_it_waits_is_not_done(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    async with gate() as gated:
        turns = gated.one.gateway._lines._lanes["command"]
        for _ in range(AT_ONCE["command"]):
            await turns.acquire()
        order = b'{"symbol":"sim:BTC-USD","side":"buy","quantity":"1"}'
        waiting = asyncio.create_task(gated.ask("POST", "/v1/orders", "trade", order))
        await until(lambda: asked.lanes == ["command"])
        Tokens(gated.state_dir).remove("trade-bot")
        turns.release()
        assert (await waiting)[0] == 401 and not gated.desk.asked


async def hung_up(gated: Gated, path: str, body: bytes) -> asyncio.StreamWriter:
    """One who asks, and is about to hang up."""
    _, writer = await asyncio.open_connection("127.0.0.1", gated.port)
    head = f"Authorization: Bearer {gated.tokens['trade']}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}".encode() + body)
    return writer


async def test_a_command_does_not_wait_for_its_turn_without_end() -> None:
    lines = EngineLines(Path("/nowhere"), answer_s=0.05)
    for _ in range(AT_ONCE["command"]):
        await lines._lanes["command"].acquire()
    with pytest.raises(Refused, match="nothing was done") as refused:
        async with asyncio.timeout(5):
            await lines.ask("command", "POST", target("/v1/orders", ""), {}, b"")
    assert refused.value.code == "BUSY" and lines._waiting["command"] == 0


async def test_what_is_kept_of_answers_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 1_000)
    asked = 0

    async def ask() -> Answer:
        nonlocal asked
        asked += 1
        return Answer(200, {}, b"x" * 300)

    answers = KeptAnswers(lambda: 0.0)
    for name in ("a", "b", "c", "d", "d", "a", "d"):
        await answers.get(name, ask)
    assert asked == 5  # the third d was there, as the second
    answers.forget()
    await answers.get("d", ask)
    assert asked == 6


def test_who_has_a_network_of_addresses_is_one() -> None:
    assert source_of("2001:db8:1:2:3::4") == source_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert source_of("2001:db8:1:3::") != source_of("2001:db8:1:2::")
    assert source_of("::ffff:1.2.3.4") == source_of("1.2.3.4") == "1.2.3.4"
    assert source_of("fe80::1%eth0") == "fe80::/64" and source_of("?") == "?"


def test_as_many_files_may_be_open_as_there_may_be_connections(caplog: pytest.LogCaptureFixture) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 4_000:
        pytest.skip("this machine allows too few open files")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, before[1]))
        open_files.allow(1_500)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 3_300
        open_files.allow(10)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 3_300 and not caplog.text
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
