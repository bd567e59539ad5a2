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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

import msgspec

from engine.config import Config
from engine.config import load as load_config
from engine.errors import ConfigError, TickdeskError
from engine.text import clean
from engine.wiring import low_priority
from engine.wiring.interruption import Interruption, Terminated
from engine.wiring.training_job import Exchange, Outcome, run_training
from engine.wiring.training_options import TrainingOptions, add_options, options_of

MAX_CONFIG_BYTES = 8 << 20


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
    exchange: Exchange | None = None,
) -> int:
    """Train for whoever reads what is told (standard output by default), at low priority; the exit code."""
    say = _Said(_own_output() if told is None else told, as_json=as_json)
    low_priority.step_back()
    with Interruption() as interruption:
        try:
            outcome = run_training(
                config,
                state_dir,
                options,
                say.progress,
                finishing=interruption.hold,
                who=who,
                exchange=exchange,
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
        text = "; ".join((outcome.text, *((outcome.desk,) if outcome.desk else ()), *outcome.notes))
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
