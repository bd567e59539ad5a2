"""Scoring: at bar closes the active model predicts all symbols; one batch is of one version.

The active model is one reference, exchanged between two batches. A model in a process of its own is asked at
the close and answers later on; its answer is a batch of the close that it was asked about, and is dropped
when it comes later than ``models.answer_ms``, after the next question, or after another model was put to
work. A model that cannot go on (``engine.models.rollback``) is exchanged here for the last good one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.config import Config
from engine.errors import ModelError
from engine.events import NS
from engine.feature_table import FeatureTable
from engine.models.load import normalise
from engine.models.predictor import Answer, Predictor, RemotePredictor, remote_of
from engine.models.rollback import Judge
from engine.wiring.batches import Batch, Batches
from engine.wiring.model_bars import ModelBars
from engine.wiring.model_watch import Answered, Job, ModelWatch
from engine.wiring.shadow import Shadow

Floats = npt.NDArray[np.float64]


class Fall(NamedTuple):
    """The desk went back from a model by itself."""

    version: str
    to: str
    """"": it goes on without a model."""
    reason: str
    ns: int


class _Closes(NamedTuple):
    interval_s: float
    indices: npt.NDArray[np.int64]
    closes: Floats


class _Asked(NamedTuple):
    job: Job
    began_ns: int


def _unmeasured(ns: int) -> None:
    """Nobody measures."""


def _nobody(fall: Fall) -> None:
    """Nobody is told."""


def _nothing() -> None:
    """Nothing follows."""


def _at_once(work: Callable[[], None]) -> None:
    work()


class Scoring:
    """Holds the predictors. In a replay nothing depends on the machine: latency is not judged, and a model in
    a process of its own is waited for."""

    fallback: Callable[[], Predictor | None]
    """The last good model, ready to predict; asked for when the active one must go. None: there is none."""
    on_fall: Callable[[Fall], None]
    """Told after the desk has gone back."""

    def __init__(
        self,
        config: Config,
        bars: ModelBars,
        symbols: Sequence[str],
        *,
        on_batch: Callable[[Batch], None],
        top_n: Callable[[], int],
        on_gone: Callable[[], None] = _nothing,
    ) -> None:
        """``symbols``: by index, live. ``on_batch``: takes an answer that came later than its bar close.
        ``top_n()``: longs, and shorts, that the model strategy takes. ``on_gone()``: what the active model
        said last counts no more: it had to go, or none is to take its place."""
        self._config = config.models
        self._bars = bars
        self._symbols = symbols
        self._on_batch = on_batch
        self._on_gone = on_gone
        self.watch = ModelWatch(config.models, top_n)
        self.active: Predictor | None = None
        self.dated_ns: int | None = None
        """From when the age of the active model counts; None: from when it was made."""
        self._shadow = Shadow(self.watch)
        self.batches = Batches()
        self.late = 0
        """Answers that came too late, or never."""
        self.error = ""
        """What is wrong with the active model, one line."""
        self._silent = False
        """``error`` is that of a batch without an answer: the next answer ends it."""
        self.fallback = lambda: None
        self.on_fall = _nobody
        self._held_s: tuple[float, ...] = ()
        self._judge = Judge(config.models.rollback)
        self._timer: Callable[[], int] | None = None
        self.on_scored: Callable[[int], None] = _unmeasured
        """Called with how many ns the active model took, in a live process."""
        self._defer: Callable[[Callable[[], None]], object] = _at_once
        self._asked: _Asked | None = None
        self._after: Callable[[], None] | None = None
        self.noted = True
        """Whether somebody reads how models did and what they said: else only what may bring one down is
        looked at."""

    def go_live(
        self, timer: Callable[[], int], defer: Callable[[Callable[[], None]], object] = _at_once
    ) -> None:
        """From now on in a live process: ``timer`` (ns, monotonic) judges latencies, models in processes of
        their own answer when they do, and what no decision waits for is given to ``defer``."""
        self._timer = self._shadow.timer = timer
        self._defer = defer

    # --- which models ---

    def set_active(
        self, predictor: Predictor | None, dated_ns: int | None = None, *, anew: bool = True
    ) -> None:
        """Put a model to work, from the next batch on; ``dated_ns``: from when its age counts.

        ``anew``: its live IC is judged by what comes from now on, not by what was kept of it.
        """
        self.active, self.dated_ns = predictor, dated_ns
        self.error, self._silent = "", False
        self._judge = Judge(self._config.rollback)
        if predictor is None:
            self._on_gone()
        elif self.shadow is not None and self.shadow.version == predictor.version:
            self._shadow.set(None)
        if self._asked is not None:
            self._asked, self.late = None, self.late + 1
        self._use()
        if anew:
            self.watch.put_to_work(predictor)
        self.watch.watch_drift(predictor)

    @property
    def shadow(self) -> Predictor | None:
        """Predicts beside the active one."""
        return self._shadow.predictor

    @property
    def shadow_error(self) -> str:
        """Why it does not predict, or is not compared, one line."""
        return self._shadow.error

    def no_shadow(self, why: str) -> None:
        """The one that was wanted cannot predict."""
        self.set_shadow(None)
        self._shadow.error = why

    def set_shadow(self, predictor: Predictor | None) -> None:
        """Let another model predict beside the active one, from the next batch on."""
        if predictor is not None and self.active is not None and predictor.version == self.active.version:
            predictor = None  # none is its own shadow
        self._shadow.set(predictor)
        self._use()

    def hold(self, *interval_s: float) -> None:
        """Keep bars of these intervals too: a model on them may be put to work at any moment, and must not
        begin without."""
        self._held_s = interval_s
        self._need()

    def _use(self) -> None:
        self.watch.use(self.active, self.shadow)
        self._shadow.stand_beside(self.active)
        self._need()

    def _need(self) -> None:
        used = [one for one in (self.active, self.shadow) if one is not None]
        self._bars.need((*self._held_s, *(one.manifest.bar_interval_s for one in used)))

    def created_ns(self) -> int | None:
        """From when the age of the active model counts; None without one."""
        if self.active is None:
            return None
        return self.active.created_ns if self.dated_ns is None else self.dated_ns

    @property
    def lead(self) -> Predictor | None:
        """Whose bars count: the active one's, without one the shadow's."""
        return self.active or self.shadow

    def every_ns(self, predictor: Predictor) -> int:
        """Between two predictions."""
        return round(self._config.every_bars * predictor.manifest.bar_interval_s * NS)

    def lives_ns(self) -> int:
        """How long what the active model says must count at least: until it speaks again."""
        if self.active is None:
            return 0
        answer_ms = self._config.answer_ms if remote_of(self.active) and self._timer is not None else 0.0
        return self.every_ns(self.active) + round(answer_ms * 1e6)

    def batch(self, ns: int = 0) -> Batch | None:
        """The active model's batch of the bar close at ``ns``, 0: the newest; None when it is gone."""
        return self.batches.get(ns)

    def spoke(self) -> str:
        """The version that predicted last; "" before the first batch."""
        batch = self.batches.get()
        return "" if batch is None else batch.version

    def mark(self, symbol: str) -> None:
        """The newest prediction of ``symbol`` leads to an order: it is kept longer."""
        batch = self.batches.get()
        if batch is not None:
            self.batches.mark(symbol, batch.version, batch.ns)

    def rows_for(self, predictor: Predictor) -> Floats | None:
        """The newest rows that ``predictor`` could be tried on; None: there are none of its bars yet."""
        batch, lead = self.batches.get(), self.lead
        if batch is None or lead is None:
            return None
        alike = predictor.manifest.bar_interval_s == lead.manifest.bar_interval_s
        return batch.rows if alike else None

    # --- at a boundary ---

    def on_bars(self, table: FeatureTable, boundary_ns: int, *, trading: bool) -> Batch | None:
        """The batch of this bar close; None when there is none, or none yet."""
        self._after = None
        if self.active is not None and boundary_ns % self.every_ns(self.active) == 0:
            self._forget_asked()
        lead = self.lead  # one may have had to go
        if lead is None or boundary_ns % self.every_ns(lead):
            return None
        job = self.job(lead, table, boundary_ns)
        if job is None:
            return None
        predictor = self.active
        if predictor is None:
            if trading:
                self._after = partial(self._beside, job, None)
            return None
        remote = remote_of(predictor)
        if remote is not None and self._timer is not None:
            if trading:  # what was is not worth a question
                self._ask(remote, job, self._timer())
            return None
        began_ns = 0 if self._timer is None else self._timer()
        try:
            predictions = predictor.predict(job.rows)
        except ModelError as error:
            self._silence(str(error), job.ns)
            return None
        took_ms = None
        if self._timer is not None:
            took_ns = self._timer() - began_ns
            self.on_scored(took_ns)
            took_ms = took_ns / 1e6
        batch = self._accept(predictor, job, predictions, took_ms)
        if trading:
            self._after = partial(self._beside, job, _said(batch, took_ms))
        return batch

    def after(self, table: FeatureTable, boundary_ns: int) -> None:
        """The decisions of this boundary are out: what nothing waited for may be done."""
        works, self._after = [self._after], None
        judged = self._config.rollback.min_live_ic is not None
        if not (self.noted or judged) and self.shadow is None:
            return
        closes = self._closes(table, boundary_ns)
        if closes:
            score = partial(self._score, closes, boundary_ns)
            if not judged:
                works.insert(0, score)
            else:
                score()  # the model may have to go for it, in a replay at the same moment
        shadow = self.shadow
        if shadow is not None and self._shadow.apart and boundary_ns % self.every_ns(shadow) == 0:
            job = self.job(shadow, table, boundary_ns)
            works.append(None if job is None else partial(self._shadow.ask, job, None))
        for work in works:
            if work is not None:
                self._defer(work)

    def job(self, predictor: Predictor, table: FeatureTable, boundary_ns: int) -> Job | None:
        """What ``predictor`` would be asked now; None with fewer than two symbols that have enough bars."""
        interval_s = predictor.manifest.bar_interval_s
        found = self._bars.rows(interval_s, table, boundary_ns)
        if found is None or len(found.indices) < 2:
            return None
        symbols = tuple([self._symbols[index] for index in found.indices.tolist()])
        return Job(table.ns, interval_s, symbols, found.rows, found.closes, found.traded)

    def _closes(self, table: FeatureTable, boundary_ns: int) -> list[_Closes]:
        """What the watch wants to know of the bars that closed just now."""
        wanted = sorted(self.watch.due(boundary_ns))
        return [_Closes(each_s, *self._bars.closes(each_s, table, boundary_ns)) for each_s in wanted]

    def _score(self, closes: Sequence[_Closes], boundary_ns: int) -> None:
        """Tell the watch what became of earlier predictions; the active model may have to go for it."""
        for one in closes:
            names = [self._symbols[index] for index in one.indices.tolist()]
            found = dict(zip(names, one.closes.tolist(), strict=True))
            self.watch.on_closes(one.interval_s, boundary_ns, found)
        if self.active is not None and self._config.rollback.min_live_ic is not None:
            track = self.watch.tracks[self.active.version]
            reason = self._judge.on_live_ic(track.live_rank_ic(), track.judged)
            if reason:
                self.fall(reason, boundary_ns)

    def _accept(
        self, predictor: Predictor, job: Job, predictions: Floats, took_ms: float | None
    ) -> Batch | None:
        """The batch, when the model may speak on."""
        if predictions.shape != (len(job.symbols),):
            self._silence(f"{predictions.shape} predictions of {len(job.symbols)} symbols", job.ns)
            return None
        reason = self._judge.on_batch(predictions, took_ms)
        if reason:
            self.fall(reason, job.ns)
            return None
        if self._silent:
            self.error, self._silent = "", False
        batch = Batch(job.ns, predictor.version, job.symbols, job.rows, predictions, normalise(predictions))
        self.batches.add(batch)
        return batch

    # --- a model in a process of its own ---

    def _ask(self, predictor: RemotePredictor, job: Job, began_ns: int) -> None:
        self._asked = asked = _Asked(job, began_ns)
        predictor.request(job.ns, job.rows, partial(self._answered, predictor, asked))

    def _answered(self, predictor: Predictor, asked: _Asked, answer: Answer) -> None:
        if asked is not self._asked or self._timer is None:
            return  # counted when it was given up
        took_ns = self._timer() - asked.began_ns
        self.on_scored(took_ns)
        took_ms = took_ns / 1e6
        if took_ms > self._config.answer_ms:
            self._forget_asked()
            return
        self._asked = None
        job = asked.job
        if isinstance(answer, ModelError):
            self._silence(str(answer), job.ns)
            self._defer(partial(self._beside, job, None))
            return
        batch = self._accept(predictor, job, answer, None)
        if batch is not None:
            self._on_batch(batch)
        self._defer(partial(self._beside, job, _said(batch, took_ms)))

    def _forget_asked(self) -> None:
        """Give up an answer that is still out."""
        asked, self._asked = self._asked, None
        if asked is not None:
            self.late += 1
            self._silence("no answer in time", asked.job.ns)

    # --- beside it ---

    def _beside(self, job: Job, active: Answered | None) -> None:
        """The decisions on a batch are out: take notes of it, and let the shadow predict the same."""
        if active is not None:
            self.watch.on_active(job, active)
        self._shadow.ask(job, active)

    # --- a model that must go ---

    def _silence(self, why: str, ns: int) -> None:
        self.error, self._silent = why, True
        reason = self._judge.on_silence(why)
        if reason:
            self.fall(reason, ns)

    def fall(self, reason: str, ns: int) -> None:
        """Go back to the last good model, from the next batch on."""
        fallen = self.active
        if fallen is None:
            return
        to = self.fallback()
        self.set_active(to)
        self._on_gone()
        if to is None:
            self.error = f"model {fallen.version} is off, the strategy goes on without a model: {reason}"
        self.on_fall(Fall(fallen.version, "" if to is None else to.version, reason, ns))


def _said(batch: Batch | None, took_ms: float | None) -> Answered | None:
    return None if batch is None else Answered(batch.version, batch.predictions, took_ms)
