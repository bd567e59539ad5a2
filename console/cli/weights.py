"""``tickdesk weights [family=percent …]``: show or change what each family of signals weighs in a blend."""

from __future__ import annotations

import argparse

import msgspec

from console.cli.client import ask
from console.cli.output import as_json
from console.cli.settings import state_dir
from engine.api.protocol import Reply, WeightsPatch
from engine.config import BlendWeights
from engine.errors import ConfigError
from engine.plain_number import plain_number
from engine.text import clean

_PATH = "/v1/weights"


def run(arguments: argparse.Namespace) -> int:
    where = state_dir(arguments)
    if arguments.values:
        patch = _patch(arguments.values)
        reply = ask(where, "POST", _PATH, Reply, body=msgspec.json.encode(patch))
        print(as_json(reply) if arguments.json else reply.text)
        return 0
    weights = ask(where, "GET", _PATH, BlendWeights)
    if arguments.json:
        print(as_json(weights))
        return 0
    by_name = msgspec.structs.asdict(weights)
    total = sum(by_name.values())
    for family, weight in by_name.items():
        print(f"{family:<16} {weight:>7g}   {weight / total:>6.1%} of all")
    return 0


def _patch(values: list[str]) -> WeightsPatch:
    families = WeightsPatch.__struct_fields__
    given: dict[str, float] = {}
    for text in values:
        key, sep, value = text.partition("=")
        family = key.strip()
        if not sep:
            raise ConfigError(f"{clean(text, 60)!r}: write it as family=percent, as in speed=20")
        if family not in families:
            raise ConfigError(f"{clean(family, 40)!r} is no family; there are {', '.join(families)}")
        if family in given:
            raise ConfigError(f"{family}: given twice; say it once")
        given[family] = _percent(family, value)
    return WeightsPatch(**given)


def _percent(family: str, text: str) -> float:
    try:
        return plain_number(text.strip().removesuffix("%"))
    except ValueError as error:
        raise ConfigError(f"{family}: {clean(error)}") from None
