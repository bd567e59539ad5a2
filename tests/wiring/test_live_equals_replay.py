"""What a running desk records and a desk that plays it see the same, in the same order."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from console.cli import main
from engine.config import RecordConfig
from engine.events import (
    NS,
    Alert,
    BookStatus,
    Gap,
    GridChange,
    Malformed,
    MarketEvent,
    OrderEvent,
    Quote,
    Trade,
)
from engine.feeds.base import InstrumentSpec
from engine.feeds.columnar import ColumnarWriter
from engine.feeds.packing import Packer
from engine.feeds.tape import Tape, events_of
from engine.feeds.tape_info import tape_info
from engine.wiring.recording import Recording
from engine.wiring.sources import adopt
from tests.wiring.conftest import START_NS, Bench, taped
from tests.wiring.test_intake import A, B, flow

SPECS = [
    InstrumentSpec(symbol, Decimal("0.01"), Decimal("0.001"), Decimal(5), "USD", Decimal(100))
    for symbol in (B, A)
]


def live() -> list[MarketEvent]:
    """The usual flow with what goes wrong: a book before its first tick and as prices rise, a gap within
    the windows, trades brought later, a frame that cannot be read, a tick that is not believed."""
    events = flow()
    at = [n for n, event in enumerate(events) if isinstance(event, Trade) and event.symbol == A]
    rise = at[-12]
    ns = events[rise].recv_ns
    found: list[MarketEvent] = [BookStatus(B, False, "it never came", True, START_NS)]
    found += events[: at[40]]
    found.append(Gap(B, 7, 9, "a cut", events[at[40]].recv_ns))
    found += [Trade(B, 7, 5.0, 1.0, 1, START_NS, events[at[40]].recv_ns, True)]
    found += events[at[40] : rise - 4]
    found += [Malformed("sim", "{", "it ends", ns), BookStatus(A, False, "checksum", True, ns)]
    found += [Quote(A, 9.0, 1.0, 3.0, 1.0, ns, ns), *events[rise - 4 : rise + 5]]
    found += [BookStatus(A, True, "", True, ns), Gap(A, -1, -1, "unknown", ns), *events[rise + 5 :]]
    return found


def outcome(bench: Bench) -> tuple[object, ...]:
    desk = bench.desk
    rows = [repr(desk.features.row(one.index)) for one in desk.instruments]
    journal = [msgspec.json.encode(event) for event in bench.journal]
    grids = [(one.symbol, one.tick_size, one.lot_size, one.max_quantity) for one in desk.instruments]
    records = [repr(record) for record in bench.records]
    return desk.funnel(), dict(desk.drops), rows, journal, records, grids, desk.news.gaps


def recorded(folder: Path, batch: int, events: list[MarketEvent]) -> tuple[Bench, Path]:
    bench = Bench()
    adopt(bench.desk, SPECS)
    recording = Recording(
        RecordConfig(ticks=True, dir=str(folder)),
        folder,
        bench.desk.intake,
        clock=lambda: START_NS,
        alert=lambda level, text: pytest.fail(text),
    )
    recording.start()
    for at in range(0, len(events), batch):
        bench.desk.on_events(events[at : at + batch])
        if at % 5 == 0:
            bench.desk.intake.cut()
    asyncio.run(recording.close())
    (path,) = folder.glob("ticks-*.tape")
    return bench, path


def played(path: Path) -> list[MarketEvent]:
    tape, found = Tape([path]), list[MarketEvent]()
    for part in tape.batches():
        found += part if isinstance(part, list) else events_of(part, tape.symbols)
    return found


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_a_recorded_desk_replays_byte_for_byte(batch: int, tmp_path: Path) -> None:
    events = live()
    bench, path = recorded(tmp_path, batch, events)
    plain = Bench()
    adopt(plain.desk, SPECS)
    for event in flow():
        plain.desk.on_events([event])
    assert outcome(bench) != outcome(plain), "what goes wrong changes what is decided"
    again = Bench()
    taped(again, path)
    assert outcome(again) == outcome(bench)
    assert played(path) == events
    assert path.stat().st_mode & 0o077 == 0


def test_converted_and_cut_it_keeps_what_was_told_between_ticks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = live()
    _, path = recorded(tmp_path, 3, events)
    lines, back, cut = tmp_path / "a.jsonl", tmp_path / "b.tape", tmp_path / "c.tape"
    assert main(["tape", "convert", str(path), "-o", str(lines)]) == 0
    assert played(lines) == events
    assert main(["tape", "convert", str(lines), "-o", str(back)]) == 0
    assert played(back) == events
    begin, end = START_NS + 20 * NS, START_NS + 50 * NS
    assert main(["tape", "cut", str(path), "--from", str(begin), "--to", str(end), "-o", str(cut)]) == 0
    assert played(cut) == [event for event in events if begin <= event.recv_ns < end]
    assert Tape([cut]).specs == SPECS
    for one in (path, back):
        info = tape_info(one)
        assert (info.books_wrong, info.undecodable, info.gaps) == (2, 1, 2)
    assert main(["tape", "info", str(path)]) == 0
    assert "2 times wrong" in capsys.readouterr().out


COARSE = Decimal("0.05"), Decimal("0.25"), Decimal(6), Decimal(90), "USD"


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_a_grid_that_the_venue_changed_is_replayed_from_where_it_did(batch: int, tmp_path: Path) -> None:
    events = live()
    at = next(n for n, event in enumerate(events) if isinstance(event, Malformed))
    early = GridChange(A, Decimal("0.02"), *COARSE[1:], events[10].recv_ns)
    late = GridChange(A, *COARSE, events[at].recv_ns)
    events = [*events[:10], early, *events[10:at], late, *events[at:]]
    bench, path = recorded(tmp_path, batch, events)
    told = [alert.text for alert in bench.kinds(Alert) if "changed" in alert.text]
    assert told == [
        "the venue changed tick 0.01 to 0.02, lot 0.001 to 0.25, least notional 5 to 6, largest order 100"
        " to 90; orders at work stay as they are",
        "the venue changed tick 0.02 to 0.05; orders at work stay as they are",
    ]
    again = Bench()
    taped(again, path)
    assert outcome(again) == outcome(bench)
    assert played(path) == events and Tape([path]).specs == SPECS
    begin, end = late.recv_ns - NS, late.recv_ns
    cut = tmp_path / "c.tape"
    assert main(["tape", "cut", str(path), "--from", str(begin), "--to", str(end), "-o", str(cut)]) == 0
    inside = [event for event in events if begin <= event.recv_ns < end]
    assert played(cut) == [msgspec.structs.replace(early, recv_ns=begin), *inside]


def test_what_is_decided_after_a_change_is_on_the_new_grid() -> None:
    bench = Bench()
    adopt(bench.desk, SPECS)
    bench.desk.on_events([GridChange(A, *COARSE, START_NS), *flow()])
    asked = [event.request for event in bench.kinds(OrderEvent) if event.request is not None]
    assert asked and not any(request.quantity % COARSE[1] for request in asked)


def test_the_next_file_of_a_recording_begins_with_the_grid_that_is_in_force(tmp_path: Path) -> None:
    first, second = tmp_path / "1.tape", tmp_path / "2.tape"
    changed = [msgspec.structs.replace(SPECS[1], tick_size=COARSE[0])]
    for path, specs, at_ns in ((first, SPECS[1:], START_NS), (second, changed, START_NS + NS)):
        packer = Packer()
        packer.add([Trade(A, at_ns // NS, 100.0, 1.0, 1, at_ns, at_ns)])
        with ColumnarWriter(path, packer.symbols, specs) as writer:
            writer.write(*packer.take())
    tape = Tape([first, second])
    bench = Bench()
    adopt(bench.desk, tape.specs)
    grids = []
    for batch in tape.batches():
        bench.desk.on_events(batch if isinstance(batch, list) else events_of(batch, tape.symbols))
        grids.append(bench.desk.instruments[0].tick_size)
    assert grids == [Decimal("0.01"), COARSE[0], COARSE[0]]


def test_a_tape_cut_off_gives_what_was_told_up_to_its_last_block(tmp_path: Path) -> None:
    events = live()
    _, path = recorded(tmp_path, 3, events)
    whole = path.read_bytes()
    for lost in range(1, len(whole) // 2, 97):
        path.write_bytes(whole[:-lost])
        found = played(path)
        assert found == events[: len(found)]
