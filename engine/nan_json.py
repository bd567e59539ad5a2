"""JSON has no NaN: msgspec writes null for it, so a null in a float field is read back as NaN."""

from __future__ import annotations

import math
import types
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec

T = TypeVar("T")


def decode(body: bytes | str, kind: type[T]) -> T:
    """``body`` as ``kind``. Raises ``msgspec.MsgspecError`` for what is not JSON or not of ``kind``."""
    return msgspec.convert(with_nan(msgspec.json.decode(body), kind), kind)


def with_nan(raw: Any, kind: Any) -> Any:
    """``raw`` with NaN where ``kind`` has a float and ``raw`` a null."""
    if kind is float:
        return math.nan if raw is None else raw
    if get_origin(kind) in (Union, types.UnionType):
        return with_nan(raw, _arm(raw, get_args(kind)))
    if get_origin(kind) is tuple and isinstance(raw, list):
        return [with_nan(item, get_args(kind)[0]) for item in raw]
    if _is_struct(kind) and isinstance(raw, dict):
        known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        return {name: with_nan(value, known.get(name)) for name, value in raw.items()}
    return raw


def _arm(raw: Any, arms: tuple[Any, ...]) -> Any:
    """The struct of a union that ``raw`` is; None for anything else."""
    structs = [arm for arm in arms if _is_struct(arm)]
    if not isinstance(raw, dict) or not structs:
        return None
    if len(structs) == 1:
        return structs[0]
    for arm in structs:
        config = arm.__struct_config__
        if config.tag_field in raw and raw[config.tag_field] == config.tag:
            return arm
    return None


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
