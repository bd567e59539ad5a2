"""``python -m engine.gateway STATE_DIR``: the gateway as the engine starts it. What it is to do stands on the
first line of standard input, a ``Given``; why it cannot, on standard error, in one line."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from engine.errors import TickdeskError
from engine.gateway.given import LOG, MOST_GIVEN, Given
from engine.gateway.run import serve
from engine.logs import configure_by


def main(state_dir: Path) -> int:
    try:
        given = msgspec.json.decode(sys.stdin.buffer.readline(MOST_GIVEN), type=Given)
        configure_by(given.logging, file=state_dir / LOG)
        asyncio.run(serve(given.api, state_dir, lambda address: None))
    except TickdeskError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
