"""An automation: a trigger and steps, checked. Written in JSON or TOML of the same shape.

name = "btc-rise"
[trigger]
type = "signal"
symbols = ["binance:BTCUSDT"]
min_score = 0.6
[[steps]]
type = "notify"
text = "{symbol} {side} {score}: {reason}"
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from engine.automation import template
from engine.automation.environment import ADDRESSES, PREFIX, why_not
from engine.automation.parts import (
    DAYS,
    Halt,
    Notify,
    Order,
    PeriodicTrigger,
    RunStrategy,
    SignalTrigger,
    Step,
    Trigger,
    Webhook,
)
from engine.errors import AutomationError
from engine.text import clean

MAX_BYTES = 64 * 1024
MAX_STEPS = 20
RESERVED = ("statistics",)
"""Names that mean something else where automations are addressed."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
_SECRET = re.compile(r"auth|token|key|secret|cookie|passw|signature", re.IGNORECASE)


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One automation. Its steps are done in order; one that fails ends the run."""

    name: str
    active: bool = True
    trigger: Trigger
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=MAX_STEPS)]


def parse(name: str, raw: bytes | str | Mapping[str, Any]) -> Definition:
    """The definition that ``raw`` (JSON, or what JSON or TOML says) gives the automation ``name``.

    Raises AutomationError, one line that names the key and the fix.
    """
    check_name(name)
    where = f"automation {name}"
    if isinstance(raw, (bytes, str)):
        if len(raw) > MAX_BYTES:
            raise AutomationError(
                f"{where}: the definition is longer than {MAX_BYTES // 1024} KiB: shorten it"
            )
        try:
            document = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise AutomationError(f"{where}: the definition is no JSON: {clean(error, 120)}") from None
    else:
        document = dict(raw)
    if not isinstance(document, dict):
        raise AutomationError(f"{where}: the definition must be an object with trigger and steps")
    document.setdefault("name", name)
    if document["name"] != name:
        raise AutomationError(
            f"{where}: name: the definition calls itself {clean(document['name'], 64)}: leave it out there"
        )
    try:
        _refuse_unsound(where, document, "")
    except RecursionError:  # what decodes JSON goes deeper than Python in some of its versions
        raise AutomationError(f"{where}: the definition is nested too deep: flatten it") from None
    try:
        definition = msgspec.convert(document, Definition)
    except msgspec.ValidationError as error:
        raise AutomationError(f"{where}: {_explained(error, document)}") from None
    _check(where, definition)
    return definition


def check_name(name: str) -> None:
    """Raises AutomationError for what cannot be an automation's name."""
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise AutomationError(
            f"automation {clean(name, 64) or '(no name)'}: name: take up to 64 letters, digits, - and _"
            f" ({', '.join(RESERVED)} is taken)"
        )


def _refuse_unsound(where: str, node: Any, path: str) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            _refuse_unsound(where, value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            _refuse_unsound(where, value, f"{path}[{index}]")
    elif isinstance(node, float) and not math.isfinite(node):
        raise AutomationError(f"{where}: {clean(path, 80)}: must be a finite number, not {node}")
    elif isinstance(node, str) and not path.endswith(".text") and clean(node, len(node)) != node:
        # Names are shown and printed as they are; a text is cleaned once its fields are filled in.
        raise AutomationError(f"{where}: {clean(path, 80)}: holds control characters: leave them out")


_AT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def _explained(error: msgspec.ValidationError, document: dict[str, Any]) -> str:
    """msgspec's message as ``key: what is wrong; what to do``."""
    found = _AT.fullmatch(str(error))
    message, path = (found.group(1), found.group(2) or "") if found else (str(error), "")
    path = clean(path, 80)
    if unknown := _UNKNOWN.fullmatch(message):
        key = clean(f"{path}.{unknown.group(1)}".lstrip("."), 80)
        return f"{key}: unknown key: there are {', '.join(_keys(path, document))}"
    if missing := _MISSING.fullmatch(message):
        key = f"{path}.{missing.group(1)}".lstrip(".")
        return f"{key}: missing: {_hint(key, document)}"
    return f"{path or 'definition'}: {clean(message[:1].lower() + message[1:], 160)}; {_hint(path, document)}"


def _hint(key: str, document: dict[str, Any]) -> str:
    """What may stand at ``key``."""
    if key.endswith(".type"):
        kinds = _TRIGGERS if key.startswith("trigger") else _STEPS
        return f"type is one of {', '.join(sorted(kinds))}"
    if key == "trigger":
        return "give a trigger of type signal or periodic"
    if key == "steps":
        return f"give 1 to {MAX_STEPS} steps of type {', '.join(sorted(_STEPS))}"
    kind = _kind(key.rpartition(".")[0], document)
    field = key.rpartition(".")[2].partition("[")[0]
    hint = _HINTS.get(field) if kind is not None else None
    return hint or "correct it and put it again"


def _keys(path: str, document: dict[str, Any]) -> list[str]:
    kind = _kind(path, document)
    if kind is None:
        return []
    own = [field.encode_name for field in msgspec.structs.fields(kind)]
    return own if kind is Definition else ["type", *own]


def _kind(path: str, document: dict[str, Any]) -> type[msgspec.Struct] | None:
    """The struct whose keys stand at ``path``: "", "trigger" or "steps[N]"."""
    if not path:
        return Definition
    if path == "trigger":
        return _TRIGGERS.get(_type_of(document.get("trigger")))
    if place := re.fullmatch(r"steps\[(\d+)\]", path):
        steps = document.get("steps")
        number = int(place.group(1))
        return (
            _STEPS.get(_type_of(steps[number])) if isinstance(steps, list) and number < len(steps) else None
        )
    return None


def _type_of(node: Any) -> str:
    kind = node.get("type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


_TRIGGERS: dict[str, type[msgspec.Struct]] = {"signal": SignalTrigger, "periodic": PeriodicTrigger}
_STEPS: dict[str, type[msgspec.Struct]] = {
    "notify": Notify,
    "order": Order,
    "strategy": RunStrategy,
    "webhook": Webhook,
    "halt": Halt,
}
_HINTS = {
    "active": "write true or false",
    "symbols": 'write a list such as ["binance:BTCUSDT"]',
    "sources": 'write a list such as ["rapid_rise"]',
    "min_score": "write a number from 0 to 1",
    "min_confidence": "write a number from 0 to 1",
    "cooldown_s": "write seconds, at most 604800",
    "every_s": "write whole seconds, 1 to 604800",
    "at": 'write "HH:MM", UTC',
    "days": f"write a list of {', '.join(DAYS)}",
    "text": "write 1 to 1000 characters",
    "level": "write info, warning or error",
    "urls": "write a list of Apprise URLs or env:NAME",
    "notional": "write an amount above 0",
    "quantity": "write a quantity above 0",
    "percent": "write percent of equity above 0",
    "price_offset_pct": "write percent of the mid, -50 to 50",
    "stop_loss_pct": "write percent above 0, at most 50",
    "take_profit_pct": "write percent above 0, at most 1000",
    "time_in_force": "write gtc, ioc or fok",
    "name": "write a strategy's name",
    "enabled": "write true or false",
    "weight": "write a number above 0, at most 100",
    "for_s": "write seconds above 0, at most 604800",
    "url": "write an http or https address or env:NAME",
    "method": "write POST",
    "headers": "write a table of names and texts",
    "timeout_s": "write seconds from 0.1 to 60",
    "retries": "write a number from 0 to 5",
    "state": "write reducing or halted",
}


def _check(where: str, definition: Definition) -> None:
    trigger = definition.trigger
    if isinstance(trigger, PeriodicTrigger):
        if (trigger.every_s is None) == (not trigger.at):
            raise AutomationError(f"{where}: trigger: give either every_s or at")
        if trigger.days and not trigger.at:
            raise AutomationError(
                f"{where}: trigger.days: needs at: leave it out, or write at instead of every_s"
            )
    known = (
        (*template.DESK_FIELDS, *template.SIGNAL_FIELDS)
        if isinstance(trigger, SignalTrigger)
        else template.DESK_FIELDS
    )
    for number, step in enumerate(definition.steps):
        problem = _problem(step, known, isinstance(trigger, SignalTrigger))
        if problem:
            raise AutomationError(f"{where}: steps[{number}].{problem}")


def _problem(step: Step, known: tuple[str, ...], by_signal: bool) -> str:
    """What is wrong with a step, as ``key: problem; fix``; "" when nothing is."""
    if isinstance(step, Notify):
        return _bad_text("text", step.text, known) or _bad_addresses(step.urls)
    if isinstance(step, Order):
        return _bad_order(step, by_signal)
    if isinstance(step, Webhook):
        return _bad_text("text", step.text, known) or _bad_url(step.url) or _bad_headers(step.headers)
    if isinstance(step, RunStrategy):
        if step.enabled is None and step.weight is None:
            return "enabled: give enabled, weight or both"
        if step.for_s is not None and step.enabled is None:
            return "for_s: needs enabled: say what the strategy is for so long"
    return ""


def _bad_text(key: str, text: str, known: tuple[str, ...]) -> str:
    try:
        used = template.fields(text)
    except ValueError as error:
        return f"{key}: {clean(error, 120)}"
    for name in used:
        if name not in known:
            return f"{key}: unknown field {{{clean(name, 40)}}}: there are {', '.join(known)}"
    return ""


_PRICED = ("price_offset_pct", "stop_loss_pct", "take_profit_pct")


def _bad_order(step: Order, by_signal: bool) -> str:
    sizes = [name for name in ("notional", "quantity", "percent") if getattr(step, name) is not None]
    priced = [name for name in _PRICED if getattr(step, name) is not None]
    if step.side == "close" and (sizes or priced or step.time_in_force != "gtc"):
        what = [*sizes, *priced, "time_in_force"][0]
        return f"{what}: a close closes the whole position, at market: leave it out"
    if step.side != "close" and len(sizes) != 1:
        return "percent: give exactly one of notional, quantity and percent"
    if step.symbol and ":" not in step.symbol:
        return "symbol: write venue and symbol, such as binance:BTCUSDT"
    if not by_signal and not step.symbol:
        return "symbol: a periodic trigger has no signal: name the symbol"
    if not by_signal and step.side == "signal":
        return "side: a periodic trigger has no signal: write buy, sell or close"
    return ""


def _bad_variable(key: str, text: str, *, may: str = "") -> str:
    if not _ENV.fullmatch(text):
        return f"{key}: write env: and the name of an environment variable"
    reason = why_not(text, may=may)
    return f"{key}: {reason}" if reason else ""


def _bad_addresses(urls: Sequence[str]) -> str:
    problems = (_bad_variable("urls", url, may=ADDRESSES) for url in urls if url.startswith(PREFIX))
    return next((problem for problem in problems if problem), "")


def _bad_url(url: str) -> str:
    if url.startswith(PREFIX):
        return _bad_variable("url", url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "url: write an http or https address, or env:NAME"
    if " " in url:
        return "url: holds blanks: write it percent-encoded"
    if parts.username or parts.password:
        return "url: holds a password: put the whole address into the environment and write env:NAME"
    return ""


def _bad_headers(headers: dict[str, str]) -> str:
    for name, value in headers.items():
        key = f"headers.{clean(name, 40)}"
        if not _HEADER.fullmatch(name):
            return f"{key}: is no header's name"
        if name.lower() in _OWN_HEADERS:
            return f"{key}: is set by the desk: leave it out"
        if value.startswith(PREFIX):
            if problem := _bad_variable(key, value):
                return problem
        elif _SECRET.search(name):
            return f"{key}: a definition keeps no secret: put it into the environment and write env:NAME"
        elif not value.isascii() or not value.isprintable():
            return f"{key}: write printable ASCII"
    return ""
