"""Training runs: bars from the store, or of the simulated venue, through the trainer into the registry.

Its own process, without a screen, for whoever supervises it:

    python -m engine.wiring.training --state-dir DIR --config - --progress json [OPTIONS]  < CONFIG.json

``--config -`` reads the checked configuration as JSON (``msgspec.json.encode(config)``) from standard input;
a path reads a file. OPTIONS are those of ``tickdesk train``: ``--symbols S [S ...]`` ``--bars SECONDS``
``--days D`` ``--since T`` ``--until T`` ``--seconds N`` (simulated) ``--horizon BARS`` ``--seed N``
``--folds N`` ``--embargo BARS`` ``--purge BARS`` ``--window expanding|rolling`` ``--model FILE.py``
``--every N`` ``--memory GB`` ``--adjust`` ``--mlflow URI`` ``--then register|shadow|activate``; beside
them ``--who NAME``, for the model's history.

With ``--progress json`` each line of standard output is one JSON object: ``{"share": 0.25, "text": "..."}``
while it works; at the end ``{"version": "0123456789ab", "then": "registered", "text": "..."}`` (``then``:
registered, shadow or active), or ``{"error": "one line"}``. Exit code: 0 done, 1 refused or failed, 2 usage,
130 or 143 interrupted. SIGINT and SIGTERM end it; what is not finished is not registered.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TextIO

import msgspec

from engine.config import Config
from engine.config import load as load_config
from engine.errors import ConfigError, ModelError, TickdeskError
from engine.models.artefact import Artefact, Manifest
from engine.models.registry import Registry
from engine.models.training.fit import Learner, LightGBM, UserLearner
from engine.models.training.metrics import shows_skill
from engine.models.training.panel import FIXED_BYTES, ROW_BYTES, Progress, build, thinning
from engine.models.training.trainer import train
from engine.models.training.validate import Plan
from engine.text import clean
from engine.wiring import low_priority, training_bars
from engine.wiring.interruption import Interruption, Terminated
from engine.wiring.training_bars import TrainingBars
from engine.wiring.training_options import TrainingOptions, add_options, options_of

if TYPE_CHECKING:
    from engine.wiring.training_log import MLflowLog

MAX_CONFIG_BYTES = 8 << 20
FEW_SYMBOLS = 10
_GB = 1 << 30
_SHARES = 0.25, 0.4
"""Of the progress: until the bars are there, until their features are."""


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to."""

    manifest: Manifest
    then: Literal["registered", "shadow", "active"]
    path: str
    """Directory of the artefact."""
    notes: tuple[str, ...]
    """What the person should know: what was left out, that no skill was shown, ..."""

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def skill(self) -> bool:
        return self.manifest.metrics is not None and shows_skill(self.manifest.metrics)

    @property
    def text(self) -> str:
        """One line."""
        what = {
            "registered": "is registered",
            "shadow": "is registered and the shadow",
            "active": "is registered and active",
        }[self.then]
        return f"model {self.version} {what}: {self.manifest.metric}" + (
            "" if self.skill else ", no skill shown"
        )


def run_training(
    config: Config,
    state_dir: Path,
    options: TrainingOptions,
    progress: Progress,
    *,
    finishing: Callable[[], None] = lambda: None,
    who: str = "tickdesk train",
) -> Outcome:
    """Train as ``options`` say, put the model into the registry, and make of it what they say.

    ``finishing`` is called before the registry is changed: what comes then takes moments and should not be
    interrupted. Raises ModelError, ConfigError, StoreError or FeedError; nothing is then registered.
    """
    learner: Learner = (
        LightGBM(options.seed) if options.model is None else UserLearner(options.model, options.seed)
    )
    log = _log(options)
    registry = Registry(state_dir)
    bars = training_bars.load(config, state_dir, options, _part(progress, 0.0, _SHARES[0]))
    every, notes = _every(bars, options)
    panel = build(
        bars.series,
        interval_s=bars.interval_s,
        horizon=options.horizon,
        every=every,
        progress=_part(progress, *_SHARES),
    )
    plan = Plan(
        seed=options.seed,
        folds=options.folds,
        purge=options.purge,
        embargo=options.embargo,
        window=options.window,
    )
    with tempfile.TemporaryDirectory(prefix="tickdesk-training-") as out:
        made = train(
            panel,
            plan,
            learner,
            created_ns=time.time_ns(),
            out=Path(out),
            progress=_part(progress, _SHARES[1], 1.0),
            source=bars.source,
        )
        finishing()
        then, path = _register(registry, Path(out), made, options, who)
        notes = (*bars.notes, *notes, *_judged(made.manifest, then, options))
        if log is not None:
            progress(1.0, "logging the run")
            try:
                log.write(made, Path(out))
            except ModelError as error:  # the model is there and good
                notes = (*notes, str(error))
    return Outcome(made.manifest, then, path, notes)


def _log(options: TrainingOptions) -> MLflowLog | None:
    if not options.mlflow:
        return None
    from engine.wiring.training_log import MLflowLog

    return MLflowLog(options.mlflow)


def _register(
    registry: Registry, out: Path, made: Artefact, options: TrainingOptions, who: str
) -> tuple[Literal["registered", "shadow", "active"], str]:
    entry = registry.register(out, who=who)
    metrics = made.manifest.metrics
    skill = metrics is not None and shows_skill(metrics)
    if options.then == "activate" or (options.then is None and skill):
        registry.activate(entry.version, who=who)
        return "active", entry.path
    if options.then == "shadow":
        registry.set_shadow(entry.version, entry.strategy, who=who)
        return "shadow", entry.path
    return "registered", entry.path


def _judged(manifest: Manifest, then: str, options: TrainingOptions) -> list[str]:
    notes = []
    metrics = manifest.metrics
    if metrics is not None and not shows_skill(metrics):
        low, high = metrics.rank_ic.low, metrics.rank_ic.high
        notes.append(
            f"no skill shown: the rank IC's 95 % interval, {low:.3f} to {high:.3f}, "
            + ("contains 0" if high >= 0 else "lies below 0")
        )
        if options.then is None:
            notes.append(
                f"so it is not activated: `tickdesk models activate {manifest.version}` does it anyway"
            )
    if len(manifest.symbols) < FEW_SYMBOLS:
        notes.append(
            f"{len(manifest.symbols)} symbols are few: the best and the worst fifth are "
            f"{max(1, len(manifest.symbols) // 5)} each"
        )
    return notes


def _every(bars: TrainingBars, options: TrainingOptions) -> tuple[int, tuple[str, ...]]:
    """Of how many time steps one is used, and why. Raises ModelError for what would not fit."""
    count = sum(len(series.open_ns) for series in bars.series.values())
    memory = options.memory_gb * _GB
    free = low_priority.free_bytes()
    limit = int(memory if free is None else min(memory, 0.8 * free))
    least = thinning(count, limit)
    told = f"{count:,} bars; {limit / _GB:.1f} GB may be used"
    if not least:
        raise ModelError(f"{told}, which is less than the bars themselves need: give more --memory, or fewer")
    if options.every is not None:
        if options.every < least:
            need = (FIXED_BYTES + count * ROW_BYTES / options.every) / _GB
            raise ModelError(
                f"{told}, every {options.every} steps would take {need:.1f} GB: give --every {least} "
                "or more, a shorter time, or more --memory"
            )
        return options.every, ()
    if least == 1:
        return 1, ()
    return least, (f"{told}: trained on one of every {least} time steps; more --memory takes more",)


def _part(progress: Progress, start: float, end: float) -> Progress:
    return lambda share, text: progress(min(1.0, start + (end - start) * share), text)


# --- in a process of its own -------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """The command line above; returns the exit code."""
    arguments = _parser().parse_args(argv)
    as_json = arguments.progress == "json"
    told = _own_output() if as_json else sys.stderr
    try:
        options, config = options_of(arguments), _config(arguments)
    except TickdeskError as error:
        _Said(told, as_json=as_json).failed(str(error))
        return error.exit_code
    where = arguments.state_dir.expanduser().absolute()
    return supervised(config, where, options, who=arguments.who, told=told, as_json=as_json)


def supervised(
    config: Config,
    state_dir: Path,
    options: TrainingOptions,
    *,
    who: str,
    told: TextIO | None = None,
    as_json: bool = True,
) -> int:
    """Train for whoever reads what is told (standard output by default), at low priority; the exit code."""
    say = _Said(_own_output() if told is None else told, as_json=as_json)
    low_priority.step_back()
    with Interruption() as interruption:
        try:
            outcome = run_training(
                config, state_dir, options, say.progress, finishing=interruption.hold, who=who
            )
        except TickdeskError as error:
            say.failed(str(error))
            return error.exit_code
        except KeyboardInterrupt as error:
            say.failed("interrupted: nothing was registered")
            return 143 if isinstance(error, Terminated) else 130
        except Exception as error:  # our own bug: the traceback follows
            say.failed(f"internal error ({type(error).__name__}): {clean(error, 120)}")
            raise
        say.done(outcome)
        return 0


class Lines:
    """Progress as lines, and no more of them than somebody reads."""

    def __init__(self, tell: Callable[[float, str], None], step: float) -> None:
        self._tell, self._step = tell, step
        self._share, self._text = -1.0, ""

    def progress(self, share: float, text: str) -> None:
        if text != self._text or share - self._share >= self._step:
            self._share, self._text = share, text
            self._tell(share, text)


class _Said:
    """What the supervisor hears: JSON, or plain lines."""

    def __init__(self, file: TextIO, *, as_json: bool) -> None:
        self._file, self._json = file, as_json
        self.progress = Lines(self._line, 0.005 if as_json else 0.1).progress

    def _line(self, share: float, text: str) -> None:
        if self._json:
            self._put({"share": round(share, 4), "text": clean(text)})
        else:
            print(f"tickdesk: {share:4.0%} {clean(text)}", file=self._file, flush=True)

    def done(self, outcome: Outcome) -> None:
        text = "; ".join((outcome.text, *outcome.notes))
        if self._json:
            self._put({"version": outcome.version, "then": outcome.then, "text": clean(text, 400)})
        else:
            print(clean(text, 1000), flush=True)

    def failed(self, error: str) -> None:
        if self._json:
            self._put({"error": clean(error, 400)})
        else:
            print(f"tickdesk: {clean(error, 400)}", file=self._file, flush=True)

    def _put(self, line: dict[str, float | str]) -> None:
        print(msgspec.json.encode(line).decode(), file=self._file, flush=True)


def _own_output() -> TextIO:
    """Standard output for us alone: what a user's model or a library prints goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tickdesk: {clean(message, 300)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m engine.wiring.training", description="A training run.")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--config", metavar="FILE", help="- reads it as JSON from standard input")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--progress", choices=("json", "lines"), default="lines")
    parser.add_argument("--who", default="training", help="who asked, for the model's history")
    add_options(parser)
    return parser


def _config(arguments: argparse.Namespace) -> Config:
    if arguments.config != "-":
        path = Path(arguments.config) if arguments.config else None
        return load_config(path, overrides=arguments.overrides)
    if arguments.overrides:
        raise ConfigError("--set goes with a file: a configuration from standard input is a whole one")
    try:
        return msgspec.json.decode(sys.stdin.buffer.read(MAX_CONFIG_BYTES), type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration on standard input is none: {clean(error, 120)}") from None


if __name__ == "__main__":
    sys.exit(main())
