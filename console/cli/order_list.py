"""``tickdesk orders place FILE [--oco]``: orders that are judged as a whole and sent together, or not at all.

The file is TOML with a ``[[tickets]]`` table for each order, or JSON with the same keys (or the bare list of
tickets). Their keys are those of ``POST /v1/orders``; numbers may be written as numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

import msgspec

from console.cli.client import ask
from console.cli.order import PATH, agreed, lines, say, send, sized, somebody_there
from console.cli.output import as_json
from console.cli.settings import state_dir
from engine.api.trading_protocol import ListPreview, OrderList
from engine.errors import ConfigError
from engine.refusal import refused
from engine.text import clean

_LARGEST = 64 * 1024
"""Bytes: as much as the engine takes."""


def run(arguments: argparse.Namespace) -> int:
    where, wanted = state_dir(arguments), _wanted(arguments)
    if arguments.preview:
        preview = _preview(where, wanted)
        print(as_json(preview) if arguments.json else "\n".join(_lines(preview)))
        return 0 if preview.approved else 1
    if not arguments.yes:
        confirmed = _confirmed(where, wanted, arguments.json)
        if confirmed is None:
            return 1
        wanted = confirmed
    reply = send(where, f"{PATH}/list", msgspec.json.encode(wanted), wanted.token)
    return say(reply, json=arguments.json)


def _wanted(arguments: argparse.Namespace) -> OrderList:
    """Raises ConfigError for a file that holds no list of tickets."""
    if arguments.file is None:
        raise ConfigError("say which: tickdesk orders place FILE")
    told = _read(arguments.file)
    found: dict[str, Any] = {"tickets": told} if isinstance(told, list) else dict(told)
    if arguments.oco:
        found["kind"] = "oco"
    if arguments.token:
        found["token"] = arguments.token
    found.setdefault("token", uuid.uuid4().hex)
    given = _as_text(found)
    try:
        return msgspec.convert(given, OrderList, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{clean(arguments.file, 80)}: {refused(error, OrderList, given)}") from None


def _read(file: str) -> dict[str, Any] | list[Any]:
    """Its content, decimal numbers as the text that was written."""
    name = clean(file, 80)
    try:
        if file == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ConfigError(f"{name} is larger than {_LARGEST // 1024} KiB: divide it")
        text = data.decode()
        toml = file.endswith(".toml")
        told = tomllib.loads(text, parse_float=str) if toml else json.loads(text, parse_float=str)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{name} is no {'TOML' if file.endswith('.toml') else 'JSON'}: {clean(error)}"
        ) from None
    if not isinstance(told, dict | list):
        raise ConfigError(f"{name} holds no tickets")
    return told


def _as_text(value: Any) -> Any:
    """Whole numbers as text too: quantities and prices are decimal text on the link."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _preview(where: Path, wanted: OrderList) -> ListPreview:
    return ask(where, "POST", f"{PATH}/list/preview", ListPreview, body=msgspec.json.encode(wanted))


def _confirmed(where: Path, wanted: OrderList, json: bool) -> OrderList | None:
    """Show what they would do, and ask. What may be sent: of the sizes that were shown."""
    somebody_there(json, lambda: _preview(where, wanted))
    preview = _preview(where, wanted)
    print("\n".join(_lines(preview)))
    if not agreed(preview.approved):
        return None
    tickets = tuple(map(sized, wanted.tickets, preview.previews))
    return msgspec.structs.replace(wanted, tickets=tickets)


def _lines(preview: ListPreview) -> list[str]:
    told = [clean(preview.text, 300)]
    for one in preview.previews:
        told += ["", *lines(one)]
    return told
