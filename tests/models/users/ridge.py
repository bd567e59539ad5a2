"""Ridge regression on standardised features, missing ones at their mean of training."""

import numpy as np

from engine.models.user_model import UserModel


class Ridge(UserModel):
    parameters = {"strength": 100.0}  # noqa: RUF012 - as a user writes it

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
