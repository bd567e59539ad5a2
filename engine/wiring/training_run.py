"""The desk's training run: one at a time, beside the engine, and what becomes of the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.api.model_protocol import TrainingOrder, TrainingRow
from engine.config import (
    AutomationsConfig,
    BrokersConfig,
    CacheConfig,
    Config,
    LinkConfig,
    NotifyConfig,
    QuantConfig,
)
from engine.config.load import traded
from engine.errors import ModelError
from engine.text import clean
from engine.wiring.take_up import Models, known, take_up
from engine.wiring.training_process import GRACE_S, TRAINING, TrainingProcess

log = logging.getLogger("engine.models")

SOURCE = "training"


class TrainingRun:
    """The run at work, or the last one."""

    def __init__(
        self,
        config: Config,
        state_dir: Path,
        models: Models,
        *,
        clock: Callable[[], int],
        alert: Callable[[str, str, str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        command: Sequence[str] = TRAINING,
        grace_s: float = GRACE_S,
    ) -> None:
        """``alert(level, source, text)`` tells the person at the desk; ``spawn`` holds on to the work."""
        self._given = msgspec.json.encode(_needed(config))
        self._limit_s = config.models.training_limit_s
        self._traded = traded(config)
        self._state_dir = state_dir
        self._models = models
        self._clock = clock
        self._alert = alert
        self._spawn = spawn
        self._command = command
        self._grace_s = grace_s
        self._row = TrainingRow("none")
        self._process: TrainingProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._canceled_by = ""
        self.next_ns = 0
        """When the schedule starts the next one; 0: never."""

    @property
    def row(self) -> TrainingRow:
        return msgspec.structs.replace(self._row, next_ns=self.next_ns)

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self, order: TrainingOrder, who: str) -> str:
        """Start a run; one line. Raises ModelError while one is at work."""
        if self.running:
            raise ModelError(f"a training run is at work ({self._row.text}): cancel it, or wait for its end")
        options = _options(order)
        self._row = TrainingRow("running", 0.0, "starts", started_ns=self._clock(), who=who)
        self._canceled_by = ""
        self._process = TrainingProcess(
            [
                "--state-dir",
                str(self._state_dir),
                "--config",
                "-",
                "--progress",
                "json",
                f"--who={who}",
                *options,
            ],
            self._given,
            self._progress,
            limit_s=self._limit_s,
            command=self._command,
            grace_s=self._grace_s,
        )
        log.info("training starts", extra={"fields": {"who": who}})
        self._task = self._spawn(self._run(self._process, order.then, who))
        return "a training run starts: its progress is on the models screen and in `tickdesk models training`"

    async def cancel(self, who: str) -> str:
        """End the run, and wait for it; one line. Raises ModelError when none is at work."""
        task, process = self._task, self._process
        if task is None or task.done():
            raise ModelError("no training run is at work")
        if process is None:
            raise ModelError(f"it is done already: {self._row.text}")
        self._canceled_by = who
        process.end()
        await asyncio.wait([task])
        if self._row.state != "canceled":
            return f"it was done already: {self._row.text}"
        return "the training run was canceled: nothing was registered"

    # --- a run ---

    def _progress(self, share: float, text: str) -> None:
        self._change(share=share, text=text)

    def _change(self, **changes: object) -> None:
        self._row = msgspec.structs.replace(self._row, **changes)

    async def _run(self, process: TrainingProcess, then: str, who: str) -> None:
        try:
            before = await asyncio.to_thread(known, self._models)
            version = await process.run()
        except (ModelError, OSError) as error:  # the system may refuse another process
            self._failed(clean(error, 300))
            return
        except Exception as error:  # our own bug, which must not look like a run that goes on
            self._failed(f"internal error ({type(error).__name__})")
            raise
        finally:
            self._process = None
        self._change(share=1.0, text=f"model {version} is trained, and taken up", version=version)
        if self._canceled_by:
            then = "register"
        level, no_more = "info", f"model {version} is trained and registered, and no more"
        try:
            text = await take_up(self._models, version, then, who, known=version in before, desk=self._traded)
        except ModelError as error:
            level, text = "warning", f"{no_more}: {error}"
        except Exception as error:
            self._end("done", f"{no_more}: internal error ({type(error).__name__})")
            raise
        self._end("done", text)
        self._alert(level, SOURCE, clean(text, 300))

    def _failed(self, reason: str) -> None:
        if self._canceled_by:
            self._end("canceled", f"canceled by {self._canceled_by}")
            self._alert("info", SOURCE, f"canceled by {self._canceled_by}")
        else:
            self._end("failed", reason)
            self._alert("error", SOURCE, f"no model was trained: {reason}")

    def _end(self, state: str, text: str) -> None:
        self._change(state=state, text=text, ended_ns=self._clock())


def _needed(config: Config) -> Config:
    """What training has to do with: no addresses or names of those whom it does not concern."""
    return msgspec.structs.replace(
        config,
        automations=AutomationsConfig(),
        brokers=BrokersConfig(),
        cache=CacheConfig(),
        link=LinkConfig(),
        notify=NotifyConfig(),
        quant=QuantConfig(),
    )


def _options(order: TrainingOrder) -> list[str]:
    """The command line. Raises ModelError for a symbol that would be read as an option, and for what no
    command line can hold."""
    given = {
        "--bars": order.bar_s,
        "--horizon": order.horizon,
        "--days": order.days,
        "--seconds": order.seconds,
        "--seed": order.seed,
        "--folds": order.folds,
        "--window": order.window,
        "--purge": order.purge,
        "--embargo": order.embargo,
        "--model": _file(order.model) if order.model else None,
    }
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    for symbol in order.symbols:
        if not symbol.isprintable() or not symbol or symbol.startswith("-"):
            raise ModelError(f"{clean(symbol, 40)!r} is no symbol")
    if order.symbols:
        options += ["--symbols", *order.symbols]
    # What becomes of it is decided here, where the active model is.
    return ["--then=register", *options]


def _file(text: str) -> str:
    """A whole path. Raises ModelError."""
    if not text.isprintable():
        raise ModelError(f"{clean(text, 60)!r} is no name of a file")
    try:
        return str(Path(text).expanduser())
    except RuntimeError:  # what pathlib raises where there is no such person
        raise ModelError(f"{clean(text, 60)}: nobody here is called so; give the whole path") from None
