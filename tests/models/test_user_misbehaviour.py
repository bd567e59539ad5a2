"""Whatever a user's model does in its process, the desk gets numbers or one line, and its loop goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from tests.models.user_artefacts import rows, user_artefact
from tests.models.user_predictors import ask, gone, refused, started, until

INTO_THE_PIPE = """
    def pipe(self):
        ours = {os.readlink(f"/proc/self/fd/{fd}"): int(fd) for fd in sorted(os.listdir("/proc/self/fd"))
                if os.path.exists(f"/proc/self/fd/{fd}") and int(fd) > 2}
        return max(fd for name, fd in ours.items() if name.startswith("pipe:"))
"""


ANSWERS = {
    "raise ValueError('odd\\nrow')": "ValueError: odd row (line",
    "raise SystemExit(3)": "SystemExit: 3",
    "self.answer = lambda rows: rows[1:, 0]": "shape (39,) for 40 rows",
    "self.answer = lambda rows: rows[:, :1]": "use .ravel()",
    "self.answer = lambda rows: None": "an array of numbers, not NoneType",
    "self.answer = lambda rows: ['1'] * len(rows)": "an array of numbers, not list",
    "self.answer = lambda rows: rows[:, 0] + 1j": "an array of numbers",
    "self.answer = lambda rows: [[1.0], [1.0, 2.0]]": "predict's list becomes no array: ValueError",
    "self.answer = lambda rows: type('Odd', (), {'__array__': lambda self, *_, **__: 1 / 0})()": "no array",
    "from engine.errors import ModelError; raise ModelError('')": "failed: ModelError",
    "from engine.errors import ModelError; raise ModelError('odd\\udce4\\x1b')": "failed: ModelError: odd",
    "self.kept = [np.empty(1 << 27) for _ in range(100)]": "MemoryError",
    "os.fork()": "PermissionError",
    "import subprocess; subprocess.run(['sleep', '600'])": "PermissionError",
    "while True: os.write(1, bytes(1 << 20))": "OSError: [Errno 27]",
    "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})": "failed: Odd",
    "(lambda f: f(f))(lambda f: f(f))": "RecursionError",
}
"""What it does after the golden rows: what the desk is told. Its process lives on."""


@pytest.mark.parametrize("does", ANSWERS)
async def test_what_it_answers_wrongly_is_told_in_one_line(tmp_path: Path, does: str) -> None:
    directory = user_artefact(tmp_path / "model", f"def misbehave(self, rows):\n    {does}\n")
    async with started(directory) as (made, troubles):
        pid = made.pid
        assert ANSWERS[does] in await refused(made, rows(40))
        assert ANSWERS[does] in await refused(made, rows(40, 1))
        assert made.pid == pid and not troubles


BREAKS = {
    "os._exit(7)": "ended with code 7",
    "os.kill(os.getpid(), signal.SIGSEGV)": "ended by signal 11",
    "import ctypes; ctypes.string_at(0)": "ended by signal 11",
    "os.write(self.pipe(), bytes(100_000))": "not asked for",
    "os.write(self.pipe(), b'\\xff' * 13)": "not asked for",
    "os.close(self.pipe()); time.sleep(600)": "closed its pipes",
    "os.execv('/bin/sleep', ['sleep', '600'])": "closed its pipes",
}
"""What it does at every second request of a process, as the golden rows are the first."""


@pytest.mark.parametrize("does", BREAKS)
async def test_a_process_that_breaks_is_started_again(tmp_path: Path, does: str) -> None:
    body = f"""{INTO_THE_PIPE}
    def misbehave(self, rows):
        if rows[0, 1] > 90: {does}
    """
    directory = user_artefact(tmp_path / "model", body)
    breaking = rows(40)
    breaking[0, 1] = 99.0
    async with started(directory) as (made, troubles):
        pid = made.pid
        why = await refused(made, breaking)
        assert BREAKS[does] in why
        assert len(troubles) == 1 and troubles[0].endswith("it is started again")
        await gone(pid)
        answer = await ask(made, rows(40))
        assert not isinstance(answer, ModelError) and made.pid != pid
        np.testing.assert_array_equal(answer, rows(40)[:, 0])


HANGS = {
    "sleeps": "time.sleep(600)",
    "keeps the interpreter": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "is stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
    "dribbles": """
            head = (8 * len(rows)).to_bytes(4, 'little') + (2).to_bytes(8, 'little') + bytes([2])
            for byte in head + bytes(8 * len(rows)):
                os.write(self.pipe(), bytes([byte])); time.sleep(0.05)
    """,
    "ends no thread": "import threading; [threading.Thread(target=time.sleep, args=(600,)).start() "
    "for _ in range(20)]; time.sleep(600)",
}


@pytest.mark.parametrize("how", HANGS)
async def test_a_process_that_hangs_is_killed_and_started_again(tmp_path: Path, how: str) -> None:
    body = f"""{INTO_THE_PIPE}
    def misbehave(self, rows):
        if rows[0, 1] > 90:
            {HANGS[how].strip()}
    """
    directory = user_artefact(tmp_path / "model", body)
    hanging = rows(40)
    hanging[0, 1] = 99.0
    async with started(directory, answer_s=0.4) as (made, troubles):
        pid = made.pid
        assert "no answer within 400 ms" in await refused(made, hanging)
        await gone(pid)
        await until(lambda: made.pid not in (0, pid) and not made._process.busy)
        assert troubles == [
            f"model {made.version}: its process did not answer within 400 ms; it is started again"
        ]
        assert not isinstance(await ask(made, rows(40)), ModelError)


async def test_what_is_sent_unasked_is_the_end_of_a_process(tmp_path: Path) -> None:
    later = "import threading; threading.Timer(0.05, lambda: os.write(self.pipe(), b'more')).start()"
    body = f"{INTO_THE_PIPE}\n    def misbehave(self, rows): {later}\n"
    async with started(user_artefact(tmp_path / "model", body)) as (made, troubles):
        pid = made.pid
        assert not isinstance(await ask(made, rows(40)), ModelError)
        await until(lambda: troubles and made.pid not in (0, pid))
        assert "sends what it was not asked for" in troubles[0]


async def test_a_flood_of_words_is_cut_and_answers_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flood = "def misbehave(self, rows):\n    for i in range(200_000): print(f'line {i} \\x1b[31m')\n"
    async with started(user_artefact(tmp_path / "model", flood)) as (made, _):
        assert not isinstance(await ask(made, rows(40)), ModelError)
        size = made._process._said.seek(0, 2)
        assert 0 < size <= 64 * 1024
    told = [record.getMessage() for record in caplog.records]
    assert 0 < len(told) <= 20 and told[-1].endswith("printed: line 199999 [31m")


async def test_one_that_closes_its_output_answers_on(tmp_path: Path) -> None:
    body = "def misbehave(self, rows):\n    os.closerange(0, 3)\n    print('lost')\n"
    async with started(user_artefact(tmp_path / "model", body)) as (made, troubles):
        for seed in range(3):
            assert not isinstance(await ask(made, rows(40, seed)), ModelError)
        assert not troubles


async def test_numbers_that_are_not_finite_are_passed_on_to_who_judges_them(tmp_path: Path) -> None:
    body = "def misbehave(self, rows): self.answer = lambda rows: rows[:, 0] * float('nan')"
    async with started(user_artefact(tmp_path / "model", body)) as (made, _):
        answer = await ask(made, rows(40))
        assert not isinstance(answer, ModelError) and np.isnan(answer).all()


async def test_one_that_breaks_again_and_again_stays_down(tmp_path: Path) -> None:
    body = "def misbehave(self, rows): os._exit(9) if self.asked == 3 else None"
    async with started(user_artefact(tmp_path / "model", body)) as (made, troubles):
        for _ in range(4):
            assert not isinstance(await ask(made, rows(40)), ModelError)
            assert "ended with code 9" in await refused(made, rows(40))
        assert made.pid == 0 and len(troubles) == 4
        assert "broke 4 times within 1 h and stays off" in troubles[-1]
        assert "stays off" in await refused(made, rows(40))
        with pytest.raises(ModelError, match="stays off"):
            made.predict(rows(40))
