"""Users' models in training: copies of the rows, finite numbers, early refusals of what would fail live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.user_code import load_class
from engine.models.user_fit import fit, predict, prove
from tests.models.user_artefacts import RIDGE, fitted_artefact, rows, user_artefact, user_file

NONE = (rows(0), rows(0)[:, 0])


def fitted(path: Path, train: np.ndarray) -> np.ndarray:
    model = fit(load_class(path), path, (train, train[:, 0]), NONE, 1)
    return predict(model, path, train)


def test_a_model_is_fitted_and_predicts(tmp_path: Path) -> None:
    path = tmp_path / "ridge.py"
    path.write_bytes(RIDGE.read_bytes())
    path.chmod(0o600)
    train = rows(400)
    train[::5, ::7] = np.nan
    train[:, 0] = np.nan_to_num(train[:, 0])
    assert np.corrcoef(fitted(path, train), train[:, 0])[0, 1] > 0.7


def test_what_it_does_to_its_rows_reaches_nobody_else(tmp_path: Path) -> None:
    body = """
    def fit(self, rows, labels, stop_rows, stop_labels, seed):
        for part in (rows, labels, stop_rows, stop_labels): part[:] = 7.0
    def answer(self, rows):
        rows[np.isnan(rows)] = 0.0
        return rows[:, 0]
    """
    path, train = user_file(tmp_path, body), rows(100)
    train[3, 0] = np.nan
    before = train.copy()
    assert fitted(path, train)[3] == 0.0
    np.testing.assert_array_equal(train, before)


ANSWERS = {
    "return rows[:, 0] - rows[:, 0].mean()": "depends on the rows beside it",
    "return np.argsort(np.argsort(rows[:, 0])) / len(rows)": "depends on the rows beside it",
    "return rows[:, 0] + np.random.default_rng().normal(size=len(rows))": "the second time",
    "self.calls = getattr(self, 'calls', 0) + 1; return rows[:, 0] * self.calls": "the second time",
    "return rows[:, 0] * np.nan": "64 of 64 numbers that are not finite",
    "return np.where(np.isnan(raw).all(axis=1), np.nan, rows[:, 0])": "1 of 64 numbers",
    "return rows": "shape (64, 158) for 64 rows",
    "return rows[:, :1]": "use .ravel()",
    "return None": "not NoneType",
    "return rows[:, 0] * 1e101": "beyond 1e+100",
    "return type('Odd', (), {'__array__': lambda self, *_, **__: 1 / 0})()": "no array: ZeroDivisionError",
    "raise ValueError('no')": "the model's predict failed: ValueError: no (line",
    "return rows[:, 0] * self.learnt": "the model's predict failed: AttributeError",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_would_fail_live_is_refused_after_the_first_fit(tmp_path: Path, answer: str) -> None:
    path = user_file(tmp_path, f"def answer(self, raw):\n    rows = np.nan_to_num(raw)\n    {answer}\n")
    with pytest.raises(ModelError) as caught:
        fitted(path, rows(100))
    told = str(caught.value)
    assert ANSWERS[answer] in told and "\n" not in told


def test_what_save_and_load_lose_is_refused(tmp_path: Path) -> None:
    body = """
    learnt = 1.0
    def fit(self, rows, labels, stop_rows, stop_labels, seed): self.learnt = 2.0
    def answer(self, rows): return np.nan_to_num(rows[:, 0]) * self.learnt
    """
    with pytest.raises(ModelError, match="save all that fit learnt"):
        fitted(user_file(tmp_path, body), rows(100))


def test_rounding_of_sums_is_no_dependence(tmp_path: Path) -> None:
    body = "def answer(self, rows): return np.nan_to_num(rows) @ np.linspace(1e-3, 1e3, 158)\n"
    assert len(fitted(user_file(tmp_path, body), rows(333))) == 333


def test_an_artefact_is_proven_as_the_desk_will_load_it(tmp_path: Path) -> None:
    prove(fitted_artefact(tmp_path / "good", RIDGE))
    body = "def load(self, directory): os.environ['TICKDESK_OF_THE_TRAINER']\n"
    with pytest.raises(ModelError, match="KeyError: 'TICKDESK_OF_THE_TRAINER'"):
        prove(user_artefact(tmp_path / "bad", body))
