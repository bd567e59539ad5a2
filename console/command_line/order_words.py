"""An order as it is typed: what the words behind ``buy`` and ``sell`` fill in in the ticket.

    buy SYM SIZE [@ PRICE] [stop P | take P | trail X] [sl P] [tp P]
                 [gtc|ioc|fok|gtd 60s] [post] [reduce] [by last|quote|mark]

SIZE is a quantity, ``$`` and what it is worth in the quote's currency, or a share of equity as ``10%``.
Numbers stay the decimal text that was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from console.command_line.command import CommandError
from engine.text import clean

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15}")
_LONGEST = 24
"""Characters of a number, as in the ticket."""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEVELS = {
    "stop": "stop_price",
    "take": "stop_price",
    "trail": "trail",
    "sl": "stop_loss",
    "tp": "take_profit",
}
_FORCES = ("gtc", "ioc", "fok")
_TRIGGERS = ("last", "quote", "mark")
WORDS: dict[str, str] = {
    "@": "PRICE: a limit",
    "stop": "PRICE: wait for it, then market; with @ a stop limit",
    "take": "PRICE: wait until it is as good as that, then market",
    "trail": "DISTANCE: a stop that follows the price",
    "sl": "PRICE: stop loss of the bracket",
    "tp": "PRICE: target of the bracket",
    "gtc": "until it fills or is canceled (the default)",
    "ioc": "at once or not at all; a part is fine",
    "fok": "at once and whole, or not at all",
    "gtd": "TIME: for so long, as in gtd 60s",
    "post": "post-only: never takes",
    "reduce": "only makes the position smaller",
    "by": "last, quote or mark: what a stop watches",
}
"""What may follow the size, and what it means."""
_TAKE_ONE = {"@", *_LEVELS, "gtd", "by"}


def number(text: str, what: str) -> str:
    """``text`` when it is a plain decimal number above 0. Raises CommandError."""
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text) or not Decimal(text):
        raise CommandError(f"{what}: give a number above 0, not {clean(text, 30) or 'nothing'}")
    return text


def seconds(text: str) -> str:
    """Of ``60``, ``60s``, ``5m``, ``2h`` or ``1d``. Raises CommandError."""
    unit = text[-1:].lower() if text[-1:].isalpha() else ""
    figure = text[: len(text) - len(unit)]
    if unit not in _UNITS or not _NUMBER.fullmatch(figure) or not 0 < Decimal(figure) < 10**8:
        raise CommandError(f"gtd: give a time as 60s, 5m, 2h or 1d, not {clean(text, 30) or 'nothing'}")
    return f"{(Decimal(figure) * _UNITS[unit]).normalize():f}"


def expected(words: Sequence[str]) -> str:
    """The word whose value comes next; "" where another word of ``WORDS`` may."""
    before = words[-1].lower() if words else ""
    return before if before in _TAKE_ONE else ""


def ticket_values(side: str, symbol: str, size: str, words: Sequence[str]) -> dict[str, str]:
    """What the ticket shows for an order as typed. Raises CommandError for what makes no order."""
    values = {"symbol": symbol, "side": side, **_size(size), "type": "market", "time_in_force": "gtc"}
    rest = iter(_apart(words))
    seen: set[str] = set()
    for word in rest:
        kind = "force" if word in (*_FORCES, "gtd") else word
        if kind in seen:
            raise CommandError(f"{word} is said twice" if kind == word else "it is in force in one way only")
        seen.add(kind)
        _take(values, word, rest)
    values["type"] = _type(seen)
    _refuse_what_is_not_shown(values, seen)
    return values


def _apart(words: Sequence[str]) -> Iterator[str]:
    """``@59000`` is ``@`` and ``59000``; words are read in small letters."""
    for word in words:
        if word.startswith("@") and len(word) > 1:
            yield "@"
            yield word[1:]
        else:
            yield word.lower()


def _size(text: str) -> dict[str, str]:
    if text.startswith("$"):
        return {"sizing": "notional", "size": number(text[1:], "size")}
    if text.endswith("%"):
        return {"sizing": "equity_pct", "size": number(text[:-1], "size")}
    return {"sizing": "quantity", "size": number(text, "size")}


def _take(values: dict[str, str], word: str, rest: Iterator[str]) -> None:
    if word == "@":
        values["price"] = number(next(rest, ""), "price behind @")
    elif word in _LEVELS:
        values[_LEVELS[word]] = number(next(rest, ""), f"price behind {word}" if word != "trail" else word)
    elif word in _FORCES:
        values["time_in_force"] = word
    elif word == "gtd":
        values["time_in_force"], values["expire_s"] = word, seconds(next(rest, ""))
    elif word == "by":
        trigger = next(rest, "")
        if trigger not in _TRIGGERS:
            raise CommandError(
                f"by: a stop watches {', '.join(_TRIGGERS)}, not {clean(trigger, 20) or 'nothing'}"
            )
        values["trigger"] = trigger
    elif word in ("post", "reduce"):
        values[f"{word}_only"] = "on"
    else:
        raise CommandError(f"{clean(word, 30)} is no part of an order; it may be {' '.join(WORDS)}")


def _type(seen: set[str]) -> str:
    waits = seen & {"stop", "take", "trail"}
    if len(waits) > 1:
        raise CommandError(f"{' and '.join(sorted(waits))}: an order waits for one thing")
    if "stop" in waits:
        return "stop_limit" if "@" in seen else "stop"
    if waits:
        if "@" in seen:
            raise CommandError(f"{waits.pop()} goes to the market: it takes no @")
        return "trailing_stop" if "trail" in waits else "take_profit"
    return "limit" if "@" in seen else "market"


def _refuse_what_is_not_shown(values: dict[str, str], seen: set[str]) -> None:
    """The ticket asks for nothing that an order of this type has not: it would be lost."""
    if "post" in seen and "@" not in seen:
        raise CommandError("post: only an order with a limit (@ PRICE) can be post-only")
    if "by" in seen and not seen & {"stop", "take", "trail"}:
        raise CommandError("by: only a stop, take or trail watches something")
