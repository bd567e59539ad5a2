"""A training run in MLflow (optional extra ``mlflow``): parameters, figures, importance, the artefact."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.errors import ConfigError, ModelError
from engine.logs import redact
from engine.models.artefact import Artefact, Metrics
from engine.text import clean

EXPERIMENT = "tickdesk"
_PARAMS, _METRICS = 100, 1000
"""That MLflow takes in one batch."""
_FIGURES = ("ic", "rank_ic", "icir", "long_short_sharpe")


class MLflowLog:
    """Opened before the training, so that a wrong URI costs no time; written after it."""

    def __init__(self, uri: str) -> None:
        """Raises ConfigError without the extra, or for a URI that cannot be used."""
        # It tells its makers of every use; a trading desk tells nobody.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        # A server that does not answer is asked for minutes otherwise, in a run that cannot be interrupted.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        try:
            import mlflow
            from mlflow import MlflowClient
        except ImportError:
            raise ConfigError(
                "--mlflow needs the extra mlflow: pip install 'tickdesk[mlflow]', or leave --mlflow out"
            ) from None
        self._uri = _told(uri, 200)
        if urlsplit(uri).scheme in ("", "file"):
            raise ConfigError(
                f"--mlflow {self._uri}: MLflow refuses folders; give a database, as in sqlite:///runs.db, or "
                "the address of a server"
            )
        try:
            self._client: Any = MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment: str = (
                self._client.create_experiment(EXPERIMENT, artifact_location=_beside(uri))
                if found is None
                else found.experiment_id
            )
        except (mlflow.exceptions.MlflowException, ImportError, OSError, ValueError) as error:
            raise ConfigError(f"--mlflow {self._uri} cannot be used: {_told(error, 150)}") from None

    def write(self, made: Artefact, directory: Path) -> str:
        """Log the run of ``made``, whose files are in ``directory``; its id. Raises ModelError."""
        try:
            return self._write(made, directory)
        except Exception as error:  # of its database, its network or its own
            raise ModelError(
                f"the run could not be logged to {self._uri}: {type(error).__name__}: {_told(error, 150)}"
            ) from None

    def _write(self, made: Artefact, directory: Path) -> str:
        from mlflow.entities import Metric, Param

        client, manifest = self._client, made.manifest
        run = client.create_run(self._experiment, run_name=manifest.version)
        run_id: str = run.info.run_id
        about = {
            "version": manifest.version,
            "kind": manifest.kind,
            "source": manifest.source,
            "bar_interval_s": manifest.bar_interval_s,
            "horizon_bars": manifest.horizon_bars,
            "purge_gap_bars": manifest.purge_gap_bars,
            "embargo_bars": manifest.embargo_bars,
            "symbols": len(manifest.symbols),
            "training_rows": manifest.training_rows,
        }
        settings = {**manifest.parameters, **about}
        params = [Param(name, str(value)) for name, value in settings.items()]
        figures = _figures("", manifest.metrics, 0, manifest.created_ns) if manifest.metrics else []
        for number, fold in enumerate(manifest.folds, 1):
            figures += _figures("fold.", fold.metrics, number, manifest.created_ns)
            figures.append(Metric("fold.rounds", fold.rounds, manifest.created_ns // 1_000_000, number))
        shares = [
            Metric(f"importance.{one.feature}", one.share, manifest.created_ns // 1_000_000, 0)
            for one in manifest.importance
        ]
        client.log_batch(run_id, params=params[:_PARAMS], metrics=shares)
        for start in range(0, len(figures), _METRICS):
            client.log_batch(run_id, metrics=figures[start : start + _METRICS])
        client.log_artifacts(run_id, str(directory), "model")
        client.set_terminated(run_id)
        return run_id


def _told(what: object, limit: int) -> str:
    """Without the password that an address may hold: its database quotes it, too."""
    return clean(redact(clean(what, 4 * limit)), limit)


def _figures(prefix: str, metrics: Metrics, step: int, ns: int) -> list[Any]:
    from mlflow.entities import Metric

    found = [Metric(f"{prefix}steps", metrics.steps, ns // 1_000_000, step)]
    for name in _FIGURES:
        estimate = getattr(metrics, name)
        parts = (("", estimate.value), (".low", estimate.low), (".high", estimate.high))
        found += [Metric(f"{prefix}{name}{part}", value, ns // 1_000_000, step) for part, value in parts]
    return found


def _beside(uri: str) -> str | None:
    """Where the files of the runs go: beside a SQLite database; else where MLflow puts them."""
    prefix = "sqlite:///"
    if not uri.startswith(prefix):
        return None
    path = Path(uri.removeprefix(prefix)).absolute()
    return (path.parent / f"{path.stem}-artifacts").as_uri()
