"""Values of plain types as bytes and back, typed and safe: nothing that is read can run anything.

Numbers, text, bytes, None; lists, tuples, sets, dicts, deques, Counters, defaultdicts of them; numbers and
arrays of NumPy; Decimals; the desk's own rows and signals. What is no such value, or is reachable in two
ways, so that a copy would behave otherwise, is refused.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from engine.events import Blend, FeatureRow, Signal

MOST_BYTES = 64 << 20
_DEEPEST = 24
_KINDS = "?bhilqBHILQefdU"
_FACTORIES: dict[str, Callable[[], Any]] = {
    kind.__name__: kind for kind in (bool, int, float, str, list, dict, set, deque)
}
_STRUCTS: dict[str, Any] = {kind.__name__: kind for kind in (FeatureRow, Signal, Blend)}
_PLAIN = (type(None), bool, float, str, bytes)
_I64 = 1 << 63


class NotPlainError(ValueError):
    """A value of another type, or bytes that say none; the text tells what."""


def tell(value: object) -> bytes:
    """Raises NotPlainError."""
    body = msgspec.msgpack.encode(_Teller().told(value, 0))
    if len(body) > MOST_BYTES:
        raise NotPlainError(f"{len(body)} bytes are too many")
    return body


def read(body: bytes) -> Any:
    """What was told. Raises NotPlainError."""
    try:
        return _read(msgspec.msgpack.decode(body), 0)
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError, ArithmeticError) as error:
        raise NotPlainError(f"no plain value: {error}") from None


class _Teller:
    """Of one value; remembers what it went through."""

    def __init__(self) -> None:
        self._seen: dict[int, object] = {}

    def told(self, value: object, depth: int) -> object:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            assert isinstance(value, int)
            return value if -_I64 <= value < _I64 else ["i", str(value)]
        if depth > _DEEPEST:
            raise NotPlainError("a value too deep within others")
        if kind is tuple:
            return ["t", self._all(value, depth)]
        if kind is frozenset:
            return ["f", self._all(value, depth)]
        if kind is Decimal:
            return ["m", str(value)]
        name = kind.__name__
        if _STRUCTS.get(name) is kind:
            return ["e", name, msgspec.msgpack.encode(value)]
        if kind.__module__ == "numpy":
            return self._array(value)
        self._once(value)
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> object:
        kind = type(value)
        if kind is list:
            return ["l", self._all(value, depth)]
        if kind is set:
            return ["s", self._all(value, depth)]
        if kind is deque:
            return ["q", value.maxlen, self._all(value, depth)]
        if kind is dict:
            return ["d", self._pairs(value, depth)]
        if kind is Counter:
            return ["C", self._pairs(value, depth)]
        if kind is OrderedDict:
            return ["o", self._pairs(value, depth)]
        if kind is defaultdict:
            factory = value.default_factory
            name = None if factory is None else getattr(factory, "__name__", "")
            if name is not None and _FACTORIES.get(name) is not factory:
                raise NotPlainError("a defaultdict of another factory than a plain type")
            return ["D", name, self._pairs(value, depth)]
        raise NotPlainError(f"a {kind.__module__}.{kind.__qualname__}")

    def _all(self, values: Any, depth: int) -> list[object]:
        return [self.told(value, depth + 1) for value in values]

    def _pairs(self, value: dict[Any, Any], depth: int) -> list[object]:
        return [[self.told(key, depth + 1), self.told(one, depth + 1)] for key, one in value.items()]

    def _array(self, value: Any) -> object:
        import numpy as np

        if isinstance(value, np.generic) and value.dtype.char in _KINDS:
            return ["N", value.dtype.str, value.tobytes()]
        if type(value) is np.ndarray and value.dtype.char in _KINDS:
            self._once(value if value.base is None else value.base)
            return ["n", value.dtype.str, list(value.shape), value.tobytes()]
        raise NotPlainError(f"a numpy {type(value).__name__}")

    def _once(self, value: object) -> None:
        if id(value) in self._seen:
            raise NotPlainError(f"a {type(value).__name__} that is reachable in two ways")
        self._seen[id(value)] = value


def _read(told: Any, depth: int) -> Any:
    if not isinstance(told, list):
        return told
    if depth > _DEEPEST + 1:
        raise NotPlainError("a value too deep within others")
    tag, *rest = told
    return _READERS[tag](depth + 1, *rest)


def _items(depth: int, told: Iterable[Any]) -> list[Any]:
    return [_read(one, depth) for one in told]


def _dict(depth: int, told: Iterable[Any]) -> dict[Any, Any]:
    return {_read(key, depth): _read(one, depth) for key, one in told}


def _array_of(depth: int, dtype: str, shape: list[int], body: bytes) -> Any:
    import numpy as np

    return np.frombuffer(body, _dtype(dtype)).reshape(shape).copy()


def _number_of(depth: int, dtype: str, body: bytes) -> Any:
    import numpy as np

    return np.frombuffer(body, _dtype(dtype))[0]


def _dtype(text: str) -> Any:
    import numpy as np

    found = np.dtype(text)
    if found.char not in _KINDS:
        raise NotPlainError(f"no plain dtype: {text[:20]}")
    return found


def _default(depth: int, name: str | None, told: Iterable[Any]) -> defaultdict[Any, Any]:
    return defaultdict(None if name is None else _FACTORIES[name], _dict(depth, told))


_READERS: dict[str, Callable[..., Any]] = {
    "i": lambda depth, text: int(text),
    "t": lambda depth, told: tuple(_items(depth, told)),
    "f": lambda depth, told: frozenset(_items(depth, told)),
    "m": lambda depth, text: Decimal(text),
    "e": lambda depth, name, body: msgspec.msgpack.decode(body, type=_STRUCTS[name]),
    "l": _items,
    "s": lambda depth, told: set(_items(depth, told)),
    "q": lambda depth, most, told: deque(_items(depth, told), most),
    "d": _dict,
    "C": lambda depth, told: Counter(_dict(depth, told)),
    "o": lambda depth, told: OrderedDict(_dict(depth, told)),
    "D": _default,
    "n": _array_of,
    "N": _number_of,
}
