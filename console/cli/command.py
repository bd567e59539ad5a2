"""What adds a command to the parser."""

from __future__ import annotations

import argparse
from typing import Protocol


class Command(Protocol):
    def __call__(
        self, name: str, help: str, module: str | None = None, function: str = "run"
    ) -> argparse.ArgumentParser:
        """``module`` of ``console.cli`` (default: called as the command), and its function that does it."""
        ...
