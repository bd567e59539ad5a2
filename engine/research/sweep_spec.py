"""What a sweep is: every run follows from it. Two sweeps of the same digest come to the same table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.errors import ConfigError
from engine.plain_number import is_plain
from engine.research.plan import Plan
from engine.research.space import MOST_RUNS, Space
from engine.text import clean

FORMAT = 1
_REQUIREMENT = re.compile(r"(\w+)(<=|>=)(.+)")

Figure = float | int | str | None


class Objective(msgspec.Struct, frozen=True):
    field: str
    """One of a summary's figures."""
    largest: bool
    """Or the smallest is the best."""


class Requirement(msgspec.Struct, frozen=True):
    """What a run must come to, to be chosen."""

    field: str
    at_least: bool
    bound: float

    def holds(self, figures: Mapping[str, Figure]) -> bool:
        value = number(figures.get(self.field))
        return value is not None and (value >= self.bound if self.at_least else value <= self.bound)

    def __str__(self) -> str:
        return f"{self.field} {'>=' if self.at_least else '<='} {self.bound:g}"


class Search(msgspec.Struct, frozen=True):
    kind: Literal["grid", "random", "optuna"]
    runs: Annotated[int, Meta(ge=0, le=MOST_RUNS)] = 0
    """Of random and optuna; a grid has as many as it has."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    batch: Annotated[int, Meta(ge=1, le=1000)] = 8
    """So many points optuna proposes before it is told of any of them: what it proposes must not depend on
    which of them ends first."""


class WalkForward(msgspec.Struct, frozen=True):
    folds: Annotated[int, Meta(ge=1, le=100)]
    window: Literal["expanding", "rolling"] = "expanding"
    in_sample: Annotated[int, Meta(ge=1, le=100)] = 3
    """How often the length of what is judged fits into (the first of) what is chosen on."""
    gap_ns: Annotated[int, Meta(ge=0)] = 0
    """Left out between the two."""
    warm_bars: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Before each part, as ``Plan.warm_bars``."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    version: str
    """Of tickdesk."""
    plan: Plan
    config_sha256: str
    strategies_sha256: str
    """Of the user's strategy files; "": none."""
    model: str
    """That scores; "": none."""
    data: tuple[tuple[str, str], ...]
    """Symbol and SHA-256 of each that is run over."""
    first_ns: int
    last_ns: int
    space: Space
    search: Search
    objective: Objective
    requires: tuple[Requirement, ...] = ()
    walk_forward: WalkForward | None = None

    def canonical(self) -> bytes:
        return msgspec.json.encode(self, order="sorted")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()


def differing(one: Spec, other: Spec) -> tuple[str, ...]:
    """The parts in which two differ."""
    return tuple(name for name in Spec.__struct_fields__ if getattr(one, name) != getattr(other, name))


def objective(text: str, smaller_is_better: frozenset[str], known: Mapping[str, object]) -> Objective:
    """``sharpe``, ``max_drawdown_pct:min``. Raises ConfigError."""
    field, _, direction = text.partition(":")
    _known(field, known, "--objective")
    if direction not in ("", "min", "max"):
        raise ConfigError(f"--objective {clean(text, 60)}: end it with :min or :max")
    return Objective(field, direction == "max" if direction else field not in smaller_is_better)


def requirement(text: str, known: Mapping[str, object]) -> Requirement:
    """``trades>=30``. Raises ConfigError."""
    found = _REQUIREMENT.fullmatch(text.replace(" ", ""))
    if found is None or not is_plain(found[3]):
        raise ConfigError(f"--require {clean(text, 60)}: write it as trades>=30 or max_drawdown_pct<=20")
    _known(found[1], known, "--require")
    return Requirement(found[1], found[2] == ">=", float(found[3]))


def _known(field: str, known: Mapping[str, object], option: str) -> None:
    if field not in known:
        raise ConfigError(f"{option} {clean(field, 40)}: is no figure; there are {', '.join(sorted(known))}")


def number(value: object) -> float | None:
    """A figure as a number; decimal text is one."""
    if isinstance(value, str):
        value = float(value) if is_plain(value) else None
    if value is None or not isinstance(value, (int, float)):
        return None
    return float(value) if value - value == 0 else None
