"""An alert as it is typed: ``last BTC-USD above 70000 repeat``, ``change BTC-USD -2 in 60``, ``feed 30``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from engine.alert_rule import OF_SYMBOL, ONLY_ABOVE, AlertRule, What, checked
from engine.errors import AlertError
from engine.plain_number import plain_number
from engine.text import clean

KINDS: tuple[str, ...] = get_args(What)
SAME = {"price": "last", "pnl": "day_pnl", "position": "unrealized", "dd": "drawdown"}
_NUMBERS = {"in": "window_s", "rearm": "rearm", "pause": "pause_s"}
FORM = (
    "WHAT [SYMBOL or SOURCE] [above|below] VALUE [in SECONDS] [of SYMBOL] [repeat] [rearm X] [pause S] "
    "[note WORDS]"
)


def rule_of(words: Sequence[str]) -> AlertRule:
    """Raises AlertError, one line that says how it is written."""
    if not words:
        raise AlertError(f"say what: {FORM}")
    what = SAME.get(words[0], words[0])
    if what not in KINDS:
        raise AlertError(f"{clean(words[0], 30)!r} is nothing to watch: {', '.join(KINDS)}")
    given: dict[str, Any] = {}
    waiting = list(words[1:])
    while waiting:
        word = waiting.pop(0)
        if word in ("above", "below"):
            given["beyond"] = word
        elif word == "repeat":
            given["repeat"] = True
        elif word == "note":
            given["note"], waiting = " ".join(waiting), []
        elif word in _NUMBERS or word == "of":
            if not waiting:
                raise AlertError(f"{word}: what comes behind it is missing")
            text = waiting.pop(0)
            if word == "of":
                given["symbol"] = text
            else:
                given[_NUMBERS[word]] = _number(text.removesuffix("s"))
        else:
            _take(what, word, given)
    if "value" not in given:
        raise AlertError(f"say the value: {FORM}")
    if given["value"] < 0 and what not in ONLY_ABOVE:
        given.setdefault("beyond", "below")
    return checked(AlertRule(what=what, **given))  # type: ignore[arg-type]


def _take(what: str, word: str, given: dict[str, Any]) -> None:
    """The value, or what it is of."""
    try:
        number = plain_number(word.removesuffix("%").replace(",", ""))
    except ValueError:
        name = "symbol" if what in OF_SYMBOL else "source"
        if name in given:
            raise AlertError(f"{clean(word, 30)!r} is not understood: {FORM}") from None
        given[name] = word
        return
    if "value" in given:
        raise AlertError(f"{clean(word, 30)}: there is a value already")
    given["value"] = number


def _number(text: str) -> float:
    try:
        return plain_number(text)
    except ValueError as error:
        raise AlertError(clean(error)) from None
