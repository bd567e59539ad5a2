"""Loading through a child: the engine survives every model, and never imports LightGBM."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import builtin
from engine.models.artefact import MANIFEST, Artefact, golden
from engine.models.child_environment import child_environment
from engine.models.load import load, normalise, refuse_interval
from tests.models.conftest import reseal, written
from tests.models.other_bars import of_bars

ENGINE_LOADS_A_MODEL = """
import asyncio, sys
from engine.models.builtin import PATH
from engine.models.load import load
predictor = asyncio.run(load(PATH))
import numpy as np
assert np.isfinite(predictor.predict(np.zeros((3, 158)))).all()
print(sorted({"lightgbm", "sklearn", "mlflow", "pandas"} & set(sys.modules)))
"""


async def test_the_shipped_model_loads_and_predicts_its_golden_rows(shipped: Artefact) -> None:
    predictor = await load(builtin.PATH)
    rows, expected = golden(shipped.manifest)
    assert predictor.predict(rows).tobytes() == expected.tobytes()
    manifest = shipped.manifest
    assert (predictor.version, predictor.strategy) == (manifest.version, "model")
    assert predictor.created_ns == manifest.created_ns and predictor.schema_hash == manifest.schema_hash
    assert predictor.metric == f"rank IC {manifest.metrics.rank_ic.value:.3f}"


def test_the_engine_process_never_imports_lightgbm() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENGINE_LOADS_A_MODEL],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


async def test_refusals_of_the_child_reach_the_caller(shipped: Artefact, tmp_path: Path) -> None:
    swapped = np.frombuffer(shipped.manifest.golden_predictions)[::-1].tobytes()
    wrong = written(reseal(shipped, golden_predictions=swapped), tmp_path / "wrong")
    cut = written(shipped, tmp_path / "cut")
    (cut / MANIFEST).write_bytes((cut / MANIFEST).read_bytes()[:500])
    for path, words in ((wrong, "golden rows"), (cut, "is damaged"), (tmp_path / "no", "cannot read")):
        with pytest.raises(ModelError, match=words) as refusal:
            await load(path)
        assert "\n" not in str(refusal.value)


async def test_another_model_in_the_place_of_the_one_that_was_asked_for_is_refused() -> None:
    """As a folder restored from elsewhere: whatever is there never came past the registry."""
    with pytest.raises(
        ModelError, match=r"holds model [0-9a-f]{12}: register that, and a good copy of 0{12}"
    ):
        await load(builtin.PATH, version="0" * 12)


async def test_bars_of_another_interval_are_refused() -> None:
    with pytest.raises(ModelError, match=r"bars of 1 s"):
        await load(builtin.PATH, bar_interval_s=60.0)


async def test_bars_that_the_desks_make_up_are_accepted(shipped: Artefact, tmp_path: Path) -> None:
    path = written(of_bars(shipped, 60.0), tmp_path / "minutes")
    assert not any(refuse_interval(60.0, desk_s) for desk_s in (60.0, 1.0, 0.5))
    predictor = await load(path, bar_interval_s=0.5)
    assert predictor.manifest.bar_interval_s == 60.0
    with pytest.raises(ModelError, match=r"bars of 60 s, the desk's of 7 s .* set features.bar_s to 1"):
        await load(path, bar_interval_s=7.0)
    with pytest.raises(ModelError, match=r"a market's day is not the clock's"):
        await load(written(of_bars(shipped, 86_400.0), tmp_path / "days"))


async def with_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, timeout_s: float) -> str:
    """Load with ``code`` in place of the check; returns why it was refused."""
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!{sys.executable}\n{code}\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    with pytest.raises(ModelError) as refusal:
        await load(builtin.PATH, timeout_s=timeout_s)
    return str(refusal.value)


async def test_a_child_that_crashes_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert "died by signal 11" in await with_child(monkeypatch, tmp_path, crash, 20.0)


def test_the_child_is_not_told_keys_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKDESK_ALPACA_SECRET", "hidden")
    monkeypatch.setenv("TICKDESK_QUANT_TOKEN", "hidden")
    monkeypatch.setenv("LD_BIND_NOW", "1")
    given = child_environment()
    assert "hidden" not in given.values() and given["LD_BIND_NOW"] == "1"


async def test_a_child_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    why = await with_child(monkeypatch, tmp_path, "raise SystemExit('no room')", 20.0)
    assert "exit code 1: no room" in why


async def test_a_child_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hang = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    began = time.monotonic()
    assert "within 1 s" in await with_child(monkeypatch, tmp_path, hang, 1.0)
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_a_canceled_load_leaves_no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stand_in = tmp_path / "python"
    code = f"import os, time; open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    stand_in.write_text(f"#!{sys.executable}\n{code}\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    task = asyncio.create_task(load(builtin.PATH))
    pid = int(await asyncio.wait_for(asyncio.to_thread(pipe.read_text), 20))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_normalise() -> None:
    scores = normalise(np.array([3.0, 1.0, 2.0, 10.0]))
    assert abs(scores.mean()) < 1e-15 and abs(scores.std() - 0.02) < 1e-15
    assert scores.argsort().tolist() == [1, 2, 0, 3]
    for silent in ([], [5.0], [0.1, 0.1, 0.1], [1.0, np.nan, 2.0], [1.0, np.inf]):
        assert normalise(np.array(silent)).tolist() == [0.0] * len(silent)
