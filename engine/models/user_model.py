"""A model that is not LightGBM: the small interface that a user's class implements.

Put one subclass of ``UserModel`` into a Python file and give it to ``tickdesk train --model FILE.py``. It is
trained and validated like any other (the same features, labels, walk-forward folds and purge gap), and on the
desk it runs in a process of its own: what it does there, hanging and crashing included, never touches the
desk. A whole one:

    import numpy as np

    from engine.models.user_model import UserModel


    class Ridge(UserModel):
        parameters = {"strength": 100.0}

        def fit(self, rows, labels, stop_rows, stop_labels, seed):
            self.mean = np.nan_to_num(np.nanmean(rows, axis=0))
            self.scale = np.nanstd(rows, axis=0)
            self.scale = np.where(self.scale > 0, self.scale, 1.0)
            x = self._filled(rows)
            gram = x.T @ x + self.parameters["strength"] * np.eye(x.shape[1])
            self.weights = np.linalg.solve(gram, x.T @ labels)

        def predict(self, rows):
            return self._filled(rows) @ self.weights

        def _filled(self, rows):
            return np.nan_to_num((rows - self.mean) / self.scale)

        def save(self, directory):
            np.save(directory / "ridge.npy", [self.mean, self.scale, self.weights])

        def load(self, directory):
            self.mean, self.scale, self.weights = np.load(directory / "ridge.npy", allow_pickle=False)

What it may rely on:

- The file stands alone: it is copied into the model, and imports whatever is installed beside tickdesk, but
  no file that lies next to it. Nobody but its owner may be able to write to it (``chmod go-w``).
- Arrays are float64 and its own to change.
- On the desk: one process, loaded once, asked with one batch after the other, a row per symbol (10,000 at
  most). It has one thread for BLAS, may start threads but no processes, and gets at most 8 GB or half of the
  machine's memory. An answer takes ``models.answer_ms`` (2 s) at most, and no longer than until the next
  question (``models.every_bars`` bars). Of the desk's environment it is told no keys and secrets.
- When its process hangs or dies it is started again, up to five times an hour. A batch without an answer is
  left out; after ``models.rollback.strikes`` of them in a row, or a number that is not finite, the desk goes
  back to the model before.
- What it raises is told in one line, with the line of the file. What it prints is logged when it is loaded
  and when it ends (the newest 20 lines); in training it goes to standard error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class UserModel(ABC):
    """One instance is fitted once, or loaded once; then it predicts. It is made without arguments."""

    parameters: ClassVar[Mapping[str, int | float | str | bool]] = {}
    """What it is trained with, to be kept and shown with the model. Nothing reads it but the class itself.

    A dict of at most 50 values; names of letters, digits and ``_.:/-``; numbers finite, text of one line of
    200 characters."""

    @abstractmethod
    def fit(self, rows: Floats, labels: Floats, stop_rows: Floats, stop_labels: Floats, seed: int) -> None:
        """Learn from ``rows`` (n, 158) and ``labels`` (n,), oldest first.

        Rows are the features of Alpha158 in the order of ``engine.features.alpha158.NAMES``, NaN where one is
        missing (in some features that is usual, in any it is possible); they are not scaled. Labels are
        forward returns, normalised across symbols to mean 0 and deviation 1. The rows of one moment, one of
        each symbol, follow each other.

        The stopping set is later than the training set, with a gap between them, and meant for early
        stopping; for the final fit, on all rows, it is empty (0 rows), so the class has to know how long to
        learn. The same arguments must give the same model: draw random numbers from ``seed``, and only here.
        """

    @abstractmethod
    def predict(self, rows: Floats) -> Floats:
        """Predictions (n,) of ``rows`` (n, 158); only their order and distances across symbols count.

        One finite number a row, also where features are NaN, even all of them. A row's prediction must not
        depend on the other rows: means, scales and ranks come from ``fit``. The same row must give the same
        number to a relative 1e-9, here and in the process that has loaded the model, which takes float64
        throughout (32 golden rows are compared at each start).
        """

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write all that ``fit`` learnt into the empty ``directory``; the class's own file is kept beside it.

        At most 900 files and 240 MB, up to 3 folders in each other, names of letters, digits and ``_.-``.
        Prefer data to pickles (``numpy.save``, JSON): a pickle breaks with the next version of its library.
        """

    @abstractmethod
    def load(self, directory: Path) -> None:
        """Become the model that ``save`` wrote there; write nothing to it. 20 s at most."""
