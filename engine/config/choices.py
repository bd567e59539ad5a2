"""What a setting may be, where only some values are allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

_REFUSED = re.compile(r"^Invalid enum value .* - at `\$\.([\w.]+)`$")


def with_choices(refusal: str, config: type) -> str:
    """msgspec's ``refusal`` of a value, followed by those that are allowed there, where they can be told."""
    found = _REFUSED.match(refusal)
    allowed = _allowed(inspect.type_info(config), found[1].split(".")) if found else ()
    return f"{refusal}: allowed are {', '.join(map(str, allowed))}" if allowed else refusal


def _allowed(info: inspect.Type, names: Sequence[str]) -> Sequence[Any]:
    for name in names:
        fields = info.fields if isinstance(info, inspect.StructType) else ()
        known = [field.type for field in fields if field.encode_name == name]
        if not known:
            return ()
        (info,) = known
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [value for kind in kinds if isinstance(kind, inspect.LiteralType) for value in kind.values]
