"""``tickdesk automations list|show|put|on|off|remove|statistics``: the running engine's automations."""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from console.cli.client import ask
from console.cli.settings import state_dir
from engine.api.protocol import AutomationPatch, AutomationRow, Reply, SignalStatistics
from engine.automation.definition import MAX_BYTES, parse
from engine.errors import AutomationError
from engine.events import NS
from engine.text import clean

_PATH = "/v1/automations"
_NAMED = ("show", "on", "off", "remove")


def run(arguments: argparse.Namespace) -> int:
    what, name, where = arguments.what, arguments.name or "", state_dir(arguments)
    if what in _NAMED and not name:
        raise AutomationError(f"say which: tickdesk automations {what} NAME")
    path = f"{_PATH}/{quote(name, safe='')}"
    if what == "list":
        _list(ask(where, "GET", _PATH, tuple[AutomationRow, ...]), arguments.json)
    elif what == "statistics":
        _statistics(ask(where, "GET", f"{_PATH}/statistics", tuple[SignalStatistics, ...]), arguments.json)
    elif what == "show":
        print(_json(ask(where, "GET", path, dict[str, Any])))
    elif what == "put":
        name, definition = _read(arguments)
        print(ask(where, "PUT", f"{_PATH}/{quote(name, safe='')}", Reply, body=definition).text)
    elif what == "remove":
        print(ask(where, "DELETE", path, Reply).text)
    else:
        body = msgspec.json.encode(AutomationPatch(active=what == "on"))
        print(ask(where, "POST", path, Reply, body=body).text)
    return 0


def _read(arguments: argparse.Namespace) -> tuple[str, bytes]:
    """The name and the definition that are to be put: ``put NAME FILE``, or ``put FILE`` named in or by it.

    Judged here as the engine will, so that what is wrong is told where the file is. Raises AutomationError.
    """
    if arguments.name is None:
        raise AutomationError("say which file: tickdesk automations put [NAME] FILE.toml")
    named, file = (arguments.name, arguments.file) if arguments.file else ("", Path(arguments.name))
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise AutomationError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AutomationError(f"{file} is no text in UTF-8") from None
    if len(raw) > MAX_BYTES:
        raise AutomationError(f"{file} is longer than {MAX_BYTES // 1024} KiB: shorten it")
    try:
        document = msgspec.json.decode(text) if file.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # both kinds of error are ValueErrors
        raise AutomationError(f"{file}: {clean(error, 120)}") from None
    if not isinstance(document, dict):
        raise AutomationError(f"{file}: a definition is an object with trigger and steps")
    name = named or str(document.get("name", "")) or file.stem
    definition = parse(name, document)
    return name, msgspec.json.encode({**document, "name": definition.name})


# --- printing ---


def _list(rows: tuple[AutomationRow, ...], as_json: bool) -> None:
    if as_json:
        print(_json(rows))
        return
    if not rows:
        print("no automations: `tickdesk automations put FILE.toml` stores one")
    now_ns = time.time_ns()
    for row in rows:
        last = f"{max(0, now_ns - row.last_ns) // NS} s ago" if row.last_ns else "never"
        last += f", {clean(row.place, 80)}" if row.place else ""
        print(f"{'on ' if row.active else 'off'} {row.name}: {row.trigger} → {row.steps}")
        print(
            f"    matched {row.matched:,}, started {row.started:,}, succeeded {row.succeeded:,},"
            f" failed {row.failed:,}, running {row.running}; last {last}"
        )
        if row.error:
            print(f"    {clean(row.error, 300)}")


def _statistics(rows: tuple[SignalStatistics, ...], as_json: bool) -> None:
    if as_json:
        print(_json(rows))
        return
    heads = ("signal", "seen", "matched", "started", "succeeded", "failed", "skipped", "p50 ms", "p99 ms")
    lines: list[tuple[str, ...]] = [heads]
    for row in rows:
        counts = (row.seen, row.matched, row.started, row.succeeded, row.failed, row.skipped)
        times = (_ms(row.latency_p50_us), _ms(row.latency_p99_us))
        lines.append((clean(row.signal, 40), *(f"{count:,}" for count in counts), *times))
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells))


def _ms(microseconds: float | None) -> str:
    return "-" if microseconds is None else f"{microseconds / 1e3:.1f}"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
