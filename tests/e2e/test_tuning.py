"""Strategies, weights, explanations and signals of a running engine: by command, and over kill -9."""

from __future__ import annotations

import asyncio
import http.server
import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from console.cli import main
from console.cli.client import ask
from engine.api.address import socket_path
from engine.api.protocol import SymbolSignals
from engine.events import Family
from engine.signal_exchange import MAX_CANDLES
from engine.strategies.registry import STRATEGIES
from tests.e2e.engine import RunningEngine, call, options, refused, run

FAST = options(simulated__history_s=60)
SPOILT = {
    "strategy:golden_cross": '{"weight": "much"}',
    "strategy:breakout": "not JSON",
    "strategy:nosuch": '{"enabled": false}',
    "ledger:day": "[]",
}
OWN = """
from engine.strategies.base import Strategy

class Mine(Strategy):
    name = "mine"
    description = "{about}"

    class Params(Strategy.Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
        level: float = 1.0

    def on_bar(self, row):
        return None
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with RunningEngine(tmp_path_factory.mktemp("tuning") / "state", *FAST) as running:
        yield running


def told(engine: RunningEngine, *arguments: str) -> str:
    """What a command that must succeed prints."""
    done = call(*arguments, "--state-dir", str(engine.state_dir))
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stderr == ""
    return done.stdout


def detail(engine: RunningEngine, name: str) -> dict[str, Any]:
    found = json.loads(told(engine, "strategies", "show", name, "--json"))
    found["params"] = {row["name"]: row["value"] for row in found["params"]}
    return found  # type: ignore[no-any-return]


def restarted(engine: RunningEngine) -> None:
    engine.signal(signal.SIGKILL)
    engine.wait()
    engine.start()


def test_what_is_tuned_outlives_kill_9_and_a_changed_file_is_taken_up_while_it_runs(tmp_path: Path) -> None:
    folder = tmp_path / "strategies"
    folder.mkdir()
    file = folder / "mine.py"
    file.write_text(OWN.format(about="first"))
    more = options(strategies_dir=folder)
    with RunningEngine(tmp_path / "state", *FAST, *more) as engine:
        text = told(
            engine, "strategies", "set", "trend", "weight=2.5", "ttl_s=33", "symbols=sim:BTC-USD,sim:ETH-USD",
            "budget_pct=12", "enabled=off",
        )  # fmt: skip
        assert text.startswith("trend off, weight 2.5 (") and text.count("\n") == 1
        told(engine, "strategies", "set", "mine", "level=4")
        assert "speed 15 → 40" in told(engine, "weights", "speed=40")
        before = detail(engine, "trend")
        assert (before["enabled"], before["weight"], before["budget_pct"]) == (False, 2.5, 12.0)
        assert before["symbols"] == ["sim:BTC-USD", "sim:ETH-USD"] and before["params"]["ttl_s"] == 33.0

        restarted(engine)
        after = detail(engine, "trend")
        for key in ("enabled", "weight", "symbols", "budget_pct", "params"):
            assert after[key] == before[key], key
        assert detail(engine, "mine")["params"]["level"] == 4.0
        assert json.loads(told(engine, "weights", "--json"))["speed"] == 40.0
        rows = {row.name: row for row in engine.state().strategies}
        assert rows["trend"].budget_pct == 12.0 and rows["mine"].origin.endswith("mine.py")

        # A changed file, then a broken one: the desk goes on with the last that could be used.
        file.write_text(OWN.format(about="second"))
        assert "mine" in told(engine, "strategies", "reload")
        assert (detail(engine, "mine")["description"], detail(engine, "mine")["params"]["level"]) == (
            "second",
            4.0,
        )
        file.write_text("class Mine(")
        done = call("strategies", "reload", "--state-dir", str(engine.state_dir))
        assert (done.returncode, "the version before goes on" in done.stdout) == (1, True)
        kept = detail(engine, "mine")
        assert (kept["description"], kept["enabled"]) == ("second", True)
        assert engine.health().ok

        # With the file still broken, and settings that are none, the next start is a start.
        engine.signal(signal.SIGKILL)
        engine.wait()
        with sqlite3.connect(tmp_path / "state" / "tickdesk.db") as database:
            for name, text in SPOILT.items():
                database.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (name, text))
        engine.start()
        assert detail(engine, "golden_cross")["weight"] == 1.0
        assert detail(engine, "trend")["params"]["ttl_s"] == 33.0
        mine = {row.name: row for row in engine.state().strategies}.get("mine")
        assert mine is None or not mine.enabled
        assert "Traceback" not in told(engine, "status")


def test_lists_for_people(engine: RunningEngine) -> None:
    lines = told(engine, "strategies").splitlines()
    assert lines[0].startswith("strategy") and len(lines) == 1 + len(STRATEGIES)
    assert any(line.startswith("rapid_rise") and " on " in line for line in lines)
    shown = told(engine, "strategies", "show", "trend")
    assert shown.startswith("trend on: ") and "ttl_s" in shown and "no limit" in shown
    first = told(engine, "weights").splitlines()[0].split()
    assert first == ["technical", "40", "40.0%", "of", "all"]
    assert told(engine, "strategies", "off", "trend") == "trend off, weight 1\n"
    assert told(engine, "strategies", "on", "trend") == "trend on, weight 1\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["strategies", "show", "nosuch"], 1, "unknown strategy nosuch"),
        (["strategies", "on", "no/such\x1b[31m"], 1, "no"),
        (["strategies", "set", "trend", "weight=-1"], 1, "weight"),
        (["strategies", "set", "trend", "ttl_s=soon"], 1, "ttl_s"),
        (["strategies", "set", "trend", "nosuch=1"], 1, "nosuch"),
        (["strategies", "set", "trend", "weight=nan"], 2, "no number"),
        (["strategies", "set", "trend", "enabled=maybe"], 2, "neither on nor off"),
        (["strategies", "set", "trend", "weight"], 2, "key=value"),
        (["strategies", "set", "trend"], 2, "say what"),
        (["strategies", "off"], 2, "say which"),
        (["strategies", "list", "trend"], 2, "takes no name"),
        (["weights", "luck=5"], 2, "no family"),
        (["weights", "speed=-5"], 1, "speed"),
        (["weights", "speed=inf"], 2, "no number"),
        (["explain", "nosuch"], 1, "nothing is known of nosuch"),
        (["signals", "sim:NOSUCH"], 1, "unknown symbol"),
    ],
)
def test_mistakes_are_one_line(
    engine: RunningEngine, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    assert main([*arguments, "--state-dir", str(engine.state_dir)]) == code
    out, line = capsys.readouterr()
    assert out == "" and line.startswith("tickdesk: ") and line.count("\n") == 1
    assert says in line and line.rstrip("\n").isprintable()


def test_without_an_engine_every_command_says_so(tmp_path: Path) -> None:
    for command in (["strategies"], ["weights"], ["explain", "x"], ["signals", "sim:BTC-USD"]):
        assert "no engine runs" in refused(*command, "--state-dir", str(tmp_path / "none"), code=4, by=call)


def test_explain_and_signals_for_people_and_machines(engine: RunningEngine) -> None:
    engine.wait_for(lambda health: health.status.funnel["fills"] > 0)
    order = next(row for row in engine.state().orders if row.filled != "0" and row.purpose == "entry")
    chain = json.loads(told(engine, "explain", order.id, "--json"))
    assert chain["symbol"] == order.symbol and chain["filters"] and chain["latencies"]
    assert chain["slippage_bps"] is not None and chain["weights"]["technical"] > 0
    text = told(engine, "explain", chain["opportunity"]["id"])
    for part in ("Why", "Filters", "Risk", "Order", "slippage", chain["opportunity"]["id"]):
        assert part in text
    assert "\x1b" not in text
    live = json.loads(told(engine, "signals", order.symbol, "--json"))
    assert live["symbol"] == order.symbol and {one["family"] for one in live["inputs"]} & {"speed"}
    assert order.symbol in told(engine, "signals", order.symbol)


# --- POST /signals -----------------------------------------------------------------------------------


def candles(count: int) -> list[dict[str, float]]:
    found = []
    for number in range(count):
        price = 100.0 + 0.05 * number
        found.append(
            {
                "timestamp": 1_700_000_000_000 + 1000 * number, "open": price, "high": price + 0.1,
                "low": price - 0.1, "close": price + 0.05, "volume": 2.0,
            }
        )  # fmt: skip
    return found


async def post(state_dir: Path, body: bytes) -> tuple[int, dict[str, Any]]:
    connector = aiohttp.UnixConnector(str(socket_path(state_dir)))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post("http://engine/signals", data=body) as answer,
    ):
        return answer.status, await answer.json()


def test_candles_in_scores_out(engine: RunningEngine) -> None:
    request = {"symbol": "any:XYZ", "candles": candles(200), "timestamp": 1_700_000_200_000}
    status, reply = asyncio.run(post(engine.state_dir, json.dumps(request).encode()))
    assert status == 200 and set(reply) == {"signals", "latency_ms", "timestamp"}
    scores = reply["signals"]
    assert set(scores) == {
        "speed", "microstructure", "oi", "options", "sentiment", "volatility", "combined",
    }  # fmt: skip
    assert 0.0 < scores["speed"] <= 1.0 and -1.0 <= scores["combined"] <= 1.0
    assert scores["oi"] is scores["options"] is scores["sentiment"] is None
    assert 0.0 < reply["latency_ms"] < 2000.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json \x1b[31m",
        b"[]",
        b'{"symbol": 5}',
        b'{"symbol": "a:B", "candles": [{"open": 1}], "timestamp": 1}',
        json.dumps({"symbol": "a:B", "candles": candles(3)[::-1], "timestamp": 1}).encode(),
        json.dumps({"symbol": "a:B", "candles": candles(MAX_CANDLES + 1), "timestamp": 1}).encode(),
        b"[" * 100_000,
        b" " * (MAX_CANDLES * 256 + 5000),
    ],
    ids=["empty", "text", "list", "type", "candle", "order", "too many", "deep", "too long"],
)
def test_a_request_that_is_none_is_told_in_one_line(engine: RunningEngine, body: bytes) -> None:
    status, reply = asyncio.run(post(engine.state_dir, body))
    assert 400 <= status < 500, reply
    assert reply["error"].isprintable() and len(reply["error"]) < 400
    assert engine.health().ok


# --- an external quant server ------------------------------------------------------------------------


class QuantServer:
    """A quant server on the loopback whose scores a test sets."""

    def __init__(self) -> None:
        self.scores: dict[str, object] = {"speed": 0.9}
        self.asked: list[dict[str, Any]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(request)
                reply = {"signals": server.scores, "latency_ms": 1.0, "timestamp": request["timestamp"]}
                body = json.dumps(reply).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Silent."""

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def test_a_quant_server_stands_in_blocks_and_is_replaced_when_it_dies(tmp_path: Path) -> None:
    server = QuantServer()
    symbol = "sim:BTC-USD"
    asks = options(
        quant__servers__alpha__url=server.url, quant__servers__alpha__interval_s=0.2,
        quant__servers__alpha__ttl_s=3, quant__servers__alpha__block_s=2,
    )  # fmt: skip
    with RunningEngine(tmp_path / "state", *FAST, *asks) as engine:

        def sources() -> set[str]:
            live = ask(engine.state_dir, "GET", f"/v1/signals/{symbol}", SymbolSignals)
            return {one.source for one in live.inputs if one.family is Family.SPEED}

        def eventually(wanted: set[str]) -> None:
            engine.wait_for(lambda _: sources() == wanted, timeout=30)

        try:
            eventually({"external:alpha:speed"})
            assert {"open", "high", "low", "close", "volume", "timestamp"} == set(
                server.asked[-1]["candles"][0]
            )
            engine.wait_for(
                lambda h: any("alpha" in f.venue and f.state == "up" and f.messages > 0 for f in h.feeds)
            )

            server.scores = {"speed": "block"}
            health = engine.wait_for(lambda h: h.status.drops.get("risk:QUANT_BLOCK", 0) > 0, timeout=60)
            assert health.ok
            denied = next(row for row in engine.state().orders if row.reason.startswith("QUANT_BLOCK"))
            chain = json.loads(told(engine, "explain", denied.id, "--json"))
            assert chain["verdict"]["code"] == "QUANT_BLOCK" and "alpha" in chain["verdict"]["detail"]
        finally:
            server.stop()
        eventually({"speed"})
        health = engine.wait_for(lambda h: any("alpha" in f.venue and f.state == "down" for f in h.feeds))
        assert health.ok, "the desk is fed without it"
        assert run("status", "--state-dir", str(engine.state_dir)).returncode == 0
