"""``tickdesk paper-run [--for TIME] [--flatten]``: one session, from the market's open to its close.

The desk trades by itself, as configured; before it stand a daily run's steps up to the training, after it
its books, figures and message. Exit codes as of ``tickdesk daily``.
"""

from __future__ import annotations

import argparse

import msgspec

from console.cli.daily import calendar_of, start
from console.cli.daily_desk import quiet_options
from console.cli.settings import configuration
from engine.errors import ConfigError


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring.daily_session import SessionOptions

    config = configuration(arguments)
    if config.brokers.alpaca.enabled:
        raise ConfigError("paper-run is of the paper venue: set brokers.alpaca.enabled=false for it")
    if calendar_of(config).round_the_clock and not arguments.seconds:
        raise ConfigError("the market never closes: say how long with --for 2h, or set daily.sessions")
    options = SessionOptions(for_s=arguments.seconds or 0.0, flatten=arguments.flatten)
    # An engine of its own must not enter before the open, either.
    hours = config.daily.sessions
    own = ["--set", f"opportunities.sessions={msgspec.json.encode(hours).decode()}"] if hours else []
    own = quiet_options(dry=True) if arguments.dry_run else own
    return start(arguments, "paper-run", own, msgspec.json.encode(options).decode())
