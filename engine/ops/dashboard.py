"""The dashboard for Grafana, as it is imported or provisioned: https://grafana.com/docs/grafana/latest/dashboards/"""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).with_name("dashboard.json")


def dashboard() -> str:
    """Its JSON."""
    return PATH.read_text(encoding="utf-8")
