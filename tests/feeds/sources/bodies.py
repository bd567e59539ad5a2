"""Sources with a given clock, and the captured answers of services."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from engine.config import PollingConfig
from engine.events import NS
from engine.feeds.sources.budget import BudgetState
from engine.feeds.sources.rest_source import RestSource, Surroundings

KEY = "k3y-that-nobody-may-see"
ENVIRON = {"ALPHAVANTAGE_API_KEY": KEY, "TWELVE_DATA_API_KEY": KEY, "POLYGON_API_KEY": KEY}
NOW_NS = 1_773_000_000 * NS
"""A Sunday in March 2026, UTC."""

S = TypeVar("S", bound=RestSource)


class Clock:
    """Time, as told."""

    def __init__(self, ns: int = NOW_NS) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns


class Disk:
    """Where budgets are kept; may be made to fail."""

    def __init__(self) -> None:
        self.kept: dict[str, BudgetState] = {}
        self.error: Exception | None = None
        self.writes = 0

    async def keep(self, name: str, state: BudgetState) -> None:
        if self.error is not None:
            raise self.error
        self.writes += 1
        self.kept[name] = state


def around(
    clock: Clock | None = None,
    disk: Disk | None = None,
    environ: Mapping[str, str] = ENVIRON,
    names: Mapping[str, Mapping[str, str]] | None = None,
) -> Surroundings:
    disk = disk or Disk()
    return Surroundings(clock or Clock(), random.Random(1), names or {}, environ, disk.kept, disk.keep)


def source(
    kind: type[S], url: str = "", *, clock: Clock | None = None, disk: Disk | None = None, **settings: float
) -> S:
    """Opened on a loopback server's ``url``."""
    config = PollingConfig(rest_url=url, **settings)  # type: ignore[arg-type]
    return kind(config, around(clock, disk))


def captured(data_dir: Path, name: str, part: str) -> bytes:
    """The body of the first row whose origin, address or text contains ``part``."""
    with gzip.open(data_dir / "feeds" / "rest" / f"{name}.jsonl.gz", "rt") as rows:
        for row in map(json.loads, rows):
            if part in row["src"] + row.get("url", "") + row["raw"][:200]:
                return bytes(row["raw"], "utf-8")
    raise AssertionError(f"no row of {name} contains {part}")
