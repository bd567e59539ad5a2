"""What msgspec refuses, in a person's words: which key, what was given, what may stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from engine.suggestion import did_you_mean
from engine.text import clean

_AT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_QUOTED = re.compile(r"`([^`]*)`")
_WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "keys with values",
    "null": "nothing",
}
_NOTHING = object()


def refused(error: Exception, kind: Any, given: Any = _NOTHING, *, json: bool = False) -> str:
    """One line about ``given``, which is no ``kind``. ``json``: an amount is shown as it is written there."""
    if not isinstance(error, msgspec.ValidationError):
        return _no_json(error)
    found = _AT.fullmatch(str(error))
    message, where = (found[1], found[2] or "") if found else (str(error), "")
    info, value = _followed(inspect.type_info(kind), given, where)
    key = clean(where, 80)
    if unknown := _UNKNOWN.fullmatch(message):
        known = [field.encode_name for one in _kinds(info) for field in getattr(one, "fields", ())]
        whole = f"{key}.{clean(unknown[1], 40)}".lstrip(".")
        return f"{whole}: there is no such key{did_you_mean(unknown[1], known)}"
    if missing := _MISSING.fullmatch(message):
        return f"{key}.{missing[1]}: is missing".lstrip(".")
    return (f"{key}: " if key else "") + _of_value(message, info, key, value, json)


def _of_value(message: str, info: inspect.Type | None, key: str, value: Any, json: bool) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if json and number and message.startswith("Expected `str"):
        name = re.split(r"[.\[]", key)[-1]
        written = msgspec.json.encode(value).decode()
        return f'amounts are decimal text: write "{name}": "{clean(written, 40)}"'
    allowed = [
        str(one) for kind in _kinds(info) if isinstance(kind, inspect.LiteralType) for one in kind.values
    ]
    if message.startswith("Invalid enum value") and allowed:
        return f"{clean(message[:1].lower() + message[1:])}: allowed are {', '.join(allowed)}"
    wanted, _, got = message.partition(", got ")
    text = wanted[:1].lower() + wanted[1:] if wanted.startswith("Expected") else wanted
    # Where text is expected it may be secret; where a number is, what was given says what is wrong.
    if value is not _NOTHING and re.search("`(float|int)", wanted) and isinstance(value, (int, float, str)):
        got = clean(repr(value), 40)
    return clean(_plain(text)) + (f", got {_plain(got)}" if got else "")


def _plain(text: str) -> str:
    """``float | null`` in words."""

    def words(found: re.Match[str]) -> str:
        kinds = [one for one in found[1].split(" | ") if one != "null"] or ["null"]
        return " or ".join(_WORDS.get(one, one) for one in kinds)

    return _QUOTED.sub(words, text)


def _no_json(error: Exception) -> str:
    text = str(error)
    if "truncated" in text:
        return "the JSON ends before it is complete"
    return clean(f"no JSON: {text.removeprefix('JSON is malformed: ')}")


def _followed(info: inspect.Type, value: Any, where: str) -> tuple[inspect.Type | None, Any]:
    """Type and value that stand at ``where``; None and ``_NOTHING`` where it cannot be followed."""
    found: inspect.Type | None = info
    for name, place in _STEP.findall(where):
        found = _inside(found, name)
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Sequence) and place.isdecimal() and int(place) < len(value):
            value = value[int(place)]
        else:
            value = _NOTHING
    return found, value


def _inside(info: inspect.Type | None, name: str) -> inspect.Type | None:
    for kind in _kinds(info):
        if isinstance(kind, inspect.DictType):
            return kind.value_type
        if isinstance(kind, (inspect.ListType, inspect.VarTupleType)) and not name:
            return kind.item_type
        for field in getattr(kind, "fields", ()):
            if field.encode_name == name:
                return field.type  # type: ignore[no-any-return]
    return None


def _kinds(info: inspect.Type | None) -> tuple[inspect.Type, ...]:
    """One by one what a union allows."""
    return () if info is None else info.types if isinstance(info, inspect.UnionType) else (info,)
