"""A user's model on the desk: loaded, asked, overtaken, ended; nothing of its code in the desk's process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models import user_predictor
from engine.models.artefact import GOLDEN_ROWS, MANIFEST, golden, read_manifest
from engine.models.drift import reference
from engine.models.load import load
from engine.models.predictor import Predictor
from engine.models.user_predictor import OvertakenError, UserPredictor
from engine.models.user_restarts import Breaks, Restarts
from tests.models.user_artefacts import RIDGE, artefact_of, fitted_artefact, rows, user_artefact, user_file
from tests.models.user_predictors import ask, gone, refused, started, until

ROOT = Path(__file__).resolve().parents[2]

ENGINE_WITH_A_MODEL = """
import asyncio, sys
from pathlib import Path
from engine.models.load import load

async def main():
    predictor = await load(Path(sys.argv[1]))
    import numpy as np
    assert np.isfinite(predictor.predict(np.zeros((3, 158)))).all()
    print([name for name in sys.modules if "_tickdesk_model" in name or name.endswith("user_code")])
    print(predictor.pid, flush=True)
    if sys.argv[2:]:
        predictor.request(1, np.zeros((3, 158)), print)
        await asyncio.sleep(600)
    predictor.close()

asyncio.run(main())
"""


async def test_it_predicts_what_the_fitted_model_does(tmp_path: Path) -> None:
    directory = fitted_artefact(tmp_path / "model", RIDGE)
    made = await load(directory)
    assert isinstance(made, UserPredictor) and made.remote
    try:
        manifest = read_manifest(directory)
        assert (made.version, made.strategy, made.manifest) == (manifest.version, "model", manifest)
        assert (made.metric, made.created_ns, made.note) == ("rank IC 0.100", 1, "")
        at, expected = golden(manifest)
        np.testing.assert_allclose(made.predict(at), expected, rtol=1e-9)
        many = rows(500, 9)
        many[::3, ::5] = np.nan
        first = await ask(made, many)
        assert not isinstance(first, ModelError)
        assert first.tobytes() == made.predict(many).tobytes()
        assert np.corrcoef(first, np.nan_to_num(many[:, 0]))[0, 1] > 0.5
        with pytest.raises(ModelError, match="1 to 10000 rows of 158"):
            made.predict(rows(1)[:, :5])
        assert "1 to 10000 rows" in await refused(made, rows(0))
        assert not isinstance(await ask(made, rows(10_000)), ModelError)
    finally:
        pid = made.pid
        made.close()
    await gone(pid)


def test_the_engines_process_never_runs_the_users_code(tmp_path: Path) -> None:
    told = "open(__file__ + '.ran', 'a').write(str(os.getpid()) + ' ')"
    directory = user_artefact(tmp_path / "model", f"{told}\n")
    done = subprocess.run(
        [sys.executable, "-c", ENGINE_WITH_A_MODEL, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    modules, pid = done.stdout.splitlines()
    assert modules == "[]"
    assert (directory / "model.py.ran").read_text().split() == [pid]


async def test_a_newer_batch_overtakes_one_that_waits(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    body = f"def misbehave(self, rows): open({str(gate)!r}).read() if self.asked == 2 else None"
    async with started(user_artefact(tmp_path / "model", body)) as (made, troubles):
        answers: dict[int, object] = {}
        for ns in range(1, 5):
            made.request(ns, rows(30, ns), lambda answer, ns=ns: answers.setdefault(ns, answer))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert sorted(answers) == [2, 3]
        assert all(isinstance(answers[ns], OvertakenError) for ns in (2, 3))
        await asyncio.to_thread(gate.write_text, "go on")
        await until(lambda: len(answers) == 4)
        for ns in (1, 4):
            np.testing.assert_array_equal(answers[ns], rows(30, ns)[:, 0])
        assert not troubles


async def test_one_killed_between_two_batches_is_back_for_the_next(tmp_path: Path) -> None:
    async with started(user_artefact(tmp_path / "model")) as (made, troubles):
        pid = made.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: troubles)
        assert troubles == [f"model {made.version}: its process was ended by signal 9; it is started again"]
        assert not isinstance(await ask(made, rows(20)), ModelError)
        assert made.pid != pid


async def test_a_request_that_waits_for_a_restart_is_told_in_time(tmp_path: Path) -> None:
    slow = Restarts(first_s=600.0, longest_s=600.0)
    async with started(user_artefact(tmp_path / "model"), answer_s=0.2, restarts=slow) as (made, troubles):
        os.kill(made.pid, signal.SIGKILL)
        await until(lambda: troubles)
        assert "no answer within 200 ms" in await refused(made, rows(20))


async def test_closing_ends_what_is_out_and_the_process(tmp_path: Path) -> None:
    body = "def misbehave(self, rows): time.sleep(600)"
    async with started(user_artefact(tmp_path / "model", body)) as (made, troubles):
        pid, answers = made.pid, []
        for ns in (1, 2):
            made.request(ns, rows(20), answers.append)
            await asyncio.sleep(0.05)
        made.close()
        assert [type(answer) for answer in answers] == [OvertakenError] * 2
        made.close()
        await gone(pid)
        assert "is unloaded" in await refused(made, rows(20))
        assert not troubles


def test_a_replay_waits_for_answers_and_for_a_process_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded on a loop, asked when that is closed, as a replay does it."""
    body = """
    def misbehave(self, rows):
        if rows[0, 1] > 90: os._exit(5)
        if rows[0, 1] < -90: time.sleep(600)
    """
    directory = user_artefact(tmp_path / "model", body)
    made = asyncio.run(load(directory, answer_s=0.3))
    try:
        pids = [made.pid]
        for value, words in ((99.0, "ended with code 5"), (-99.0, "did not answer within 0.3 s")):
            np.testing.assert_array_equal(made.predict(rows(700)), rows(700)[:, 0])
            bad = rows(700)
            bad[0, 1] = value
            monkeypatch.setattr(user_predictor, "REPLAY_S", 0.3)
            with pytest.raises(ModelError, match=words):
                made.predict(bad)
            monkeypatch.undo()
            np.testing.assert_array_equal(made.predict(rows(700)), rows(700)[:, 0])
            pids.append(made.pid)
        assert len(set(pids)) == 3
    finally:
        made.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_tape_waits_no_longer_than_a_live_desk(tmp_path: Path) -> None:
    """Its loop serves consoles too. Afterwards the model is up again."""
    body = """
    def misbehave(self, rows):
        if rows[0, 1] > 90: time.sleep(600)
    """
    directory = user_artefact(tmp_path / "model", body)
    made = await load(directory, answer_s=2.0)
    try:
        bad = rows(9)
        bad[0, 1] = 99.0
        began = time.monotonic()
        for words in ("did not answer within 2 s", "not up yet", "not up yet"):
            with pytest.raises(ModelError, match=words):
                made.predict(bad)
        assert time.monotonic() - began < 3.0
        await until(lambda: _predicts(made))
    finally:
        made.close()


def _predicts(made: Predictor) -> bool:
    try:
        return bool((made.predict(rows(9)) == rows(9)[:, 0]).all())
    except ModelError:
        return False


AT_LOADING = {
    "raise OSError('no weights')": "the model's load failed: OSError: no weights (line",
    "os._exit(4)": "ended with code 4",
    "time.sleep(600)": "did not load within 500 ms",
    "os.kill(os.getpid(), signal.SIGSTOP)": "did not load within 500 ms",
    "print(open('/proc/self/stat').read()); os.close(2); os.abort()": "ended by signal 6",
    "self.answer = lambda rows: np.nan_to_num(rows[:, 1])": "golden rows' predictions differ",
    "self.answer = lambda rows: rows[:, 0]": "1 of 32 numbers that are not finite",
    "self.answer = lambda rows: np.zeros(len(rows))": "one number for everything",
}


@pytest.mark.parametrize("does", AT_LOADING)
async def test_one_that_cannot_be_loaded_is_refused_and_gone(tmp_path: Path, does: str) -> None:
    directory = user_artefact(tmp_path / "model", f"def load(self, directory):\n    {does}\n")
    start_s = 0.5 if "500 ms" in AT_LOADING[does] else 30.0
    made = UserPredictor(directory, read_manifest(directory), start_s=start_s)
    pids: list[int] = []
    begin = made._begin
    made._begin = lambda: (begin(), pids.append(made.pid))[0]
    with pytest.raises(ModelError) as refusal:
        await made.start()
    assert AT_LOADING[does] in str(refusal.value) and "\n" not in str(refusal.value)
    assert made.pid == 0
    await gone(pids[0])


async def test_files_that_the_manifest_does_not_vouch_for_are_not_run(tmp_path: Path) -> None:
    directory = user_artefact(tmp_path / "model")
    with (directory / "model.py").open("a") as file:
        file.write("open(__file__ + '.ran', 'w')\n")
    with pytest.raises(ModelError, match="vouches for"):
        await load(directory)
    (directory / MANIFEST).write_bytes(b"{")
    with pytest.raises(ModelError, match="is damaged"):
        await load(directory)
    assert not (directory / "model.py.ran").exists()


async def test_files_that_changed_meanwhile_are_not_run_either(tmp_path: Path) -> None:
    """By the process that takes the place of one that died."""
    body = "def load(self, directory): (directory / 'weights').read_bytes()"
    source = user_file(tmp_path / "sources", body)
    golden = rows(GOLDEN_ROWS)
    files = {"model.py": source.read_bytes(), "data/weights": b"0123456789"}
    directory = artefact_of(tmp_path / "model", files, golden, golden[:, 0].copy())
    async with started(directory) as (made, troubles):
        (directory / "data" / "weights").write_bytes(b"0123456780")
        os.kill(made.pid, signal.SIGKILL)
        await until(lambda: made.down)
        assert "vouches for" in made.down and any("vouches for" in text for text in troubles)
        assert "vouches for" in await refused(made, rows(5))


async def test_its_process_is_told_no_secrets_and_is_kept_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TICKDESK_ALPACA_SECRET", "AWS_SECRET_ACCESS_KEY", "MY_API_KEY"):
        monkeypatch.setenv(name, "hidden")
    body = """
    def load(self, directory):
        import resource, sys
        assert "hidden" not in os.environ.values() and "PATH" in os.environ
        assert os.getsid(0) == os.getpid() and os.nice(0) >= 5
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
        assert sys.stdin.read() == "" and os.read(0, 1) == b""
        assert os.getcwd() == "/" and os.environ["OMP_NUM_THREADS"] == "1"
        if sys.platform == "linux":
            assert resource.getrlimit(resource.RLIMIT_AS)[1] <= 8 << 30
            assert open("/proc/self/oom_score_adj").read() == "1000\\n"
        import threading
        started = threading.Thread(target=print)
        started.start(), started.join()
    """
    async with started(user_artefact(tmp_path / "model", body)) as (made, _):
        assert not isinstance(await ask(made, rows(5)), ModelError)


def test_it_ends_with_the_desk_however_that_ends(tmp_path: Path) -> None:
    """Also while it keeps the interpreter to itself."""
    body = """
    def misbehave(self, rows):
        import re
        if self.asked > 2: re.match('(a+)+$', 'a' * 60 + 'b')
    """
    directory = user_artefact(tmp_path / "model", body)
    desk = subprocess.Popen(
        [sys.executable, "-c", ENGINE_WITH_A_MODEL, str(directory), "stay"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert desk.stdout is not None
    desk.stdout.readline()
    pid = int(desk.stdout.readline())
    desk.kill()
    desk.wait()
    ends = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < ends
        time.sleep(0.01)
    desk.stdout.close()


def test_it_is_started_again_later_each_time_and_not_for_ever() -> None:
    breaks = Breaks(Restarts(most=4, within_s=3600.0, first_s=1.0, longest_s=3.0))
    assert [breaks.pause_s(at) for at in (0.0, 1.0, 2.0, 3.0, 4.0)] == [1.0, 2.0, 3.0, 3.0, None]
    assert breaks.pause_s(3603.5) == 2.0, "the one a moment ago counts, the older ones do not"
    assert "5 times within 1 h" in breaks.told


async def test_what_training_had_no_value_of_is_not_told_either(tmp_path: Path) -> None:
    """Stored bars of some services have no vwap, live ones do."""
    trained = rows(200, 3)
    trained[:, 1] = np.nan
    body = "def answer(self, rows): return np.nan_to_num(rows[:, 0] + np.nan_to_num(rows[:, 1], nan=7.0))"
    golden_rows = rows(GOLDEN_ROWS)
    golden_rows[:, 1] = np.nan
    predicted = np.nan_to_num(golden_rows[:, 0] + 7.0)
    code = user_file(tmp_path / "sources", body).read_bytes()
    directory = artefact_of(
        tmp_path / "model", {"model.py": code}, golden_rows, predicted, reference=reference(trained)
    )
    made = await load(directory)
    try:
        live = rows(5, 4)
        kept = live.copy()
        expected = live[:, 0] + 7.0
        np.testing.assert_allclose(await ask(made, live), expected)
        np.testing.assert_allclose(made.predict(live), expected)
        assert np.array_equal(live, kept), "others are told all of it"
    finally:
        made.close()
