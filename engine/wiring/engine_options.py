"""What an engine is started with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import Config
from engine.wiring.tape_playback import Begin


@dataclass(frozen=True)
class EngineOptions:
    """``ready`` is called once, when it listens; ``note`` before that, when something takes long."""

    config: Config
    state_dir: Path
    tapes: tuple[Path, ...] = ()
    venue: str | None = None
    begin: Begin = field(default_factory=Begin)
    """How the tape is played at first."""
    temporary: bool = False
    """The state directory was made for this run: it goes with it."""
    life_fd: int | None = None
    """A pipe whose other end the console holds: the engine ends when that is closed, however it was."""
    log_to_stderr: bool = False
    ready: Callable[[], None] = field(default=lambda: None)
    note: Callable[[str], None] = field(default=lambda text: None)
