"""``tickdesk dashboard``: prints a Grafana dashboard of the desk's metrics."""

from __future__ import annotations

import argparse

from engine.ops.dashboard import dashboard


def run(arguments: argparse.Namespace) -> int:
    print(dashboard(), end="")
    return 0
