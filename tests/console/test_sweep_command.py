"""``tickdesk sweep`` over real bars: once, again, and looked at."""

from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest

from console.cli import main, sweep_report
from engine.config import PaperConfig
from tests.bench.sweep import bars

_OVER = ("--over", "features.sma_fast=3,5", "--over", "features.sma_slow=4..12:4")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("bars")
    return [f"S{n}={path}" for n, path in enumerate(bars(folder, 2, 160))]


def _sweep(*words: str, state: Path) -> int:
    return main(["--state-dir", str(state), "sweep", *words])


def test_a_sweep_is_made_once_and_shown_again(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    given = [*files, "--strategy", "golden_cross", *_OVER, "--out", str(folder), "--jobs", "1"]
    assert _sweep(*given, state=tmp_path) == 0
    shown, said = capsys.readouterr()
    assert said == ""
    assert all(len(row) <= 80 for row in shown.splitlines() if not row.startswith("table"))
    assert "by the spread of their own Sharpe ratios" in " ".join(shown.split())
    assert "DRAWDOWN %" in shown and "FALL" not in shown
    assert "5 of 6 done, 1 refused" in shown and "sharpe by sma_fast (down) and sma_slow (across)" in shown
    assert "the best of 5 trials" in shown or "100 %" in shown
    assert "the first alone: --set features.sma_fast=" in shown
    table = polars.read_parquet(folder / "runs.parquet")
    assert table["status"].to_list() == ["done", "done", "done", "refused", "done", "done"]
    assert table["features.sma_slow"].to_list() == [4, 8, 12] * 2
    assert "sma_fast must be below" in table["error"][3] and table["trades"][0] > 0
    before = (folder / "runs.jsonl").read_bytes(), (folder / "runs.parquet").read_bytes()

    assert _sweep(*given, state=tmp_path) == 0
    again, said = capsys.readouterr()
    assert again == shown and "going on after 6 runs" in said
    assert before == ((folder / "runs.jsonl").read_bytes(), (folder / "runs.parquet").read_bytes())

    assert _sweep("show", str(folder), state=tmp_path) == 0
    assert capsys.readouterr().out.strip() == shown[: shown.index("\ntable")].strip()
    assert _sweep("show", str(folder), "--json", state=tmp_path) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"]["trials"] == 5 and told["spec"]["search"]["kind"] == "grid"

    assert _sweep(*given, "--seed", "1", "--search", "random", state=tmp_path) == 1
    assert "holds another sweep (other: search)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.234, 0.0312, -12.5], ["1.23", "0.03", "-12.50"]),
        ([0.0312, -0.002, None], ["0.0312", "-0.0020", "-"]),
        ([12_345.6, 0.5], ["12,346", "0"]),
        ([12, 3456, None], ["12", "3,456", "-"]),
        ([0.0, float("nan")], ["0.00", "-"]),
    ],
)
def test_a_column_has_its_decimals_below_each_other(values: list[object], told: list[str]) -> None:
    assert sweep_report._figures(values) == told


def test_parameters_stand_with_their_decimal_points_below_each_other() -> None:
    assert sweep_report._at_the_point(["0.5", "0.25", "3"]) == ["0.5 ", "0.25", "3   "]
    assert sweep_report._at_the_point(["0.5", "true"]) == ["0.5", "true"]


def test_a_walk_forward_tells_what_came_after_first(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    given = [*files, "--strategy", "golden_cross", *_OVER[:2], "--out", str(folder)]
    given += ["--over", "features.sma_slow=8"]
    given += ["--walk-forward", "2", "--window", "rolling", "--gap", "3d", "--jobs", "1", "--csv", "--json"]
    assert _sweep(*given, state=tmp_path) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"]["best"] == [] and told["outcome"]["out_of_sample"]["symbols"] == 2
    assert [fold["trials"] for fold in told["outcome"]["folds"]] == [2, 2]
    rows = (folder / "runs.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [
        ["1", "in_sample"],
        ["1", "in_sample"],
        ["1", "out_of_sample"],
        ["2", "in_sample"],
        ["2", "in_sample"],
        ["2", "out_of_sample"],
    ]
    assert _sweep("show", str(folder), state=tmp_path) == 0
    shown = capsys.readouterr().out
    assert shown.index("OUT-OF-SAMPLE") < shown.index("IN-SAMPLE is the best sharpe")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["show"], "name the folder"),
        (["show", "nowhere"], "no sweep in nowhere"),
        (["a.csv"], "nothing to sweep over"),
        (["a.csv", "--over", "features.ema_fats=1,2"], "did you mean ema_fast"),
        (["a.csv", *_OVER, "--runs", "5"], "--runs goes with"),
        (["a.csv", *_OVER, "--objective", "luck"], "is no figure"),
        (["a.csv", *_OVER, "--objective", "currency"], "is no figure"),
        (["a.csv", *_OVER, "--require", "basis>=1"], "is no figure"),
        (["a.csv", *_OVER, "--require", "trades>3"], "--require"),
        ([], "name what to run over"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _sweep(*words, state=tmp_path) in (1, 2)
    told = capsys.readouterr().err
    assert why in told and told.count("\n") == 1
    assert not list(tmp_path.glob("sweep-*"))


def test_the_command_that_is_told_makes_the_run_again_where_a_value_is_the_default(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without being given, the latency would follow the bars and be nothing."""
    rule = ["--strategy", "golden_cross", "--set", "features.sma_fast=3", "--set", "features.sma_slow=8"]
    latency = f"paper.entry_latency_ms={PaperConfig().entry_latency_ms}"
    folder = tmp_path / "made"
    assert _sweep(*files, *rule, "--over", latency, "--out", str(folder), "--jobs", "1", state=tmp_path) == 0
    (run,) = (json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()[1:])
    assert f"--set {latency}" in capsys.readouterr().out
    alone = [*files, *rule, "--state-dir", str(tmp_path), "--json"]
    assert main(["backtest", *alone, "--set", latency]) == 0
    given = json.loads(capsys.readouterr().out)["backtest"]
    assert main(["backtest", *alone]) == 0
    followed = json.loads(capsys.readouterr().out)["backtest"]
    assert given["sha256"] == run["sha256"] != followed["sha256"]
    assert given["config_sha256"] != followed["config_sha256"]

    again = [*files, *rule, "--over", "features.ema_fast=3", "--jobs", "1"]
    assert _sweep(*again, "--out", str(tmp_path / "given"), "--set", latency, state=tmp_path) == 0
    (run,) = (json.loads(line) for line in (tmp_path / "given" / "runs.jsonl").read_text().splitlines()[1:])
    assert run["sha256"] == given["sha256"]
    assert _sweep(*again, "--out", str(tmp_path / "given"), state=tmp_path) == 1
    assert "holds another sweep (other: config)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--heat-map", "sma_fast,nonsense"], "--heat-map nonsense: name one of"),
        (["--metric", "currency"], "--metric currency: is no figure"),
    ],
)
def test_a_picture_that_there_cannot_be_is_refused_before_anything_runs(
    words: list[str], why: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sweep(*files, *_OVER, "--out", str(tmp_path / "made"), *words, state=tmp_path) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
