"""Tapes of feeds and of a running desk: what arrived is on them, and nothing else changes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import Config, FeedConfig, RecordConfig, SimulatedConfig
from engine.errors import FeedError
from engine.events import MarketEvent, Trade
from engine.feeds.checking.files import check_file
from engine.feeds.columnar import ColumnarReader
from engine.feeds.packing import Ticks
from engine.feeds.tape import Tape, events_of
from engine.wiring.intake import BLOCK, CAPACITY
from engine.wiring.record_tape import Progress, record
from engine.wiring.recording import Recording
from tests.conftest import ROOT
from tests.feeds import conftest as feeds
from tests.venue_server import VenueServer
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.test_intake import flow

Venues = Callable[..., VenueServer]
venues = feeds.venues
SYMBOLS = {
    "coinbase": ("BAND-GBP", "SKL-USD", "YFI-BTC", "DASH-BTC", "SKL-BTC"),
    "kraken": ("XMR/USD", "SC/EUR", "WAVES/EUR"),
    "binance": ("BTCUSDT",),
}


async def recorded(
    config: Config, out: Path, *, frames: bool, enough: Callable[[Progress], bool]
) -> Progress:
    stop = asyncio.Event()

    def tell(progress: Progress) -> None:
        if enough(progress):
            stop.set()

    return await record(config, out, frames=frames, seconds=30, clock=time.time_ns, stop=stop, tell=tell)


def config_of(venue: str, server: VenueServer) -> Config:
    feed = FeedConfig(symbols=SYMBOLS[venue], ws_url=server.ws_url, rest_url=server.rest_url)
    return Config(feeds={venue: feed})


@pytest.mark.data
@pytest.mark.parametrize("venue", ["binance", "coinbase", "kraken"])
async def test_frames_of_a_venue_are_a_capture_that_checks(
    venue: str,
    venues: Venues,
    tmp_path: Path,
) -> None:
    out = tmp_path / "a.jsonl.gz"
    async with venues(venue, limit=1500) as server:
        done = await recorded(
            config_of(venue, server), out, frames=True, enough=lambda told: server.finished.is_set()
        )
    assert done.frames >= 400 and done.lost == 0
    report = check_file(venue, out)
    assert report.undecodable == 0 and report.trade_gaps == 0 and report.undetected_gaps == 0
    assert report.kinds["rest:instruments"].decoded == 1 or venue == "binance"
    assert report.events["quotes"] > 20
    tape = Tape([out])
    assert tape.venue == venue
    assert sum(len(batch) for batch in tape.batches()) > 20


async def test_ticks_of_the_simulated_venue_and_an_unknown_symbol(tmp_path: Path) -> None:
    out = tmp_path / "a.tape"
    config = Config(simulated=SimulatedConfig(symbols=("BTC-USD", "ETH-USD")))
    done = await recorded(config, out, frames=False, enough=lambda told: told.ticks > 0)
    assert done.ticks == sum(len(block) for block in ColumnarReader(out).blocks()) > 0
    assert set(ColumnarReader(out).symbols) <= {"sim:BTC-USD", "sim:ETH-USD"}


@pytest.mark.data
async def test_an_unknown_symbol_ends_a_recording_with_what_is_wrong(
    venues: Venues,
    tmp_path: Path,
) -> None:
    async with venues("coinbase", limit=10) as server:
        config = Config(
            feeds={
                "coinbase": FeedConfig(symbols=("NO-SUCH",), ws_url=server.ws_url, rest_url=server.rest_url)
            }
        )
        with pytest.raises(FeedError, match="coinbase does not know the symbol NO-SUCH"):
            await recorded(config, tmp_path / "a.tape", frames=False, enough=lambda told: False)


async def test_a_desk_records_what_it_takes_and_decides_as_without(tmp_path: Path) -> None:
    events = flow()
    plain, bench = Bench(), Bench()
    recording = Recording(
        RecordConfig(ticks=True, dir=str(tmp_path)),
        tmp_path,
        bench.desk.intake,
        clock=lambda: START_NS,
        alert=lambda level, text: pytest.fail(text),
    )
    recording.start()
    assert recording.state == "on"
    for at in range(0, len(events), 7):
        plain.desk.on_events(events[at : at + 7])
        bench.desk.on_events(events[at : at + 7])
    assert bench.journal == plain.journal and bench.desk.funnel() == plain.desk.funnel()
    await recording.close()
    (path,) = tmp_path.glob("ticks-*.tape")
    tape = Tape([path])
    played: list[MarketEvent] = []
    for block in tape.batches():
        played += events_of(block, tape.symbols)  # type: ignore[arg-type]
    assert played == events


def test_more_than_the_recorders_block_is_handed_over_in_order() -> None:
    bench, blocks = Bench(), list[Ticks]()
    bench.desk.intake.record(lambda ticks, news: blocks.append(ticks))
    count = 2 * BLOCK + CAPACITY + 10
    trades = [Trade("sim:A-B", n, 100.0, 1.0, 1, START_NS + n, START_NS + n) for n in range(count)]
    for at in range(0, count, 333):
        bench.desk.on_events(trades[at : at + 333])
    bench.desk.intake.cut()
    assert [n for block in blocks for n in block["trade_id"].tolist()] == list(range(count))
    assert max(len(block) for block in blocks) < BLOCK + CAPACITY


async def test_a_folder_that_cannot_be_used_is_an_alert_and_the_desk_goes_on(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    (tmp_path / "tapes").write_text("a file")
    bench = Bench()
    recording = Recording(
        RecordConfig(ticks=True),
        tmp_path,
        bench.desk.intake,
        clock=lambda: START_NS,
        alert=lambda level, text: told.append((level, text)),
    )
    recording.start()
    bench.desk.on_events(flow())
    await recording.close()
    assert bench.desk.funnel()["trades"] > 0
    assert [level for level, _ in told] == ["error"]
    assert "recording ends: record.dir: cannot use" in told[0][1]
    assert recording.state == "failed"


async def test_off_there_is_no_file_and_no_tap(tmp_path: Path) -> None:
    bench = Bench()
    recording = Recording(
        RecordConfig(), tmp_path, bench.desk.intake, clock=lambda: 0, alert=lambda level, text: None
    )
    recording.start()
    assert recording.tap("binance") is None
    bench.desk.on_events(flow())
    await recording.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "a.tape"
    command = [sys.executable, "-m", "console", "record", "--venue", "sim", "--symbols", "BTC/USD"]
    child = subprocess.Popen(
        [*command, "-o", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        deadline = time.monotonic() + 30
        while not out.exists():
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.05)
        child.send_signal(number)
        told, errors = child.communicate(timeout=20)
    finally:
        child.kill()
    assert (child.returncode, errors) == (0, "")
    count = sum(len(block) for block in ColumnarReader(out).blocks())
    assert told.startswith(f"{out}: {count:,} ticks, {out.stat().st_size:,} bytes in ")
