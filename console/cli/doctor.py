"""``tickdesk doctor [--json]``: exit code 0 when nothing is bad, 1 when something is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import msgspec

from console.cli.output import as_json
from console.cli.settings import configuration, state_dir
from console.doctor import machine, services, terminal
from console.doctor.finding import Finding, bad, ok
from engine.config import Config
from engine.errors import ConfigError
from engine.workers.own_redis import own_bus

_SIGNS = {"ok": "✓ ok  ", "warn": "! warn", "bad": "✗ bad "}


def run(arguments: argparse.Namespace) -> int:
    found = [*terminal.looked_at(sys.stdout.encoding, os.environ), *machine.looked_at(state_dir(arguments))]
    try:
        config = configuration(arguments)
    except ConfigError as error:
        found.append(bad("configuration", str(error), "`tickdesk config` shows what is in force"))
    else:
        found.append(ok("configuration", "every setting is known and in range"))
        where = state_dir(arguments)
        found += _outside(_with_own_bus(config, where), where)
    found += services.engine(state_dir(arguments))
    print(as_json(found) if arguments.json else "\n".join(lines(found)))
    return 1 if any(finding.state == "bad" for finding in found) else 0


def _with_own_bus(config: Config, where: Path) -> Config:
    """A topology without ``bus.url`` runs a server of its own."""
    url = config.bus.url or own_bus(where)
    return msgspec.structs.replace(config, bus=msgspec.structs.replace(config.bus, url=url))


def _outside(config: Config, where: Path) -> list[Finding]:
    servers = (
        services.redis(config),
        services.broker(config),
        services.bus(config),
        services.gateway(config, where),
    )
    return [*services.venues(config), *(found for found in servers if found is not None)]


def lines(found: list[Finding]) -> list[str]:
    """A line each, what to do below it, and the sum of it."""
    width = max(len(finding.what) for finding in found)
    text = []
    for finding in found:
        text.append(f"{_SIGNS[finding.state]}  {finding.what:<{width}}  {finding.text}")
        if finding.advice:
            text.append(f"{'':<{width + 10}}→ {finding.advice}")
    counts = {state: sum(finding.state == state for finding in found) for state in _SIGNS}
    text.append(f"{counts['ok']} ok, {counts['warn']} to better, {counts['bad']} bad")
    return text
