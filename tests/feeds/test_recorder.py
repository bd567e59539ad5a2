"""Recording: what is handed over is on the tape, what is not is counted, and a crash costs the last block."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.errors import TapeError
from engine.events import NS, Quote, Trade
from engine.feeds.columnar import ColumnarReader
from engine.feeds.frame_tape import FrameWriter
from engine.feeds.lines import LineChunks
from engine.feeds.news import Placed
from engine.feeds.packing import Packer, Ticks
from engine.feeds.recorder import FrameTape, Recorder, TickTape
from engine.feeds.tap import Frame, Tap
from engine.feeds.tape import Tape, events_of
from engine.feeds.tape_files import OneFile, TapeFolder
from engine.ticks import TICK
from tests.conftest import ROOT

START_NS = 1_700_000_000 * NS


def ticks(count: int, symbol: int = 0, at_ns: int = START_NS) -> Ticks:
    found = np.zeros(count, TICK)
    found["recv_ns"] = at_ns + np.arange(count)
    found["trade_id"] = np.arange(count)
    found["symbol"] = symbol
    found["a"], found["b"] = 100.5, 0.25
    return found


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for chunk in LineChunks(path) for line in chunk.splitlines()]


def on_tapes(folder: Path) -> int:
    return sum(len(block) for path in folder.glob("*.tape") for block in ColumnarReader(path).blocks())


def test_ticks_come_back_with_symbols_that_joined_later(tmp_path: Path) -> None:
    packer, path = Packer(), tmp_path / "a.tape"
    recorder = Recorder(TickTape(OneFile(path)))
    events = [
        Trade("x:A", 1, 10.0, 2.0, -1, START_NS, START_NS + 5, True),
        Quote("x:B", 1.0, 2.0, 3.0, float("nan"), START_NS + 1, START_NS + 6),
    ]
    for event in events:
        packer.add([event])
        recorder.ticks(packer.take()[0], packer.symbols)
    recorder.close()
    assert (recorder.ticks_taken, recorder.lost, recorder.error) == (2, 0, "")
    assert recorder.size == path.stat().st_size
    tape = Tape([path])
    found = [event for block in tape.batches() for event in events_of(block, tape.symbols)]
    assert repr(found) == repr(events)


def test_a_day_and_a_size_end_a_file_and_the_oldest_goes(tmp_path: Path) -> None:
    (tmp_path / "mine.tape").write_bytes(b"x" * 100_000)
    files = TapeFolder(tmp_path, "ticks", ".tape", most_bytes=80_000, part_bytes=10_000)
    rng = np.random.default_rng(1)
    tape = TickTape(files)
    for day in range(3):
        for part in range(4):
            block = ticks(1000, at_ns=START_NS + day * 86_400 * NS + part * 60 * NS)
            block["a"] = rng.normal(100, 1, 1000)
            tape.write(block, ["x:A"])
    tape.close()
    found = sorted(path.name for path in tmp_path.glob("ticks-*.tape"))
    days = {name.split("-")[1] for name in found}
    assert days == {"20231115", "20231116"}
    assert sum(path.stat().st_size for path in tmp_path.glob("ticks-*")) <= 80_000
    assert (tmp_path / "mine.tape").exists()
    for name in found:
        assert ColumnarReader(tmp_path / name).symbols == ["x:A"]


def test_what_the_disk_does_not_follow_is_lost_counted_and_nothing_waits(tmp_path: Path) -> None:
    held, path = threading.Event(), tmp_path / "a.tape"

    class Slow(TickTape):
        def write(self, block: Ticks, symbols: Sequence[str], news: Sequence[Placed] = ()) -> None:
            held.wait(10)
            super().write(block, symbols, news)

    recorder = Recorder(Slow(OneFile(path)), most_pending=200 * TICK.itemsize)
    for _ in range(10):
        recorder.ticks(ticks(100), ["x:A"])
    assert recorder.ticks_lost == 700
    held.set()
    recorder.close()
    assert sum(len(block) for block in ColumnarReader(path).blocks()) == 300
    assert recorder.ticks_taken == 1000


def test_a_disk_that_fails_is_told_once_and_ends_the_recording(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    recorder = Recorder(TickTape(TapeFolder(blocked, "ticks", ".tape", most_bytes=10**9)))
    recorder.ticks(ticks(10), ["x:A"])
    recorder.close()
    assert recorder.error.startswith(f"record.dir: cannot use {blocked}")
    recorder.ticks(ticks(10), ["x:A"])
    assert recorder.ticks_lost == 10


def test_a_capture_that_cannot_be_ended_keeps_no_other_tape_from_its_end(tmp_path: Path) -> None:
    recorder = Recorder(
        TickTape(OneFile(tmp_path / "a.tape")),
        lambda venue: FrameTape(OneFile(tmp_path / f"{venue}.jsonl.gz"), venue),
    )
    take = recorder.taker("venue")
    recorder.ticks(ticks(3), ["x:A"])
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))  # as where the disk is full
    try:
        take(Frame(START_NS, "ws", "", os.urandom(40_000).hex().encode(), 1))
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert recorder.error.startswith(f"cannot write the capture {tmp_path / 'venue.jsonl.gz'}")
    assert len(np.concatenate(list(ColumnarReader(tmp_path / "a.tape").blocks()))) == 3


def test_frames_are_a_capture(tmp_path: Path) -> None:
    path, at = tmp_path / "a.jsonl.gz", START_NS
    recorder = Recorder(None, lambda venue: FrameTape(OneFile(path), venue))
    take = recorder.taker("binance")
    url = "wss://stream.binance.com:9443/stream"
    rest = "https://api.binance.com/api/v3/depth?symbol=A"
    take(Frame(at, "open", url, None, 1))
    take(Frame(at + 1, "http", rest, b'{"a": "\xc3\xa9"}'))
    take(Frame(at + 2, "ws", "", b'{"p":"0.10"}', 1))
    recorder.flush()
    take(Frame(at + 3, "tx", url, '{"id":1}', 1))
    recorder.close()
    assert (recorder.frames_taken, recorder.lost) == (4, 0)
    assert lines(path) == [
        {"t": at, "ch": "open", "raw": None, "url": url, "conn": 1},
        {
            "t": at + 1,
            "ch": "http",
            "raw": '{"a": "é"}',
            "url": rest,
        },
        {"t": at + 2, "ch": "ws", "raw": '{"p":"0.10"}', "conn": 1},
        {
            "t": at + 3,
            "ch": "tx",
            "raw": '{"id":1}',
            "url": url,
            "conn": 1,
        },
    ]
    with pytest.raises(TapeError, match="exists already"):
        FrameWriter(path)


def test_each_file_of_frames_begins_with_the_instruments(tmp_path: Path) -> None:
    """Alone, the second day's was of assumed grids, and its sizes in contracts."""
    files = TapeFolder(tmp_path, "frames-okx", ".jsonl.gz", most_bytes=10**9)
    tape, next_day = FrameTape(files, "okx"), START_NS + 86_400 * NS
    rest = "https://www.okx.com/api/v5/public/instruments?instType=SWAP"
    old, new, trades = (Frame(START_NS, "http", rest, body) for body in (b"old", b"new", b"trades"))
    tape.write([old, trades._replace(url=rest.replace("instruments", "trades")), new])
    tape.write([Frame(next_day, "ws", "", b"frame", 1)])
    tape.close()
    _, second = sorted(tmp_path.iterdir())
    assert lines(second) == [
        {"t": next_day, "ch": "http", "raw": "new", "url": rest},
        {"t": next_day, "ch": "ws", "raw": "frame", "conn": 1},
    ]


def test_each_file_of_frames_begins_with_the_connections_that_are_open(tmp_path: Path) -> None:
    """Alone, the second day's cut was no gap: the connection of bars might have brought the trades."""
    files = TapeFolder(tmp_path, "frames-okx", ".jsonl.gz", most_bytes=10**9)
    tape, next_day = FrameTape(files, "okx"), START_NS + 86_400 * NS
    public, business = "wss://ws.okx.com:8443/ws/v5/public", "wss://ws.okx.com:8443/ws/v5/business"
    begun = [
        Frame(START_NS, "open", url, None, number) for number, url in enumerate((public, business, public))
    ]
    tape.write([*begun, Frame(START_NS, "close", public, None, 0)])

    def trade(trade_id: int, number: int) -> Frame:
        data = (
            f'[{{"instId":"A-B","tradeId":"{trade_id}","px":"1","sz":"1","side":"buy","ts":"1","count":"1"}}]'
        )
        raw = f'{{"arg":{{"channel":"trades","instId":"A-B"}},"data":{data}}}'
        return Frame(next_day, "ws", "", raw, number)

    cut = [Frame(next_day, "close", public, None, 2), Frame(next_day, "open", public, None, 3)]
    tape.write([trade(5, 2), Frame(next_day, "ws", "", "pong", 1), *cut, trade(9, 3)])
    tape.close()
    _, second = sorted(tmp_path.iterdir())
    assert [(row["ch"], row["url"], row["conn"]) for row in lines(second)[:2]] == [
        ("open", business, 1),
        ("open", public, 2),
    ]
    events = [event for batch in Tape([second]).blocks() if isinstance(batch, list) for event in batch]
    assert [event.trade_id if isinstance(event, Trade) else "gap" for event in events] == [5, "gap", 9]


class FakeTransport:
    pongs = 3

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def receive(self) -> Sequence[bytes]:
        return [b"one", b"two"]

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def ping(self) -> None: ...

    async def close(self) -> None: ...

    def abort(self) -> None: ...


async def test_what_is_sent_with_a_secret_reaches_the_venue_and_no_tape() -> None:
    taken: list[Frame] = []
    transport = FakeTransport()
    tapped = Tap(taken.append, lambda: START_NS).connection(transport, "wss://x")
    secrets = (
        '{"action":"auth","key":"K","secret":"S"}',
        '{"type":"subscribe","jwt":"eyJ"}',
        '{"op":"login","args":[{"apiKey":"K","passphrase":"P"}]}',
    )
    for text in (*secrets, '{"op":"subscribe"}'):
        await tapped.send(text)
    assert await tapped.receive() == [b"one", b"two"]
    assert transport.sent == [*secrets, '{"op":"subscribe"}']
    assert [(frame.ch, frame.raw, frame.conn) for frame in taken] == [
        ("open", None, 1),
        ("tx", '{"op":"subscribe"}', 1),
        ("ws", b"one", 1),
        ("ws", b"two", 1),
    ]
    assert tapped.pongs == 3


KILLED = """
import sys, time
from pathlib import Path
from engine.feeds.recorder import FrameTape, Recorder, TickTape
from engine.feeds.tape_files import OneFile
from engine.feeds.tap import Frame
from tests.feeds.test_recorder import START_NS, ticks

folder = Path(sys.argv[1])
frames = FrameTape(OneFile(folder / "a.jsonl.gz"), "binance")
recorder = Recorder(TickTape(OneFile(folder / "a.tape")), lambda venue: frames)
take = recorder.taker("binance")
for n in range(1, 1_000_000):
    recorder.ticks(ticks(1000, at_ns=START_NS + n * 31 * 10**9), ["x:A"])
    take(Frame(START_NS + n, "ws", "", b'{"n":%d}' % n, 1))
    recorder.flush()
    if n == 50:
        print("going", flush=True)
    time.sleep(0.001)
"""


def test_a_process_that_is_killed_leaves_tapes_that_can_be_read(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"going\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
    reader = ColumnarReader(tmp_path / "a.tape")
    blocks = list(reader.blocks())
    assert sum(len(block) for block in blocks) >= 20_000
    assert all((block["a"] == 100.5).all() for block in blocks)
    chunks = LineChunks(tmp_path / "a.jsonl.gz")
    told = [json.loads(json.loads(line)["raw"])["n"] for chunk in chunks for line in chunk.splitlines()]
    assert chunks.truncated and len(told) >= 20
    assert told == list(range(1, len(told) + 1))


def test_a_file_that_is_still_written_is_never_removed_to_make_room(tmp_path: Path) -> None:
    first = TickTape(TapeFolder(tmp_path, "ticks", ".tape", most_bytes=2000, part_bytes=400))
    first.write(ticks(500), ["x:A"])
    (open_one,) = tmp_path.glob("ticks-*")
    os.utime(open_one, (1, 1))
    for n in range(30):
        other = TickTape(TapeFolder(tmp_path, "frames-other", ".tape", most_bytes=2000, part_bytes=400))
        other.write(ticks(50, at_ns=START_NS + (n + 1) * NS), ["x:A"])
        other.close()
    assert open_one.exists() and len(list(tmp_path.iterdir())) < 20
    first.close()
    assert on_tapes(tmp_path) >= 500
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_clock_set_back_does_not_keep_ticks_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    tape = TickTape(OneFile(path))
    tape.write(ticks(10), ["x:A"])
    tape.write(ticks(10, at_ns=START_NS - 3600 * NS), ["x:A"])
    assert on_tapes(tmp_path) == 20
    tape.write(ticks(5, at_ns=START_NS - 3600 * NS), ["x:A"])
    tape.flush(START_NS - 3569 * NS)  # a quiet market: nothing comes any more
    assert on_tapes(tmp_path) == 25
    tape.close()


def test_a_crash_takes_no_more_than_the_last_five_seconds(tmp_path: Path) -> None:
    tape = TickTape(OneFile(tmp_path / "a.tape"))
    tape.write(ticks(1), ["x:A"])
    assert ColumnarReader(tmp_path / "a.tape").symbols == ["x:A"]  # its head is there at once
    for second in range(1, 8):
        tape.write(ticks(10, at_ns=START_NS + second * NS), ["x:A"])
    assert on_tapes(tmp_path) == 51  # as a process that is killed now would leave it
    tape.close()
    assert on_tapes(tmp_path) == 71


def test_a_disk_that_hangs_does_not_keep_the_desk_from_ending(tmp_path: Path) -> None:
    held = threading.Event()

    class Hanging(TickTape):
        def write(self, block: Ticks, symbols: Sequence[str], news: Sequence[Placed] = ()) -> None:
            held.wait(30)

    recorder = Recorder(Hanging(OneFile(tmp_path / "a.tape")))
    recorder.ticks(ticks(10), ["x:A"])
    recorder.close(0.05)
    assert "the disk hangs" in recorder.error
    held.set()
