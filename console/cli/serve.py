"""``tickdesk serve``: the console in a web browser, on this machine alone unless it is told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
from pathlib import Path

from console.cli.client import none_to_watch
from console.cli.desk import answers, config_options, engine_options
from console.cli.looks import require_looks
from console.cli.settings import configuration, is_read_only, screen_keys, state_dir
from console.engine_process import start_engine
from engine.api.address import socket_path
from engine.errors import ConfigError
from engine.one_line import OneLine


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    where, read_only = state_dir(arguments), is_read_only(arguments, config)
    if importlib.util.find_spec("textual_serve") is None:
        raise ConfigError("a console in a browser needs textual-serve: pip install 'tickdesk[web]'")
    require_looks(arguments, config)
    for mistake in screen_keys(arguments, config).mistakes:
        print(f"tickdesk: {mistake}; its default keys are in force", file=sys.stderr)
    from console.browser import gate
    from console.browser.server import DeskServer, listen, serve
    from console.browser.tab import FIRST_RUN

    public = gate.checked_public(arguments.public_url)
    token = gate.checked_token(arguments.host, public, arguments.token_file)
    gate.check_reach(arguments.host, public)
    with listen(arguments.host, arguments.port) as listening:
        running = answers(socket_path(where))
        if not running and read_only:
            raise none_to_watch(where)
        first_run = not running and not (where / "tickdesk.db").exists()
        if not running:
            with OneLine(sys.stderr, "tickdesk: ") as note:
                start_engine(where, engine_options(arguments)).wait_ready(note)
        address = gate.Address(arguments.host, listening.getsockname()[1], public)
        command = tab_command(arguments, where, read_only=read_only)
        first = (FIRST_RUN,) if first_run else ()
        server = DeskServer(gate.Gate(address, token), command, arguments.tabs, first)

        def ready() -> None:
            # What stands behind # is never sent; a token that is kept is not to be in a history either.
            print(f"the desk is at {address.url}/{'' if arguments.token_file else f'#{token}'}")
            if arguments.token_file:
                print("it asks for the token of the file, once in each tab")
            print("Ctrl-C ends the consoles in browsers; the engine goes on", flush=True)

        asyncio.run(serve(listening, server, ready))
    return 0


def tab_command(arguments: argparse.Namespace, where: Path, *, read_only: bool) -> list[str]:
    """The console of a tab, for the engine of ``where``."""
    command = [sys.executable, "-P", "-m", "console.browser.tab", "--state-dir", str(where)]
    command += config_options(arguments)
    if getattr(arguments, "theme", None):
        command += ["--theme", arguments.theme]
    return [*command, *(["--read-only"] if read_only else [])]
