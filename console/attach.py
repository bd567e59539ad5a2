"""Open the screen on an engine's socket."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path

from textual.driver import Driver

from console import app
from console.alerts import Notices
from console.behind import aside, behind
from console.cli.client import ask
from console.crash_log import written_down
from console.driver import DeskDriver
from console.engine_at import EngineAt
from console.export_files import FOLDER
from console.identity import this_console
from console.keymap import DEFAULT_KEYS, KeyMap
from console.link import EngineLink
from console.memory import FILE as MEMORY
from console.memory import ConsoleMemory, RememberError
from console.tapes import Tapes
from console.themes import Looks
from engine.api.address import socket_path
from engine.api.protocol import Health
from engine.config import Config, default_state_dir
from engine.errors import LinkError
from engine.store.lock import holder


def attach(
    config: Config,
    state_dir: Path,
    *,
    looks: Looks,
    keys: KeyMap = DEFAULT_KEYS,
    first_run: bool = False,
    ends_with_screen: bool = False,
    tapes: Tapes | None = None,
    read_only: bool = False,
    driver_class: type[Driver] = DeskDriver,
    elsewhere: EngineAt | None = None,
) -> int:
    """Run the console until the person leaves; returns the exit code.

    ``ends_with_screen``: the caller ends the engine then; ``tapes``: how a tape is opened beside the desk;
    ``elsewhere``: a gateway, in place of the engine of ``state_dir``, where the console keeps its own things.
    """
    # What the imports made stays for good: it need not be walked while the screen is drawn.
    gc.freeze()
    gc.enable()
    link = EngineLink(elsewhere or socket_path(state_dir), this_console(read_only=read_only))
    memory = ConsoleMemory(state_dir / MEMORY)
    _recall(memory)
    code = None
    try:
        with (
            written_down(state_dir),
            behind(None if elsewhere is not None else holder(state_dir)),
            aside() as link.on_up,
        ):
            code = app.run(
                link,
                looks=looks,
                frames_per_s=config.console.frames_per_s,
                first_run=first_run,
                stale_s=config.risk.stale_data_s,
                flash=config.console.flash,
                memory=memory,
                notices=Notices(config.console.bell, config.console.desktop_notifications),
                exports=_exports(config, state_dir, temporary=ends_with_screen),
                keys=keys,
                tapes=None if read_only else tapes,  # a tape has an engine of its own
                driver_class=driver_class,
            )
    finally:
        if not code:  # left by a person, or by a fault of ours: not by a signal or a closed terminal
            if elsewhere is not None:
                print(f"detached: the engine at {elsewhere.url} goes on")
            else:
                _say_what_goes_on(state_dir, stopped=ends_with_screen)
    return code


def _exports(config: Config, state_dir: Path, *, temporary: bool) -> Path:
    """Where exported files go; never into a state directory that ends with the screen."""
    if config.console.exports:
        return Path(config.console.exports).expanduser().absolute()
    return (default_state_dir() if temporary else state_dir) / FOLDER


def _recall(memory: ConsoleMemory) -> None:
    """What cannot be read must not keep the desk from being seen."""
    try:
        memory.load()
    except RememberError as error:
        print(f"tickdesk: {error}", file=sys.stderr)


def _say_what_goes_on(state_dir: Path, *, stopped: bool) -> None:
    if stopped:
        print("the tape's desk ended with its screen; --state-dir keeps one")
        return
    with contextlib.suppress(LinkError):
        engine = ask(state_dir, "GET", "/v1/health", Health)
        if engine.status.phase != "stopping":
            print(f"detached: the engine (pid {engine.pid}) goes on; `tickdesk stop` ends it")
