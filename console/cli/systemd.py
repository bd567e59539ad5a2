"""``tickdesk systemd [--user]``: prints a unit that runs the engine as a service."""

from __future__ import annotations

import argparse
import getpass
import sys
import tempfile
from pathlib import Path

from console.cli.desk import config_options
from console.cli.settings import configuration, state_dir
from engine.api.address import FILE, socket_path
from engine.config import Config
from engine.ops.systemd_unit import Service, unit


def run(arguments: argparse.Namespace) -> int:
    config, where = configuration(arguments), state_dir(arguments).absolute()
    print(unit(service(arguments, config, where)), end="")
    if not where.is_dir():
        advice = f"{where} is not there, and a service may not make it: mkdir -m 700 -p {where}"
        print(f"tickdesk: {advice}", file=sys.stderr)
    return 0


def service(arguments: argparse.Namespace, config: Config, where: Path) -> Service:
    """The engine of these arguments, with this interpreter."""
    installed = Path(sys.executable).with_name("tickdesk")
    command = [str(installed)] if installed.exists() else [sys.executable, "-m", "console"]
    record = Path(config.record.dir).expanduser().absolute() if config.record.dir else None
    return Service(
        command=[*command, "--no-ui", "--state-dir", str(where), *config_options(arguments)],
        state_dir=where,
        writes=() if record is None else (record,),
        environment_file="%h/.config/tickdesk/environment" if arguments.user else "/etc/tickdesk/environment",
        user="" if arguments.user else getpass.getuser(),
        shutdown_s=config.engine.shutdown_s,
        shared_tmp=socket_path(where).name != FILE or where.is_relative_to(tempfile.gettempdir()),
    )
