"""``tickdesk systemd [--user | --user-name NAME] [--timer]``: prints a unit that runs the engine as a
service, or with ``--timer`` those that start the daily run, and to stderr what is to be done besides.
"""

from __future__ import annotations

import argparse
import getpass
import os
import pwd
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from console.cli.desk import config_options
from console.cli.settings import config_path, configuration, state_dir
from engine.api.address import FILE, socket_path
from engine.config import Config
from engine.errors import ConfigError
from engine.ops.systemd_timer import daily_service, daily_timer
from engine.ops.systemd_unit import KERNELS, Service, unit
from engine.text import clean

TMP = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named, not written to
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")
"""As systemd takes them: https://systemd.io/USER_NAMES/"""


def run(arguments: argparse.Namespace) -> int:
    config, where = configuration(arguments), state_dir(arguments).absolute()
    of = service(arguments, config, where)
    if arguments.timer:
        of = replace(of, command=[*of.command[: of.command.index("--no-ui")], "daily", *_after_no_ui(of)])
        print(f"{daily_service(of, _longest_s(config))}\n{daily_timer(of, config.daily.at)}", end="")
    else:
        print(unit(of), end="")
    for note in notes(of, named=arguments.user_name is not None):
        print(f"tickdesk: {note}", file=sys.stderr)
    return 0


def _after_no_ui(of: Service) -> Sequence[str]:
    return of.command[of.command.index("--no-ui") + 1 :]


def _longest_s(config: Config) -> float:
    """How long a daily run may take, its training with it."""
    daily = config.daily
    waits_s = daily.history_s + 2 * daily.prices_s + daily.plan_s + 2 * daily.fill_s
    return waits_s + config.models.training_limit_s + 600.0


def notes(of: Service, *, named: bool) -> Iterator[str]:
    """What the unit itself does not say. ``named``: a person chose whom it runs as."""
    if of.user == "root" and not named:
        yield "the engine would run as root: --user-name NAME names another, --user is for your own manager"
    owner = None
    try:
        owner = pwd.getpwnam(of.user).pw_uid if of.user else os.getuid()
    except KeyError:
        yield f"there is no user {of.user} here: useradd --system {of.user}"
    for path in (of.state_dir, *of.writes):
        take = f"chown {of.user} {path}" if of.user and owner != os.getuid() else ""
        if not path.is_dir():
            make = f"mkdir -m 700 -p {path}{f' && {take}' if take else ''}"
            yield f"{path} is not there, and a service may not make it: {make}"
        elif take and path.stat().st_uid != owner:
            yield f"{path} is not {of.user}'s, and has to be: {take}"
    here = next((path for path in (Path(of.command[0]), of.state_dir, *of.writes) if _is_in_tmp(path)), None)
    if here is not None:
        yield f"{here} is in {_tmp(here)}, which others clear: better have it elsewhere; PrivateTmp=no for it"
    if not any((of.state_dir / KERNELS).glob("*")):
        yield f"the first start compiles kernels into {of.state_dir / KERNELS}: a minute or two, once"


def _is_in_tmp(path: Path) -> bool:
    return _tmp(path) is not None


def _tmp(path: Path) -> Path | None:
    """Which of the directories that a service with PrivateTmp sees empty."""
    return next((folder for folder in TMP if path.resolve().is_relative_to(folder)), None)


def service(arguments: argparse.Namespace, config: Config, where: Path) -> Service:
    """The engine of these arguments, with this interpreter."""
    installed = Path(sys.executable).with_name("tickdesk")
    command = [str(installed)] if installed.exists() else [sys.executable, "-P", "-m", "console"]
    record = Path(config.record.dir).expanduser().absolute() if config.record.dir else None
    given = config_path(arguments)
    seen = [Path(command[0]), Path(sys.prefix), Path(__file__), where]
    seen += [path.expanduser().absolute() for path in (record, given) if path is not None]
    named = arguments.user_name
    if named is not None and arguments.user:
        raise ConfigError("--user is for your own manager, which runs as you: leave --user-name out")
    if named is not None and not _NAME.fullmatch(named):
        raise ConfigError(f"--user-name {clean(named, 40)}: that is no name of a user")
    return Service(
        command=[*command, "--no-ui", "--state-dir", str(where), *config_options(arguments)],
        state_dir=where,
        writes=() if record is None else (record,),
        environment_file="%h/.config/tickdesk/environment" if arguments.user else "/etc/tickdesk/environment",
        user="" if arguments.user else named or getpass.getuser(),
        shutdown_s=config.engine.shutdown_s,
        shared_tmp=socket_path(where).name != FILE or any(map(_is_in_tmp, seen)),
    )
