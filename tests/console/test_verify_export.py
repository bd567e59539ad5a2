"""``tickdesk verify`` and ``tickdesk export`` on a state directory, without an engine and beside one."""

from __future__ import annotations

import csv
import io
import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from console.cli import main
from console.cli.arguments import parser
from engine.events import NS, Funding, LimitChange
from engine.store.export import KINDS
from engine.store.read import DATABASE
from engine.store.rows import EquityPoint, PositionPoint
from engine.store.store import Store
from tests.bench.long_journal import START_NS, long_journal

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Of a desk that has traded; open."""
    made = Store(tmp_path / DATABASE)
    made.start()
    for order in long_journal(400):
        made.commit_now(order)
    made.commit_now(
        [
            Funding("f1", "sim:S001-USD", Decimal("-0.50"), "USD", 0.0001, START_NS),
            LimitChange("desk", "max_position_pct", "20", "10", "=cmd()", START_NS),
        ]
    )
    for n in range(3):
        ns = START_NS + n * NS
        made.behind(EquityPoint(ns, f"{100_000 + n}", "100000", f"{n}"))
        made.behind(PositionPoint(ns, "sim:S001-USD", "-2", "100.5", "100.0", "1.0", "-3"))
    assert made.flush()
    return made


def call(capsys: Capture, *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


def export(capsys: Capture, where: Path, kind: str, *options: str) -> list[dict[str, object]]:
    code, out, err = call(capsys, "export", kind, "--format", "json", "--state-dir", str(where), *options)
    assert (code, err) == (0, "")
    return [msgspec.json.decode(line) for line in out.splitlines()]


def test_all_holds_while_an_engine_has_it_and_after(capsys: Capture, tmp_path: Path, store: Store) -> None:
    for _ in range(2):
        code, out, _ = call(capsys, "verify", "--state-dir", str(tmp_path))
        assert code == 0 and out.splitlines()[-1].startswith("all 19 invariants hold")
        assert all(line.startswith("ok ") for line in out.splitlines()[:-1])
        store.close()


def test_what_does_not_hold_is_told_and_fails(capsys: Capture, tmp_path: Path, store: Store) -> None:
    store.close()
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("UPDATE balances SET fees = '0' WHERE currency = ''")
    code, out, _ = call(capsys, "verify", "--state-dir", str(tmp_path))
    assert code == 1 and "2 of 19 invariants FAILED" in out
    assert "FAILED 1    cash = notional - fees + funding" in out and "fees is 0, journal says" in out
    code, out, _ = call(capsys, "verify", "--json", "--state-dir", str(tmp_path))
    answer = msgspec.json.decode(out)
    assert code == 1 and answer["ok"] is False
    assert sum(one["failed"] for one in answer["invariants"]) == 2


def test_an_illegal_transition_fails(capsys: Capture, tmp_path: Path, store: Store) -> None:
    fill = next(e for order in long_journal(400) for e in order if type(e).__name__ == "Fill")
    store.commit_now([msgspec.structs.replace(fill, trade_id="late")])
    store.close()
    code, out, _ = call(capsys, "verify", "--state-dir", str(tmp_path))
    assert code == 1 and "makes 3 of 2" in out


def test_a_directory_without_a_database_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    for command in (["verify"], ["export", "fills"]):
        code, out, err = call(capsys, *command, "--state-dir", str(tmp_path))
        assert (code, out) == (1, "") and err.count("\n") == 1 and "--state-dir" in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 300)
    for command in (["verify"], ["export", "fills"]):
        code, out, err = call(capsys, *command, "--state-dir", str(tmp_path))
        assert (code, out) == (1, "") and err.count("\n") == 1 and "not a database" in err


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_exported(capsys: Capture, tmp_path: Path, store: Store, kind: str) -> None:
    rows = export(capsys, tmp_path, kind)
    with sqlite3.connect(tmp_path / DATABASE) as other:
        (count,) = other.execute(f"SELECT COUNT(*) FROM {KINDS[kind].table}").fetchone()
    assert len(rows) == count
    assert all(tuple(row) == KINDS[kind].columns for row in rows)
    assert kind in parser().parse_args(["export", kind]).kind
    assert kind in "\n".join(action.help or "" for action in _export_actions())
    store.close()


def _export_actions() -> list:  # type: ignore[type-arg]
    commands = next(action for action in parser()._actions if hasattr(action, "choices") and action.choices)
    return list(commands.choices["export"]._actions)  # type: ignore[index,union-attr]


def test_money_is_decimal_text_and_times_bound_rows(capsys: Capture, tmp_path: Path, store: Store) -> None:
    fills = export(capsys, tmp_path, "fills")
    assert all(isinstance(row["price"], str) and isinstance(row["fee"], str) for row in fills)
    symbol = str(fills[0]["symbol"])
    ours = export(capsys, tmp_path, "fills", "--symbol", symbol)
    assert ours == [row for row in fills if row["symbol"] == symbol]
    assert export(capsys, tmp_path, "fills", "--symbol", symbol.partition(":")[2]) == ours
    assert export(capsys, tmp_path, "fills", "--symbol", "sim:NONE") == []
    # 2023-11-14T22:13:20Z is the journal's beginning.
    early = export(capsys, tmp_path, "fills", "--until", "2023-11-14T22:13:25")
    late = export(capsys, tmp_path, "fills", "--since", "2023-11-14T23:13:25+01:00")
    assert early + late == fills and early and late
    assert [row["equity"] for row in export(capsys, tmp_path, "equity")] == ["100000", "100001", "100002"]
    store.close()


def test_balances_are_what_trading_added(capsys: Capture, tmp_path: Path, store: Store) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as other:
        flows = dict(other.execute("SELECT currency, cash FROM balances"))
    rows = export(capsys, tmp_path, "balances")
    assert {row["currency"]: row["flow"] for row in rows} == flows and flows
    assert all("cash" not in row for row in rows), "the starting cash is not in it"
    store.close()


def test_a_positions_amounts_have_their_currency(capsys: Capture, tmp_path: Path, store: Store) -> None:
    """That of its first fill: money of several currencies stands in one column."""
    with sqlite3.connect(tmp_path / DATABASE) as other:
        firsts = other.execute("SELECT symbol, MIN(seq) FROM fills GROUP BY symbol").fetchall()
        wanted = {symbol: ("EUR" if number % 2 else "") for number, (symbol, _) in enumerate(firsts)}
        other.executemany(
            "UPDATE fills SET currency = ? WHERE seq = ?", [(wanted[name], seq) for name, seq in firsts]
        )
    rows = export(capsys, tmp_path, "positions")
    assert {row["symbol"]: row["currency"] for row in rows} == wanted and "EUR" in wanted.values()
    store.close()


def test_digits_that_only_a_division_made_are_left_out(capsys: Capture, tmp_path: Path, store: Store) -> None:
    tail = "0" * 40
    told = {
        "realized": [f"44.02{tail}5", f"-0.{'3' * 60}", "1E+3", "7.1200"],
        "entry_price": [f"7.063{tail}4", "0", "0.12345678", "60000"],
    }
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("DELETE FROM positions WHERE symbol NOT IN (SELECT symbol FROM positions LIMIT 1)")
        columns = KINDS["positions"].columns[:-1]
        (row,) = other.execute(f"SELECT {', '.join(columns)} FROM positions").fetchall()
        other.execute("DELETE FROM positions")
        for number in range(4):
            values = dict(zip(columns, row, strict=True)) | {"symbol": f"sim:S{number}"}
            values |= {name: each[number] for name, each in told.items()}
            other.execute(
                f"INSERT INTO positions ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                [values[name] for name in columns],
            )
    rows = export(capsys, tmp_path, "positions")
    assert [row["realized"] for row in rows] == ["44.02", f"-0.{'3' * 18}", "1E+3", "7.1200"]
    assert [row["entry_price"] for row in rows] == ["7.063", "0", "0.12345678", "60000"]
    store.close()


def test_a_file_is_written_whole_and_privately(capsys: Capture, tmp_path: Path, store: Store) -> None:
    out = tmp_path / "orders.csv"
    code, told, _ = call(capsys, "export", "orders", "--out", str(out), "--state-dir", str(tmp_path))
    assert code == 0 and "rows of orders" in told
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["client_order_id"] for row in rows] == [
        row["client_order_id"] for row in export(capsys, tmp_path, "orders")
    ]
    before = out.read_bytes()
    code, _, err = call(
        capsys,
        "export",
        "positions",
        "--since",
        "2020-01-01",
        "--out",
        str(out),
        "--state-dir",
        str(tmp_path),
    )
    assert code == 1 and "as they are now" in err
    assert out.read_bytes() == before and not list(tmp_path.glob(".orders*"))
    store.close()


def test_a_spreadsheet_computes_no_text_from_outside(capsys: Capture, tmp_path: Path, store: Store) -> None:
    code, out, _ = call(capsys, "export", "limits", "--state-dir", str(tmp_path))
    assert code == 0 and next(csv.DictReader(out.splitlines()))["who"] == "'=cmd()"
    code, out, _ = call(capsys, "export", "position-history", "--state-dir", str(tmp_path))
    assert next(csv.DictReader(out.splitlines()))["quantity"] == "-2"
    assert export(capsys, tmp_path, "limits")[0]["who"] == "=cmd()"
    store.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("nosuch",), "choose orders"),
        (("fills", "--since", "yesterday"), "2025-01-31"),
        (("balances", "--symbol", "x"), "--symbol"),
        (("fills", "--symbol", "NONE"), "unknown symbol NONE: write it as"),
        (("fills", "--out", "/nonexistent/x.csv"), "--out"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: Capture, tmp_path: Path, store: Store, options: tuple[str, ...], told: str
) -> None:
    code, out, err = call(capsys, "export", *options, "--state-dir", str(tmp_path))
    assert code in (1, 2) and out == "" and err.count("\n") == 1 and told in err
    store.close()


@pytest.mark.parametrize("time", ["0001-01-01", "9999-12-31T23:59:59"])
def test_a_time_that_nanoseconds_cannot_say_is_refused(
    capsys: Capture, tmp_path: Path, store: Store, time: str
) -> None:
    code, out, err = call(capsys, "export", "orders", "--since", time, "--state-dir", str(tmp_path))
    assert (code, out) == (2, "") and "nanoseconds" in err and err.count("\n") == 1
    store.close()


def test_who_reads_an_export_slowly_keeps_no_transaction_open(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pager may stand for hours: the engine's log of writes must be cut meanwhile, not grow."""
    busy: list[int] = []

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
                busy.append(other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            return super().write(text)

    out = Slow()
    monkeypatch.setattr("sys.stdout", out)
    assert main(["export", "journal", "--format", "json", "--state-dir", str(tmp_path)]) == 0
    assert busy and not any(busy)
    assert len(out.getvalue().splitlines()) == store.last_seq
    assert store.close()
