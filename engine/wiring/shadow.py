"""A model that predicts beside the active one: nothing is decided by it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from engine.errors import ModelError
from engine.models.predictor import Answer, Predictor, remote_of
from engine.models.usable import usable
from engine.wiring.model_watch import Answered, Job, ModelWatch


class Shadow:
    def __init__(self, watch: ModelWatch) -> None:
        """``watch`` is told what it predicted."""
        self._watch = watch
        self.predictor: Predictor | None = None
        self.error = ""
        """Why it does not predict, one line."""
        self.apart = ""
        """Why it is asked at other bar closes than the active model; "": it is not."""
        self.timer: Callable[[], int] | None = None
        """Measures how long it takes (ns), where it runs live."""

    def set(self, predictor: Predictor | None) -> None:
        """From the next batch on; None: there is none."""
        self.predictor, self.error, self.apart = predictor, "", ""

    def stand_beside(self, active: Predictor | None) -> None:
        """Of other bars they are not compared."""
        before, self.apart = self.apart, _apart(active, self.predictor)
        if self.apart or self.error == before:
            self.error = self.apart

    def ask(self, job: Job, active: Answered | None) -> None:
        """What the active model was asked, and answered, if it did; not when it was of other bars."""
        predictor = self.predictor
        if predictor is None or predictor.manifest.bar_interval_s != job.interval_s:
            return
        began_ns = 0 if self.timer is None else self.timer()
        remote = remote_of(predictor)
        if remote is not None and self.timer is not None:
            remote.request(job.ns, job.rows, partial(self._answered, predictor, job, active, began_ns))
            return
        try:
            answer: Answer = predictor.predict(job.rows)
        except ModelError as error:
            answer = error
        self._answered(predictor, job, active, began_ns, answer)

    def _answered(
        self, predictor: Predictor, job: Job, active: Answered | None, began_ns: int, answer: Answer
    ) -> None:
        if predictor is not self.predictor:
            return  # another one runs by now
        name = f"shadow {predictor.version}"
        if isinstance(answer, ModelError):
            self.error = f"{name}: {answer}"
        elif answer.shape != (len(job.symbols),) or not usable(answer):
            self.error = f"{name} predicted numbers that are not finite, too large, or too few"
        else:
            self.error = self.apart
            took_ms = None if self.timer is None else (self.timer() - began_ns) / 1e6
            self._watch.on_shadow(job, Answered(predictor.version, answer, took_ms), active)


def _apart(active: Predictor | None, shadow: Predictor | None) -> str:
    if active is None or shadow is None:
        return ""
    ours, its = (one.manifest.bar_interval_s for one in (active, shadow))
    if its == ours:
        return ""
    return f"shadow {shadow.version} is not compared: its bars are of {its:g} s, the active one's of {ours:g}"
