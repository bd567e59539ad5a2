"""What a research command runs over, and with which strategies, as its arguments say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.settings import configuration
from engine.errors import ConfigError
from engine.given_time import given_span
from engine.research.plan import Plan
from engine.suggestion import did_you_mean
from engine.text import clean

if TYPE_CHECKING:
    from engine.config import Config

_BARS = (".csv", ".csv.gz", ".parquet", ".pq")
_MOST_NAMES = 6


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Raises ConfigError."""
    files = tuple(text for text in arguments.data if _is_bars(text))
    tapes = tuple(text for text in arguments.data if not _is_bars(text))
    symbols = tuple(part.strip() for part in arguments.symbols.split(",") if part.strip())
    if not (files or tapes or symbols):
        raise ConfigError("name what to run over: tapes, files of bars, or --symbols of the stored history")
    since_ns, until_ns = given_span(arguments.since, arguments.until)
    return Plan(
        tapes=tapes,
        files=files,
        symbols=symbols,
        venue=arguments.venue,
        interval_s=_interval_s(arguments.bars),
        since_ns=since_ns or 0,
        until_ns=until_ns or 0,
        warm_bars=int(arguments.warm_up or 0),
        adjust=not arguments.raw_prices,
        path=arguments.path,
        spread_bps=arguments.spread_bps,
        participation_pct=arguments.participation_pct,
    )


def run_plan_of(arguments: argparse.Namespace) -> Plan:
    """Of a single run, which has no parts that a warm-up could come before. Raises ConfigError."""
    plan = plan_of(arguments)
    if plan.warm_bars and not plan.tapes and not plan.since_ns:
        raise ConfigError("--warm-up is of the bars before --since TIME: say from when on the run is judged")
    return plan


def _is_bars(text: str) -> bool:
    return text.lower().endswith(_BARS)


def _interval_s(given: float | None) -> int:
    if given is None:
        return 0
    if given != int(given):
        raise ConfigError(f"--bars {given:g}: bars are whole seconds long")
    return int(given)


def research_configuration(arguments: argparse.Namespace) -> Config:
    """The checked configuration, with the strategies that ``--strategy`` names alone. Raises ConfigError."""
    from engine.config import changed
    from engine.research.parameters import Value, parameter
    from engine.strategies.registry import StrategySet

    config = configuration(arguments)
    if not arguments.strategy:
        return config
    known = StrategySet(config.strategies, Path(config.strategies_dir))
    kinds, broken = known.kinds(), known.broken()
    values: dict[str, Value] = {f"strategies.{name}.enabled": False for name in kinds}
    for text in arguments.strategy:
        name, *given = (part.strip() for part in text.split(","))
        if name not in kinds:
            usable = ", ".join(one for one in kinds if one not in broken)
            unread = "".join(f"; {one} could not be loaded: {why}" for one, why in broken.items())
            raise ConfigError(_unknown(name, kinds, config) + f"; known are {usable}{unread}")
        if name in broken:
            raise ConfigError(f"--strategy {clean(name, 40)} could not be loaded: {broken[name]}")
        values[f"strategies.{name}.enabled"] = True
        for one in given:
            key, equals, value = one.partition("=")
            if not equals:
                raise ConfigError(f"--strategy {clean(text, 60)}: write it as NAME,KEY=VALUE")
            whole = f"strategies.{name}.{key.strip()}"
            values[whole] = parameter(whole, kinds).value(value.strip())
    return changed(config, values)


def tell_of_settings(state_dir: Path) -> None:
    """What a running desk there would do, and a run of its configuration does not."""
    from engine.wiring.set_by_hand import set_by_hand

    names = set_by_hand(state_dir)
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        print(
            f"tickdesk: the desk of {state_dir} goes by what was set while it ran, too: "
            f"{', '.join(names[:_MOST_NAMES])}{more}; this goes by the configuration alone",
            file=sys.stderr,
        )


def given_keys(arguments: argparse.Namespace) -> frozenset[str]:
    """What ``--set`` names: that stands as it is given, at its default too."""
    return frozenset(text.partition("=")[0].strip() for text in arguments.overrides)


def _unknown(name: str, kinds: Iterable[str], config: Config) -> str:
    told, stem = f"--strategy {clean(name, 80)}: there is none", Path(name).stem
    if not (name.endswith(".py") or "/" in name):
        return told + did_you_mean(name, kinds)
    if stem in kinds:
        return f"{told} of this name: give the name alone, {clean(stem, 40)}"
    return f"{told} of this name: put the file into {config.strategies_dir}, and give its name without .py"
