"""``python -m console.browser.tab``: the console of one tab, with the arguments of ``tickdesk attach``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from console.cli.arguments import parse
from console.cli.desk import tapes
from console.cli.looks import looks
from console.cli.settings import configuration, is_read_only, screen_keys, state_dir
from engine.errors import TickdeskError

FIRST_RUN = "--first-run"


def main(argv: Sequence[str]) -> int:
    sys.stdout = sys.stderr  # packets alone go out there
    given = [argument for argument in argv if argument != FIRST_RUN]
    try:
        arguments = parse(["attach", *given])
        config, where = configuration(arguments), state_dir(arguments)
        from console.attach import attach
        from console.browser.driver import BrowserDriver

        return attach(
            config,
            where,
            looks=looks(arguments, config),
            keys=screen_keys(arguments, config),
            first_run=FIRST_RUN in argv,
            read_only=is_read_only(arguments, config),
            tapes=tapes(arguments, config, where),
            driver_class=BrowserDriver,
        )
    except TickdeskError as error:
        print(f"tickdesk: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
