"""``tickdesk train``: train on simulated data, register the model, activate it unless told not to."""

from __future__ import annotations

import argparse
import sys

from console.cli.settings import configuration, state_dir


def run(arguments: argparse.Namespace) -> int:
    from engine.wiring.training import run_training

    config = configuration(arguments)

    def progress(share: float, text: str) -> None:
        if sys.stderr.isatty():
            print(
                f"\r\x1b[K{'█' * int(share * 30):<30} {share:4.0%} {text}",
                end="",
                file=sys.stderr,
                flush=True,
            )

    version = run_training(
        state_dir(arguments),
        tuple(arguments.symbols or config.simulated.symbols),
        arguments.seconds,
        arguments.seed,
        progress,
        horizon=arguments.horizon,
        activate=not arguments.no_activate,
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    hint = (
        "registered" if arguments.no_activate else "registered and active: press r in the console to load it"
    )
    print(f"model {version} {hint}")
    return 0
