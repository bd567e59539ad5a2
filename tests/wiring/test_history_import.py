"""Files into the stored history, and corporate actions with them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.config import Config
from engine.errors import BarsError, ConfigError, EngineBusyError
from engine.events import NS
from engine.store.bar import Bar, Provenance
from engine.store.bars import BARS_DATABASE, BarStore
from engine.store.bars_period import read_period
from engine.store.bars_read import BarReader, Bars
from engine.store.lock import StateLock
from engine.wiring.history_import import Chosen, Imported, import_files, stored_symbol

DAY = 86_400
FIRST = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp())
NOW = (FIRST + 1000 * DAY) * NS


def _write(path: Path, prices: list[float], head: str = "date,open,high,low,close,volume") -> Path:
    rows = [
        f"{datetime.fromtimestamp(FIRST + at * DAY, UTC).date()},{price},{price},{price},{price},100"
        for at, price in enumerate(prices)
    ]
    path.write_text("\n".join((head, *rows)) + "\n")
    return path


def _import(
    state_dir: Path, *files: str, actions: tuple[Path, ...] = (), chosen: Chosen | None = None
) -> Imported:
    return import_files(Config(), state_dir, files, actions, chosen or Chosen(), NOW)


def _stored(state_dir: Path, symbol: str, *, adjust: bool = False) -> Bars:
    reader = BarReader(state_dir / BARS_DATABASE)
    try:
        return read_period(reader, symbol, DAY, 0, 1 << 62, adjust=adjust)
    finally:
        reader.close()


def test_bars_are_stored_once(tmp_path: Path) -> None:
    path = _write(tmp_path / "AAPL.csv", [10.0, 11.0, 12.0])
    (series,) = _import(tmp_path, str(path)).series
    assert (series.symbol, series.believed, series.stored, series.reasons) == ("poll:AAPL", 3, 3, {})
    assert _import(tmp_path, str(path)).series[0].stored == 0
    bars = _stored(tmp_path, "poll:AAPL")
    assert bars.values[:, 3].tolist() == [10.0, 11.0, 12.0]
    assert bars.sources == ("file:AAPL.csv",)


def test_a_split_excuses_its_jump_and_prices_are_adjusted_backwards(tmp_path: Path) -> None:
    path = _write(tmp_path / "prices.csv", [100.0, 102.0, 10.2, 10.0])
    assert _import(tmp_path, f"AAPL={path}").series[0].reasons == {"OUTLIER": 2}
    actions = tmp_path / "actions.csv"
    actions.write_text(
        "symbol,date,kind,value\n"
        "AAPL,2024-01-04,Split,10\n"
        "AAPL,2024-01-05,dividend,0.204\n"
        "AAPL,2024-01-05,merger,1\nAAPL,soon,split,2\nAAPL,2024-01-05,split,-3\nAAPL,2024-01-05,split,x\n"
    )
    found = _import(tmp_path, f"AAPL={path}", actions=(actions,))
    (told,) = found.actions
    assert (told.splits, told.dividends) == (1, 1)
    assert [(one.line, one.reason) for one in told.rejects] == [
        (4, "KIND"),
        (5, "TIME"),
        (6, "NOT_POSITIVE"),
        (7, "NUMBER"),
    ]
    assert found.series[0].reasons == {}
    closes = _stored(tmp_path, "poll:AAPL", adjust=True).values[:, 3]
    # Of 1 - 0.204 / 10.2 = 0.98 for the dividend, and a tenth for the split.
    np.testing.assert_allclose(closes, [9.8, 9.996, 9.996, 10.0], rtol=1e-12)


@pytest.mark.parametrize("first", [False, True], ids=["as traded first", "split-adjusted first"])
def test_how_prices_are_told_is_of_each_file_though_their_names_are_the_same(
    tmp_path: Path, first: bool
) -> None:
    paths = {}
    for symbol, closes in (("MSFT", [100.0, 102.0, 51.0, 50.0]), ("AAPL", [50.0, 51.0, 51.0, 50.0])):
        (tmp_path / symbol).mkdir()
        paths[symbol] = f"{symbol}={_write(tmp_path / symbol / 'daily.csv', closes)}"
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,date,kind,value\nAAPL,2024-01-04,split,2\nMSFT,2024-01-04,split,2\n")
    for adjusted in (first, not first):
        file = paths["AAPL" if adjusted else "MSFT"]
        _import(tmp_path, file, actions=(actions,), chosen=Chosen(split_adjusted=adjusted))
    for symbol in paths:
        assert _stored(tmp_path, f"poll:{symbol}", adjust=True).values[:, 3].tolist() == [
            50.0,
            51.0,
            51.0,
            50.0,
        ]
    # What was forgotten the first time is mended by saying it the second.
    _import(tmp_path, paths["AAPL"])
    assert _stored(tmp_path, "poll:AAPL", adjust=True).values[:, 3].tolist() == [25.0, 25.5, 51.0, 50.0]


def test_a_file_never_replaces_what_a_venue_told(tmp_path: Path) -> None:
    store = BarStore(tmp_path / BARS_DATABASE)
    store.start()
    told = Bar("poll:AAPL", DAY, FIRST * NS, 9.0, 9.0, 9.0, 9.0, 1.0, 9.0, 1, "poll", Provenance.VENUE, NOW)
    store.call(store.page([told]))
    store.close()
    _import(tmp_path, str(_write(tmp_path / "AAPL.csv", [10.0, 11.0])))
    assert _stored(tmp_path, "poll:AAPL").values[:, 3].tolist() == [9.0, 11.0]


def test_bars_of_files_outlive_the_deletion_of_old_ones(tmp_path: Path) -> None:
    _import(tmp_path, str(_write(tmp_path / "AAPL.csv", [10.0, 11.0])))
    store = BarStore(tmp_path / BARS_DATABASE)
    store.start()
    loaded = Bar(
        "poll:AAPL",
        DAY,
        (FIRST + 5 * DAY) * NS,
        9.0,
        9.0,
        9.0,
        9.0,
        1.0,
        9.0,
        1,
        "yahoo",
        Provenance.SERVICE,
        NOW,
    )
    store.call(store.page([loaded]))
    assert store.call(store.forget(NOW)) == 1
    assert store.call(store.forget(NOW)) == 0
    store.close()
    assert len(_stored(tmp_path, "poll:AAPL")) == 2


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path / "AAPL.csv", [10.0, 11.0])
    (series,) = _import(tmp_path, str(path), chosen=Chosen(dry_run=True)).series
    assert (series.believed, series.stored) == (2, 0)
    assert len(_stored(tmp_path, "poll:AAPL")) == 0


def test_while_an_engine_runs_nothing_is_imported(tmp_path: Path) -> None:
    path = _write(tmp_path / "AAPL.csv", [10.0, 11.0])
    lock = StateLock.acquire(tmp_path)
    try:
        with pytest.raises(EngineBusyError, match="stop it"):
            _import(tmp_path, str(path))
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAPL", "poll:AAPL"),
        ("binance:BTC/USDT", "binance:BTCUSDT"),
        ("BTC-USD", "sim:BTC-USD"),  # which the desk trades
        ("EUR/USD", "poll:EUR/USD"),
    ],
)
def test_names_of_files_become_what_the_desk_calls_them(name: str, symbol: str) -> None:
    assert stored_symbol(name, Config()) == symbol


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("", "binance:", ":X"):
        with pytest.raises(ConfigError, match="names no instrument"):
            stored_symbol(name, Config())


def test_one_symbol_for_a_file_of_several_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("date,open,high,low,close,ticker\n2024-01-02,1,1,1,1,A\n2024-01-02,1,1,1,1,B\n")
    with pytest.raises(BarsError, match="several symbols"):
        _import(tmp_path, f"AAPL={path}", chosen=Chosen(interval_s=DAY))
    found = _import(tmp_path, str(path), chosen=Chosen(interval_s=DAY))
    assert [one.symbol for one in found.series] == ["poll:A", "poll:B"]


def test_bars_of_days_are_not_stored_as_hours(tmp_path: Path) -> None:
    path = _write(tmp_path / "AAPL.csv", [10.0, 11.0, 12.0])
    with pytest.raises(BarsError, match="its bars are 86400 s apart"):
        _import(tmp_path, str(path), chosen=Chosen(interval_s=3600))
