"""A desk that ran on a market, journaled and recorded, against backtests of its tape; causes are injected."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.cli import main
from engine.api.trading_protocol import OrderTicket
from engine.config import Config, RecordConfig, changed, load
from engine.events import NS, Family, RiskState, Signal
from engine.feeds.simulated import SimulatedVenue
from engine.research.parity import Parity, Row
from engine.research.plan import Plan
from engine.research.report.parity import as_html, as_json, as_text
from engine.store.commands import Command, StoredCommand
from engine.store.read import DATABASE, Reader
from engine.store.store import Store
from engine.wiring import parity as wiring
from engine.wiring.backtest_data import Prepared, prepare
from engine.wiring.desk import Desk
from engine.wiring.parity import parity
from engine.wiring.parity_data import begun_anew
from engine.wiring.recording import Recording
from engine.wiring.sources import adopt
from engine.wiring.tickets import Tickets
from tests.research.report.test_report import read
from tests.wiring.conftest import START_NS, Bench
from tests.wiring.stored_bars import store_walks

SECONDS = 240
END_NS = START_NS + SECONDS * NS
BTC, ETH = "sim:BTC-USD", "sim:ETH-USD"
NAMES = ("BTC-USD", "ETH-USD", "SOL-USD")


def config(**values: Any) -> Config:
    return changed(load(environ={}), {"strategies.model.enabled": False, **values})


def lived(where: Path, acts: Mapping[int, Callable[[Desk, Store], None]]) -> Path:
    """A desk with its journal and tape in ``where``; ``acts``: what happens at a second."""
    where.mkdir()
    store = Store(where / DATABASE, durable=False)
    store.start()
    bench = Bench(config(), store)
    venue = SimulatedVenue(NAMES, seed=3, start_ns=START_NS)
    adopt(bench.desk, venue.instruments())
    recording = Recording(
        RecordConfig(ticks=True),
        where,
        bench.desk.intake,
        clock=lambda: bench.desk.now_ns,
        alert=lambda level, text: pytest.fail(text),
    )
    recording.start()
    for step in range(1, SECONDS * 4 + 1):
        until = START_NS + step * NS // 4
        bench.desk.on_events(venue.advance(until))
        bench.desk.advance(until)
        if step % 4 == 0 and step // 4 in acts:
            acts[step // 4](bench.desk, store)
    asyncio.run(recording.close())
    assert store.flush(30.0)
    store.close()
    return where


def by_hand(desk: Desk, store: Store) -> None:
    ticket = OrderTicket(symbol=BTC, side="buy", quantity="0.01")
    for request in Tickets(desk).requests(ticket, "anna"):
        assert desk.trading.submit(request, desk.instruments.get(request.symbol)).approved


def state(to: RiskState) -> Callable[[Desk, Store], None]:
    def act(desk: Desk, store: Store) -> None:
        desk.trading.set_state(to, "anna", "lunch")

    return act


def off(desk: Desk, store: Store) -> None:
    """As the API does it: the strategy is switched, the command logged."""
    for name in ("rapid_rise", "trend"):
        desk.signals.strategies.set_enabled(name, False)
        row = {"number": name, "ns": desk.now_ns, "who": "anna", "role": "trade", "peer": "", "key": ""}
        path = f"/v1/strategies/{name}"
        store.behind(
            Command(**row, method="PATCH", path=path, body='{"enabled":false}', status=200, outcome="ok")
        )


def crowd(desk: Desk, store: Store) -> None:
    """What the crowd feels, of which no tape knows."""
    told = (f"sim:{name}" for name in NAMES)
    ns = desk.now_ns
    desk.on_context(
        [Signal(symbol, "sentiment", Family.SENTIMENT, 1.0, 1.0, ns, 300 * NS, "greed") for symbol in told]
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("parity") / "calm", {})


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    acts = {
        20: by_hand,
        60: state(RiskState.HALTED),
        140: state(RiskState.ACTIVE),
        150: off,
    }
    return lived(tmp_path_factory.mktemp("parity") / "busy", acts)


def found(where: Path, with_config: Config | None = None, **others: Any) -> Parity:
    return parity(with_config or config(), where, START_NS, END_NS, **others)


def of(report: Parity, cause: str) -> list[Row]:
    return [row for row in report.rows if row.cause == cause]


def test_without_a_cause_every_trade_is_the_same_to_the_last_digit(calm: Path) -> None:
    report = found(calm)
    assert len(report.rows) >= 10
    assert {row.status for row in report.rows} == {"same"}
    assert report.live_net == report.backtest_net != 0.0
    assert "100,000.00 USD" in as_text(report)


def test_differences_add_up_by_cause(busy: Path) -> None:
    report = found(busy)
    assert sum(share.trades for share in report.shares) == len(report.rows)
    difference = report.live_net - report.backtest_net
    assert sum(share.net for share in report.shares) == pytest.approx(difference)
    assert difference != 0.0


def test_an_order_by_hand(busy: Path) -> None:
    rows = of(found(busy), "by_hand")
    assert rows
    assert all("anna" in row.told for row in rows)
    assert any(row.live is not None and row.live.symbol == BTC for row in rows)


def test_a_halt(busy: Path) -> None:
    rows = [row for row in of(found(busy), "risk") if row.status == "only_backtest"]
    assert rows
    assert all(START_NS + 60 * NS <= row.ns <= START_NS + 141 * NS for row in rows)
    assert all("halted" in row.told.lower() for row in rows)


def test_a_strategy_that_was_switched_off(busy: Path) -> None:
    rows = of(found(busy), "settings")
    assert rows
    assert all(row.status == "only_backtest" and "PATCH /v1/strategies/" in row.told for row in rows)
    assert all("enabled False" in row.told and "{" not in row.told for row in rows)
    assert all(row.ns >= START_NS + 150 * NS for row in rows)


def test_a_strategy_that_is_off_in_the_configuration_of_now(calm: Path) -> None:
    report = found(calm, config(**{"strategies.rapid_rise.enabled": False}))
    assert any("rapid_rise is off" in row.told for row in of(report, "settings"))


def test_commands_that_change_what_is_decided() -> None:
    def command(path: str, ns: int = 1) -> StoredCommand:
        return StoredCommand(ns, ns, "anna", "trade", "", "POST", path, "{}", "", 200, "ok", 0)

    for path in ("strategies/trend", "weights", "model/deactivate", "model/rollback", "models/ab12/activate"):
        assert wiring._sets(command(f"/v1/{path}")), path
    for path in ("models/ab12/shadow", "models/shadow", "model/info", "orders", "limits"):
        assert not wiring._sets(command(f"/v1/{path}")), path
    for path, lasts in (("model/deactivate", True), ("strategies/reload", True), ("strategies/trend", False)):
        assert wiring._changed(command(f"/v1/{path}")).lasts is lasts
    # Of another day: what the desk still goes by.
    earlier = [command("/v1/strategies/trend", 3), command("/v1/strategies/trend", 2), command("/v1/weights")]
    earlier += [command("/v1/strategies/breakout", 4), command("/v1/models/ab12/activate", 5)]
    kept = {"strategy:trend": {"weight": 2.0}, "weights": {"speed": 0.0}}
    assert wiring._standing(earlier, kept) == [earlier[2], earlier[0]]


def test_what_the_desk_heard_beside_the_market(tmp_path: Path) -> None:
    report = found(lived(tmp_path / "heard", {20: crowd}))
    causes = {row.cause for row in report.rows if row.ns > START_NS + 21 * NS}
    rows = of(report, "data")
    assert rows and all("heard sentiment" in row.told for row in rows)
    assert "unexplained" not in causes


def test_another_latency(calm: Path) -> None:
    report = found(calm, config(**{"paper.entry_latency_ms": 700.0}))
    rows = of(report, "latency")
    assert rows
    assert rows[0].told.startswith("entry: filled")
    assert any("earlier than in the backtest" in text for text in rows[0].differs)


def test_ticks_that_are_missing(calm: Path, tmp_path: Path) -> None:
    (tape,) = (calm / "tapes").glob("*.tape")
    parts = []
    for name, begin, end in (("a", 0, 50), ("b", 110, SECONDS)):
        parts.append(tmp_path / f"{name}.tape")
        span = ["--from", str(START_NS + begin * NS), "--to", str(START_NS + end * NS)]
        assert main(["tape", "cut", str(tape), *span, "-o", str(parts[-1])]) == 0
    report = found(calm, tapes=parts)
    rows = of(report, "data")
    assert rows
    assert all("no ticks of" in row.told for row in rows)
    assert any(row.status == "only_live" for row in rows)


def test_a_coarser_grid(calm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def coarse(
        settings: Config, plan: Plan, where: Path, note: Callable[[str], None], *, part: bool
    ) -> Prepared:
        made = prepare(settings, plan, where, note, part=part)
        specs = [msgspec.structs.replace(one, lot_size=one.lot_size * 10) for one in made.specs]
        return msgspec.structs.replace(made, specs=tuple(specs))

    monkeypatch.setattr(wiring, "prepare", coarse)
    rows = of(found(calm), "rounding")
    assert rows
    assert all(any(text.startswith("quantity") for text in row.differs) for row in rows)


def test_what_began_before(calm: Path) -> None:
    since_ns = START_NS + 60 * NS
    report = parity(config(), calm, since_ns, END_NS, warm_ns=0)
    rows = of(report, "start")
    assert rows
    assert all(row.live is None or row.live.closed_ns == 0 or row.live.closed_ns >= since_ns for row in rows)


def test_when_the_desk_was_started_again(calm: Path, tmp_path: Path) -> None:
    database = tmp_path / DATABASE
    shutil.copy(calm / DATABASE, database)
    again_ns = START_NS + 100 * NS
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert not begun_anew(Reader(database), START_NS, END_NS, NS)
        connection.execute("UPDATE features SET bars = (ns - ?) / ? WHERE ns > ?", (again_ns, NS, again_ns))
        connection.commit()
    found = begun_anew(Reader(database), START_NS, END_NS, NS)
    assert set(found) == {f"sim:{name}" for name in NAMES}
    assert all(again_ns - NS <= ns <= again_ns for times in found.values() for ns in times)
    assert not begun_anew(Reader(database), START_NS, again_ns, NS)


def test_what_nothing_speaks_for_is_unexplained(calm: Path) -> None:
    report = found(calm, config(**{"account.order_size_pct": 1.0}))
    assert of(report, "unexplained")
    assert {row.cause for row in report.rows} <= {"unexplained", "follows"}


def test_without_a_tape_it_runs_over_stored_bars_and_says_so(calm: Path, tmp_path: Path) -> None:
    shutil.copy(calm / DATABASE, tmp_path / DATABASE)
    store_walks(tmp_path, [f"sim:{name}" for name in NAMES], 10)
    report = found(tmp_path)
    assert "bars of 3 symbols" in report.data
    assert any("there is no tape of that time" in note for note in report.notes)
    assert {row.status for row in report.rows if row.live is not None} == {"only_live"}
    assert {row.cause for row in report.rows} <= {"data", "start", "follows"}


def test_a_symbol_without_stored_bars_does_not_hide_the_others(calm: Path, tmp_path: Path) -> None:
    shutil.copy(calm / DATABASE, tmp_path / DATABASE)
    store_walks(tmp_path, [BTC], 10)  # of the others nothing is stored
    report = found(tmp_path)
    assert "bars of 1 symbols" in report.data
    rows = [row for row in report.rows if row.live is not None and row.live.symbol == ETH]
    assert rows and all(row.told == f"the backtest has no data of {ETH}" for row in rows)


def test_all_formats(busy: Path) -> None:
    report = found(busy)
    text, page, told = as_text(report), as_html(report), json.loads(as_json(report))
    assert max(len(line) for line in text.splitlines()) <= 80
    checked = read(page)
    assert "script" not in checked.seen
    for expected in ("a person's order", "risk state, limits and denials", "settings were others"):
        assert expected in text
        assert expected in " ".join(checked.data)
    assert len(told["rows"]) == len(report.rows)
    assert told["live_net"] == report.live_net


def test_the_command(calm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "parity.html"
    where = ["--state-dir", str(calm), "--set", "strategies.model.enabled=false"]
    since = ["--since", "2023-11-14T22:13:20", "--until", "2023-11-14T22:17:20"]
    assert main(["parity", *since, *where, "--format", "html", "--out", str(page)]) == 0
    assert "Trade by trade" in page.read_text()
    assert main(["parity", "--day", "2023-11-15", *where]) == 2
    assert "there is no tape of that time" in capsys.readouterr().err
    assert main(["parity", "--since", "2023-11-14", "--day", "2023-11-14", *where]) == 2
    assert "give --day, or --since and --until" in capsys.readouterr().err
