"""Bodies as no service would send them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

WORDS = (
    *("null", "-1", "0", "1e400", "-1e308", "1e-320", "NaN", "Infinity", "[]", "{}", '""', "true"),
    *("99999999999999999999999", "-9223372036854775808", "9223372036854775807", "1.5", '"0x10"', '"1_0"'),
    *('"2026-02-30"', '"9999-12-31 23:59:59"', '"0001-01-01"', '"None"', '"\\u0000\\u202e"', '"-5"', '"nan"'),
)
VALUE = re.compile(r'(?<=[:\[,] )("(?:[^"\\]|\\.)*"|-?[0-9.eE+-]+|null|true)(?=[,\]}])')


def damaged(seeds: list[str], count: int, rng: random.Random) -> Iterator[bytes]:
    """Bodies with bytes changed, cut, doubled, and with values replaced."""
    for _ in range(count):
        text = rng.choice(seeds)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            kind = rng.random()
            at = rng.randrange(len(text) + 1)
            if kind < 0.7:
                text = replaced(text, rng)
            elif kind < 0.78:
                text = text[:at]
            elif kind < 0.9:
                text = text[:at] + chr(rng.randrange(1, 0x2FF)) + text[at + 1 :]
            else:
                end = min(len(text), at + rng.randrange(200))
                text = text[:end] + text[at:]
        yield text.encode("utf-8", "surrogatepass") if rng.random() < 0.95 else rng.randbytes(50)


def replaced(text: str, rng: random.Random) -> str:
    """One value in it by another."""
    values = list(VALUE.finditer(text))
    if not values:
        return text
    value = rng.choice(values)
    return text[: value.start()] + rng.choice(WORDS) + text[value.end() :]
