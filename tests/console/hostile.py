"""Text as an enemy would send it, and samples with it in every free field."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, get_origin

import msgspec

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b2J\x90q\x9c",
    "\u202egnp.exe\u2066",
    "[@click=app.halt]click[/]",
    "[bold red]markup[/",
    "日本語の銘柄名前",
    "e\u0301\u0300\u0302" * 12,
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "a\nb\tc\r\0\x7f",
    "x" * 5000,
    "\u200b\u2028\ufeff\ue000",
    "",
)
_PIECES = (
    *HOSTILE,
    "\x1b]0;title\x1b\\",
    "\x1b]8;;file:///etc/passwd\x1b\\link\x1b]8;;\x1b\\",
    "\x1bPtmux;\x1b\x1b]52;c;ZXZpbA==\x07\x1b\\",
    "\x1b[200~pasted\x1b[201~",
    "\x1b[6n\x1b[c\x05",
    "\x1b[2J\x1b[1;1H\x1b[8m",
    "\x1b(0lqqk\x0f\x0e",
    "\x1bc\x84\x85\x8d\x98\x9d0;t\x9c",
    "[link=javascript:alert(1)]x[/link]",
    "[/]][[]$foreground @click=app.flatten()",
    "\u2067\u202d\u061c\u200e\u200fabc",
    "\u0e33\u0e33ကို\u0f71\u0f72क्षि",
    "🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿👍🏽❤️✂︎⛔",
    "ｆｕｌｌ　ｗｉｄｔｈ",
    "\u1160\u3164\u115f",
    "﷽꧅𒐫",
    "a" + "\u0300" * 300,
    "\ud800\udfff",
    "\U000e0041\U0010ffff\ufffe",
    "=cmd|'/c calc'!A0",
    "%s%n{0}{self}$(halt)`halt`",
    "NaN",
    "-0",
    "BTC-USD",
    "simulated:ETH-USD",
    " ",
    "…",
    "│─┌▲▼●",
)


def hostile_texts(seed: int) -> Iterator[str]:
    """Without end, each another one."""
    rng = random.Random(seed)
    number = 0
    while True:
        number += 1
        pieces = rng.choices(_PIECES, k=rng.randint(1, 5))
        at = rng.randrange(len(pieces) + 1)
        yield "".join((*pieces[:at], f"{number:x}", *pieces[at:]))


def poison(value: Any, text: str | Iterator[str]) -> Any:
    """The same struct with every free text replaced, by ``text`` or by the next of them.

    A field of few given values stays: the link refuses any other.
    """
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(
            value, **{name: poison(getattr(value, name), text) for name in _free(type(value))}
        )
    if isinstance(value, (tuple, list)):
        return type(value)(poison(item, text) for item in value)
    if isinstance(value, dict):
        return {_one(text): 3, **value}
    return _one(text) if type(value) is str else value


@cache
def _free(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(kind)
    return tuple(f.name for f in fields if f.name != "id" and get_origin(f.type) is not Literal)


def _one(text: str | Iterator[str]) -> str:
    return text if isinstance(text, str) else next(text)
