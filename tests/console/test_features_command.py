"""``tickdesk features``, end to end: files in, files and one line out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import talib

from console.cli import main
from engine.features.alpha158 import NAMES, alpha158_series
from tests.features.test_indicators import random_bars

HEADER = "ts,open,high,low,close,volume,vwap\n"


def csv_of(path: Path, count: int = 90, *, vwap: bool = True) -> tuple[Path, np.ndarray]:
    ohlcv = random_bars(2, count)
    bars = np.column_stack([ohlcv, ohlcv[:, 1:4].mean(axis=1)])
    columns = bars if vwap else ohlcv
    lines = [f"2026-01-01 {i // 60:02}:{i % 60:02}:00," + ",".join(map(repr, row.tolist())) for i, row in
             enumerate(columns)]  # fmt: skip
    path.write_text((HEADER if vwap else HEADER.replace(",vwap", "")) + "\n".join(lines) + "\n")
    return path, bars


def test_help_shows_both_sets_where_options_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["features", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "--set alpha158|indicators which features to compute (required)" in told
    assert "--override KEY=VALUE override a configuration value" in told


def test_alpha158_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, bars = csv_of(tmp_path / "bars.csv")
    out = tmp_path / "features.npz"
    assert main(["features", str(source), "--set", "alpha158", "--out", str(out)]) == 0
    assert "90 bars x 158 columns" in capsys.readouterr().out
    with np.load(out) as found:
        assert tuple(found["names"]) == NAMES
        np.testing.assert_array_equal(found["features"], alpha158_series(bars))
        assert found["ts"][1] == "2026-01-01 00:01:00"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


@pytest.mark.parametrize(
    "bar",
    ["10,9,8,9,1,9", "10,inf,8,9,1,9", "10,11,8,9,-1,9", "-1,11,-1,9,1,9", "10,11,8,9,1,12", "7,11,8,9,,9"],
)
def test_bars_that_cannot_be_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], bar: str) -> None:
    source, _ = csv_of(tmp_path / "bars.csv")
    sound = source.read_text()
    lines = sound.splitlines()
    # The close is rounded above the high, which is nothing; and what is empty is nobody's fault.
    lines[30] = f"{lines[30].partition(',')[0]},10,10.1,8,10.1000001,5,"
    source.write_text("\n".join(lines))
    arguments = ["features", str(source), "--set", "alpha158", "--out", str(tmp_path / "out.npz")]
    assert main(arguments) == 0 and capsys.readouterr().err == ""
    lines[50] = f"{lines[50].partition(',')[0]},{bar}"
    source.write_text("\n".join(lines))
    assert main(arguments) == 0
    told = capsys.readouterr().err
    assert "1 bar of the file cannot be, the first in line 51: computed as written" in told


def test_a_file_longer_than_a_step_is_seamless_and_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.wiring.bar_file._STEP", 40)
    source, bars = csv_of(tmp_path / "bars.csv", 200)
    out = tmp_path / "features.npz"
    assert main(["features", str(source), "--set", "alpha158", "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "80 bars read" in told and "120 of 200 bars computed" in told
    with np.load(out) as found:
        np.testing.assert_array_equal(found["features"], alpha158_series(bars))


@pytest.mark.parametrize(
    ("first", "option"), [((), "--override"), ((), "--set"), (("--set", "features.rsi_period=5"), "")]
)
def test_indicators_by_the_configured_periods_without_a_vwap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: tuple[str, ...], option: str
) -> None:
    source, bars = csv_of(tmp_path / "bars.csv", vwap=False)
    out = tmp_path / "indicators.npz"
    last = (option, "features.rsi_period=5") if option else ()
    assert main([*first, "features", str(source), "--set", "indicators", *last, "--out", str(out)]) == 0
    assert "no column vwap" in capsys.readouterr().err
    with np.load(out) as found:
        columns = dict(zip(found["names"].tolist(), found["features"].T, strict=True))
    close, volume = bars[:, 3].copy(), bars[:, 4]
    np.testing.assert_allclose(columns["rsi"], talib.RSI(close, 5), rtol=1e-9)
    np.testing.assert_allclose(columns["momentum"], talib.MOM(close, 10), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(columns["vwap"], np.cumsum(bars[:, 5] * volume) / np.cumsum(volume), rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        (HEADER, "no bars below"),
        ("ts,open,high,low,close\n1,1,1,1,1\n", "no column volume"),
        (HEADER + "1,1,1,1,1,1,1\n2,1,1,one,1,1,1\n", "line 3: low is 'one', no number"),
        (HEADER + "2,1,1,1,1,1,1\n1,1,1,1,1,1,1\n", "line 3: '1' is not after the line before"),
        (HEADER + "soon,1,1,1,1,1,1\n", "line 2: 'soon' is no time"),
        (HEADER + "1,1,1,1\n", "line 2: 4 values for 7 columns"),
        (HEADER + "1,1,1,1,1,1,1\n2,,,,,,\n", "line 3: indicators need prices"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    source, out = tmp_path / "bars.csv", tmp_path / "out.npz"
    source.write_text(text)
    assert main(["features", str(source), "--set", "indicators", "--out", str(out)]) == 1
    *before, error = capsys.readouterr().err.splitlines()
    assert told in error and not out.exists()
    assert all("compiling" in line for line in before)


def test_other_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, _ = csv_of(tmp_path / "bars.csv", 3)
    out = str(tmp_path / "out.npz")
    assert main(["features", str(source), "--out", out]) == 2
    assert main(["features", str(source), "--set", "alpha360", "--out", out]) == 2
    assert "--set alpha158 or --set indicators" in capsys.readouterr().err
    assert main(["features", str(tmp_path / "none.csv"), "--set", "alpha158", "--out", out]) == 1
    assert "cannot read" in capsys.readouterr().err
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    assert main(["features", str(tmp_path / "binary.csv"), "--set", "alpha158", "--out", out]) == 1
    assert "no text file" in capsys.readouterr().err
    missing = str(tmp_path / "nowhere" / "out.npz")
    assert main(["features", str(source), "--set", "alpha158", "--out", missing]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.parametrize("name", ["GOOG_daily", "EURUSD_1h", "XRP_ETH_5m", "edge_SPY_modified"])
def test_reference_files(data_dir: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "features.npz"
    source = data_dir / "alpha158" / f"{name}.csv"
    assert main(["features", str(source), "--set", "alpha158", "--out", str(out)]) == 0
    with np.load(out) as found, np.load(data_dir / "alpha158" / f"{name}.alpha158.npz") as reference:
        ours, exact = found["features"], reference["exact"]
        ambiguous = np.unpackbits(reference["ambiguous"], count=exact.size).reshape(exact.shape).astype(bool)
        assert found["names"].tolist() == reference["names"].tolist()
    assert not np.any((np.isnan(ours) != np.isnan(exact)) & ~ambiguous)
    known = ~np.isnan(exact) & ~ambiguous & (ours != exact)
    assert np.all(np.abs(ours - exact)[known] <= 1e-9 * np.maximum(1, np.abs(exact[known])))
