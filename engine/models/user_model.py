"""A model that is not LightGBM: the small interface that a user's class implements.

Put one subclass of ``UserModel`` into a Python file and give it to ``tickdesk train --model FILE.py``. It is
trained and validated like any other (the same features, labels, walk-forward folds and purge gap), and it
runs in a process of its own: what it does there, hanging and crashing included, never touches the desk.
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

    At most 50; names of letters, digits and ``_.:/-``; numbers finite, text of one line of 200 characters."""

    @abstractmethod
    def fit(self, rows: Floats, labels: Floats, stop_rows: Floats, stop_labels: Floats, seed: int) -> None:
        """Learn from ``rows`` (n, 158) and ``labels`` (n,), oldest first.

        Rows are the features of Alpha158, NaN where one is missing; labels are forward returns, normalised
        across symbols. The stopping set is later than the training set, with a gap between them; for the
        final fit it is empty (0 rows). The same arguments must give the same model.
        """

    @abstractmethod
    def predict(self, rows: Floats) -> Floats:
        """Predictions (n,) of ``rows`` (n, 158), finite; only their order and distances across symbols count.

        A row's prediction must not depend on the other rows."""

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write what ``load`` needs into the empty ``directory``; the class's own file is kept beside it."""

    @abstractmethod
    def load(self, directory: Path) -> None:
        """Become the model that ``save`` wrote there."""
