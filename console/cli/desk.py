"""``tickdesk`` and ``tickdesk --no-ui``: the desk with a screen, or the engine alone."""

from __future__ import annotations

import argparse
import contextlib
import gc
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.looks import looks, require_looks
from console.cli.settings import config_path, configuration, is_read_only, screen_keys, state_dir
from console.cli.terminal import require_terminal
from engine.api.address import check, socket_path
from engine.config import Config
from engine.errors import ConfigError, EngineBusyError
from engine.one_line import OneLine
from engine.store.lock import holder

if TYPE_CHECKING:
    from console.tapes import Tapes

JOIN_S = 90.0
"""How long an engine that somebody else has just started may take to answer: it may have to compile first."""
GONE_S = 0.5
"""Without a holder for so long, there is none: one that has just locked says a moment later who it is."""


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    if arguments.no_ui and arguments.read_only:
        raise ConfigError("--no-ui runs an engine, --read-only is of a screen: leave one of them out")
    with contextlib.ExitStack() as stack:
        # The many objects of the imports are all kept: engine and screen turn collection on when they run.
        gc.disable()
        stack.callback(gc.enable)
        where = _where(arguments, stack)
        return (
            _engine_only(arguments, config, where)
            if arguments.no_ui
            else _watch(arguments)
            if is_read_only(arguments, config)
            else _with_screen(arguments, config, where)
        )


def _watch(arguments: argparse.Namespace) -> int:
    """A read-only console starts no engine: it joins the one that runs."""
    from console.cli import attach

    if arguments.tape:
        raise ConfigError("a tape needs an engine of its own, and a read-only console starts none")
    return attach.run(arguments)


def _where(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Path:
    """The state directory; a tape without one gets a temporary one: it never mixes with the real desk."""
    if arguments.tape and arguments.state_dir is None:
        return Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="tickdesk-tape-", ignore_cleanup_errors=True)
            )
        )
    return state_dir(arguments)


def _engine_only(arguments: argparse.Namespace, config: Config, where: Path) -> int:
    from engine.wiring.end_signals import before_the_loop

    with before_the_loop():
        from engine.wiring.engine_options import EngineOptions
        from engine.wiring.run import run_engine
        from engine.wiring.tape_playback import Begin

        return run_engine(
            EngineOptions(
                config=config,
                state_dir=where,
                tapes=tuple(arguments.tape),
                venue=arguments.venue,
                begin=Begin(arguments.speed, arguments.paused),
                log_to_stderr=True,
            )
        )


def _with_screen(arguments: argparse.Namespace, config: Config, where: Path) -> int:
    from console.engine_process import start_engine

    require_terminal()
    require_looks(arguments, config)
    keys = screen_keys(arguments, config)
    running = answers(socket_path(where))
    if running:
        _tell_of_overrides(arguments)
    if running and arguments.tape:
        raise ConfigError(
            f"an engine already runs for {where}: `tickdesk stop` it, or choose another --state-dir"
        )
    first_run = not (arguments.tape or (where / "tickdesk.db").exists())
    # A tape's engine lives and dies with its screen: its temporary state goes too.
    ours = bool(arguments.tape) and arguments.state_dir is None
    engine = None if running else start_engine(where, _options(arguments, temporary=ours), ours=ours)
    from console.attach import attach  # imports Textual while the engine starts

    try:
        if engine is not None:
            with OneLine(sys.stderr, "tickdesk: ") as said:
                try:
                    engine.wait_ready(said)
                except EngineBusyError:
                    # Two were called at once: the other one's engine is the one to join.
                    if arguments.tape or not comes(where, said):
                        raise
                    running = True
            if running:
                _tell_of_overrides(arguments)
        return attach(
            config,
            where,
            looks=looks(arguments, config),
            keys=keys,
            first_run=first_run,
            ends_with_screen=ours,
            tapes=tapes(arguments, config, where),
        )
    finally:
        if ours and engine is not None:
            engine.end()


def tapes(arguments: argparse.Namespace, config: Config, where: Path) -> Tapes:
    """How a tape is opened beside the desk of these arguments, and where its recordings are."""
    from console.tapes import Tapes

    recordings = Path(config.record.dir).expanduser() if config.record.dir else where / "tapes"
    bound = bool(getattr(arguments, "tape", ())) and arguments.state_dir is None
    folders = [recordings]
    with contextlib.suppress(FileNotFoundError):  # the folder that we are in was removed
        folders.append(Path.cwd())
    return Tapes(config_options(arguments), folders, bound=bound)


def _options(arguments: argparse.Namespace, *, temporary: bool) -> list[str]:
    return [*engine_options(arguments), *(["--temporary"] if temporary else [])]


def engine_options(arguments: argparse.Namespace) -> list[str]:
    """The engine's own command line for these arguments."""
    options = config_options(arguments)
    for tape in arguments.tape:
        options += ["--tape", str(Path(tape).absolute())]
    if arguments.venue:
        options += ["--venue", arguments.venue]
    if arguments.paused:
        options.append("--paused")
    return [*options, "--speed", str(arguments.speed)]


def config_options(arguments: argparse.Namespace) -> list[str]:
    """Of the engine's command line, what tells its configuration."""
    options: list[str] = []
    path = config_path(arguments)
    if path is not None:
        options += ["--config", str(path.absolute())]
    for override in arguments.overrides:
        options += ["--set", override]
    return options


def _tell_of_overrides(arguments: argparse.Namespace) -> None:
    if arguments.overrides:
        note = "the engine that runs keeps its own configuration; `tickdesk stop` it, then --set"
        print(f"tickdesk: {note}", file=sys.stderr)


def comes(where: Path, note: Callable[[str], None]) -> bool:
    """Wait for the engine that holds ``where``, until it answers or is gone; ``note`` gets which that is."""
    told = None
    until_s = time.monotonic() + JOIN_S
    gone_s = time.monotonic() + GONE_S
    while not answers(socket_path(where)):
        now_s = time.monotonic()
        pid = holder(where)
        if pid is not None:
            gone_s = now_s + GONE_S
            if pid != told:
                told = pid
                note(f"waiting for the engine (pid {pid}) to answer")
        if now_s >= min(gone_s, until_s):
            return False
        time.sleep(0.05)
    return True


def answers(path: Path) -> bool:
    """Whether something listens on the Unix socket ``path``. LinkError: its directory is not safe."""
    if not path.exists():
        return False
    check(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
