"""The desk's times on bars: what is set in seconds for bars of one second, in bars of another length.

A live desk looks at the market once a second, so its defaults are in seconds: a signal counts for ten, a
quote is old after ten. Fed with bars of an hour or a day the same desk must count in those. Everything that
follows the length of a bar is listed here, and nowhere else:

- features: the bar itself, and the rolling window (5 s: five bars). Nothing is filled: a bar that is not
  there was not traded, or the market was closed, and the next one follows the last.
- signals: how long those of the shipped strategies count, and their cooldowns; how long an opportunity
  counts, and is the same one. (A strategy of the user's own has the times that its author gave it.)
- risk: when data is stale, and within which time orders count as repeated or the same.
- exits: how often levels are looked at beside the kernel. The longest holding time is the user's own.
- quality: from which age on trades, quotes, books and candles are old.
- paper: orders arrive at once, and a market order waits for the next bar, however far away it is.

Rests after exits and locks after stops are counted in bars already. What is configured otherwise than by its
default stands as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TypeVar

import msgspec

from engine.config import Config
from engine.strategies.base import Strategy
from engine.strategies.registry import STRATEGIES
from engine.strategies.settings import Switches

_SECTIONS: dict[str, tuple[str, ...]] = {
    "features": ("window_s",),
    "opportunities": ("ttl_s", "dedupe_s"),
    "risk": ("stale_data_s", "repeat_window_s", "duplicate_window_s"),
    "exits": ("sweep_s",),
    "quality": ("trade_age_s", "quote_age_s", "book_age_s", "candle_age_s"),
    "paper": ("order_ttl_s",),
}
"""What is multiplied by the length of a bar."""
_AT_ONCE = ("entry_latency_ms", "latency_jitter_ms", "response_latency_ms")
_SectionT = TypeVar("_SectionT", bound=msgspec.Struct)


def on_bars(
    config: Config, interval_s: float, longest_gap_s: float = 0.0, *, given: Collection[str] = ()
) -> Config:
    """``config`` for bars of ``interval_s``. ``longest_gap_s``: between the beginnings of two bars of a
    symbol, weekends and nights included. ``given``: keys that stand as they are, at their defaults too."""
    waits_s = max(_default("paper", "order_ttl_s") * interval_s, longest_gap_s + interval_s)
    followed: dict[str, dict[str, float]] = {
        name: {key: _default(name, key) * interval_s for key in keys} for name, keys in _SECTIONS.items()
    }
    followed["paper"] = {"order_ttl_s": waits_s} | dict.fromkeys(_AT_ONCE, 0.0)
    followed["features"] |= {"max_fill_bars": 0}
    sections = {
        name: _follow(
            getattr(config, name),
            {key: value for key, value in values.items() if f"{name}.{key}" not in given},
        )
        for name, values in followed.items()
    }
    sections["features"] = msgspec.structs.replace(sections["features"], bar_s=float(interval_s))
    return msgspec.structs.replace(config, strategies=_strategies(config, interval_s), **sections)


def standing(config: Config, given: Collection[str]) -> tuple[str, ...]:
    """Of ``given`` what is at its default, and would follow the bars if it were not given."""
    keys = {f"{name}.{key}" for name, section in _SECTIONS.items() for key in section}
    keys |= {f"paper.{key}" for key in _AT_ONCE} | {"features.max_fill_bars"}
    return tuple(
        key
        for key in sorted(keys.intersection(given))
        if getattr(getattr(config, key.partition(".")[0]), key.partition(".")[2]) == _default(*key.split("."))
    )


def _default(section: str, key: str) -> float:
    return float(getattr(getattr(_DEFAULTS, section), key))


def _follow(section: _SectionT, values: dict[str, float]) -> _SectionT:
    """``section`` with those of ``values`` whose key is set to its default."""
    defaults = type(section)()
    return msgspec.structs.replace(
        section,
        **{key: value for key, value in values.items() if getattr(section, key) == getattr(defaults, key)},
    )


def _strategies(config: Config, interval_s: float) -> dict[str, dict[str, object]]:
    """The sections of the strategies, with the times of the shipped ones that are not given."""
    sections = {name: dict(section) for name, section in config.strategies.items()}
    for name, kind in STRATEGIES.items():
        section = sections.setdefault(name, {})
        for key, seconds in _times_of(kind):
            section.setdefault(key, seconds * interval_s)
    return sections


@cache
def _times_of(kind: type[Strategy]) -> tuple[tuple[str, float], ...]:
    """Its parameters that are seconds, and their defaults."""
    return tuple(
        (field.name, float(field.default))
        for field in msgspec.structs.fields(kind.Params)
        if field.name.endswith("_s") and field.name not in Switches.__struct_fields__
    )


_DEFAULTS = Config()
