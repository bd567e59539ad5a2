"""``tickdesk history``: what it says, and that a kill costs nothing that was stored."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli import main
from engine.events import NS
from engine.store.bar import Span, StoredAction
from engine.store.bars import BarStore
from engine.store.bars_read import BarReader
from engine.store.lock import StateLock
from engine.wiring import history_job
from engine.wiring.history_load import LoadStatus
from tests.conftest import ROOT
from tests.e2e.engine import COMMAND, environment
from tests.klines_server import KlinesServer
from tests.store.bar_samples import MINUTE, START, SYMBOL, bar, bars, candles

Says = Callable[..., tuple[int, str, str]]
DAYS = 3
HOUR = 3600 * NS


@pytest.fixture
def says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Says:
    """Runs the command on a state directory; (exit code, output, errors)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["history", *arguments, "--state-dir", str(tmp_path)])
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    store = BarStore(tmp_path / "bars.db")
    store.start()
    told = bars(200)
    store.call(store.page([*told[:100], *told[130:]], Span(SYMBOL, 60, told[0].open_ns, told[110].open_ns)))
    store.close()
    return tmp_path


def test_list(says: Says, stored: Path) -> None:
    code, out, _ = says("list")
    head, row = out.splitlines()
    assert code == 0 and head.split()[:3] == ["SYMBOL", "BARS", "OF"]
    assert row.split() == [
        *(SYMBOL, "170", "60", "s", "2023-11-14", "22:14", "2023-11-15", "01:33"),
        *("1", "20", "0", "binance"),
    ]
    assert says()[1] == out
    (found,) = json.loads(says("list", "--json")[1])
    assert (found["symbol"], found["bars"], found["missing"]) == (SYMBOL, 170, 20)
    assert says("list", "--symbols", "BTCUSDT")[1] == says("list", "--symbols", "BTC/USDT")[1] == out
    code, _, error = says("list", "--symbols", "ETHUSDT")
    assert code == 2 and "unknown symbol ETHUSDT" in error


def test_errors_are_one_line(says: Says, tmp_path: Path) -> None:
    code, out, error = says("list")
    assert (code, out) == (1, "") and "tickdesk history load" in error and error.count("\n") == 1
    code, _, error = says("load")
    assert code == 2 and "nothing to load" in error
    code, _, error = says("load", "nobody:X")
    assert code == 2 and "nobody has bars of nobody:X" in error
    code, _, error = says("list", SYMBOL)
    assert code == 2 and "--symbols" in error
    code, _, error = says("export")
    assert code == 2 and "one folder" in error
    lock = StateLock.acquire(tmp_path)
    code, _, error = says("load", SYMBOL)
    assert code == 3 and "loads history by itself" in error
    lock.release()


def test_export(says: Says, stored: Path, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    out = tmp_path / "out"
    code, text, _ = says("export", str(out), "--symbols", SYMBOL, "--to", "2023-11-15")
    assert (code, text) == (0, f"{out}: 100 bars in 1 file\n")
    assert len(polars.read_parquet(out)) == 100
    code, _, error = says("export", str(out), "--from", "yesterday")
    assert code == 2 and "no time" in error


def test_what_none_of_its_sources_has_is_said(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> LoadStatus:
        return LoadStatus(reach_ns={"poll:AAPL": 1_700_000_040 * NS})

    monkeypatch.setattr(history_job, "load_history", load)
    code, out, error = says("load", "AAPL")
    assert (code, out) == (0, "nothing is missing of the last 90 days that can be had\n")
    assert error.startswith(
        "tickdesk: poll:AAPL: none of its sources has bars from before 2023-11-14 22:14: "
    )


async def _run(*arguments: str, kill: Callable[[], bool] | None = None) -> tuple[int, str]:
    """A process of its own; killed when ``kill`` says so."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "history", *arguments),
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    ended = asyncio.create_task(process.communicate())
    deadline = time.monotonic() + 60.0
    while kill is not None and not ended.done() and time.monotonic() < deadline:
        if kill():
            os.kill(process.pid, signal.SIGKILL)
            break
        await asyncio.sleep(0.002)
    out, _ = await ended
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_a_load_that_was_killed_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state"
    now_ns = time.time_ns() // MINUTE * MINUTE
    first_ns = now_ns - (DAYS * 1440 + 10) * MINUTE
    told = candles(DAYS * 1440 + 30, start_ns=first_ns)
    async with KlinesServer(told, limit=50) as server:
        options = (
            *("load", SYMBOL, "--state-dir", str(state), "--set", f"history.days={DAYS}"),
            *("--set", f"collection.sources.binance.rest_url={server.url}"),
            *("--set", "collection.sources.binance.per_minute=100000"),
        )
        server.most = 20
        code, _ = await _run(*options, kill=lambda: len(server.asked) > server.most)
        assert code == -signal.SIGKILL
        reader = BarReader(state / "bars.db")
        held = reader.bars(SYMBOL, 60).open_ns.tolist()
        reader.close()
        assert len(held) == 20 * 50 and held == list(range(held[0], held[-1] + 1, MINUTE))
        asked, server.most = len(server.asked), 0
        code, out = await _run(*options)
        assert code == 0 and out.endswith("bars of 1 symbol loaded\n"), out
        shares = [line for line in out.splitlines() if line.startswith("tickdesk: history ")]
        assert 3 <= len(shares) <= 12 and shares[-1].startswith("tickdesk: history 100%, ")
        resumed_ns = server.asked[asked][0] * 1_000_000
        assert resumed_ns == held[-1] + MINUTE
        code, out = await _run(*options, "--json")
        reader = BarReader(state / "bars.db")
        opens = reader.bars(SYMBOL, 60).open_ns
        reader.close()
        # A minute may turn meanwhile: the oldest bar goes before the newest is told.
        assert (opens[1:] - opens[:-1] == MINUTE).all() and len(opens) >= DAYS * 1440 - 1
        assert opens[0] <= time.time_ns() - DAYS * 86_400 * NS + MINUTE


def series(where: Path) -> dict[tuple[str, int], int]:
    reader = BarReader(where / "bars.db")
    found = {(one.symbol, one.interval_s): one.bars for one in reader.summaries()}
    reader.close()
    return found


@pytest.fixture
def several(stored: Path) -> Path:
    """Two symbols, one of them with bars of two lengths, and a split."""
    store = BarStore(stored / "bars.db")
    store.start()
    hours = [bar(100.0, open_ns=START // HOUR * HOUR + at * HOUR, interval_s=3600) for at in range(5)]
    store.call(store.page(hours))
    store.call(store.page(bars(10, symbol="kraken:BTC/USDT")))
    store.call(store.actions(SYMBOL, [StoredAction(START, "split", 2.0, "polygon", False, START)]))
    store.close()
    return stored


def test_what_is_removed_is_told_first_and_only_that_goes(says: Says, several: Path) -> None:
    before = series(several)
    code, out, error = says("remove", SYMBOL)
    assert code == 2 and "removing 175 bars cannot be undone and nobody can be asked: add --yes" in error
    assert [line.split()[1:3] for line in out.splitlines()[1:]] == [["170", "60"], ["5", "3600"]]
    code, out, _ = says("remove", SYMBOL, "--bars", "3600", "--dry-run", "--symbols", SYMBOL)
    assert code == 0 and out.endswith("5 bars would be removed\n") and series(several) == before
    code, out, _ = says("remove", SYMBOL, "--bars", "3600", "--yes")
    assert code == 0 and out.endswith("5 bars removed\n")
    assert series(several) == {one: n for one, n in before.items() if one != (SYMBOL, 3600)}
    code, out, _ = says("remove", SYMBOL, "--from", "2023-11-15", "--yes", "--json")
    (gone,) = json.loads(out)["removed"]
    assert gone["bars"] == 70 and series(several)[SYMBOL, 60] == 100
    assert says("remove", SYMBOL, "--from", "2023-11-15", "--yes")[:2] == (0, "nothing to remove\n")


def test_what_was_removed_may_be_loaded_again_and_splits_go_with_the_last_bar(
    says: Says, several: Path
) -> None:
    reader = BarReader(several / "bars.db")
    first, edge, last = (bars(200)[at].open_ns for at in (0, 50, 110))
    assert reader.missing(SYMBOL, 60, first, last) == []
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(edge / NS))
    assert says("remove", SYMBOL, "--bars", "60", "--from", at, "--yes")[0] == 0
    assert reader.missing(SYMBOL, 60, first, last) == [(edge, last)]
    assert reader.actions(SYMBOL)
    assert says("remove", SYMBOL, "--yes")[0] == 0
    assert not reader.actions(SYMBOL) and set(series(several)) == {("kraken:BTC/USDT", 60)}
    reader.close()


def test_a_person_is_asked_and_a_running_engine_keeps_its_bars(
    says: Says, several: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, answers = series(several), ["", "y"]

    def asked(question: str) -> str:
        assert question == "removing 10 bars: this cannot be undone. Do it? [y/N] "
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert says("remove", "kraken:BTC/USDT")[::2] == (1, "nothing removed\n") and series(several) == before
    lock = StateLock.acquire(several)
    code, _, error = says("remove", "kraken:BTC/USDT", "--yes")
    lock.release()
    assert code == 3 and "stop it before you remove some" in error and series(several) == before
    assert says("remove", "kraken:BTC/USDT")[0] == 0 and len(series(several)) == 2
    code, _, error = says("remove", "ETH/USDT", "--yes")
    assert code == 2 and "unknown symbol ETH/USDT" in error
    code, _, error = says("remove", "--yes")
    assert code == 2 and "name symbols" in error
