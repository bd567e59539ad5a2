"""Help: the keys that work where you are."""

from __future__ import annotations

from collections.abc import Iterable

from console.keymap import (
    DEFAULT_KEYS,
    DESK,
    ORDERS_PANE,
    PANES,
    STRATEGIES_PANE,
    Key,
    KeyMap,
    keys_for,
)
from console.screens.reader import Reader
from widgets.cells import fit
from widgets.lines import Line
from widgets.orders import TRIGGER

_STOPS = {"halt", "entries", "resume", "cancel_all", "flatten", "kill"}


class HelpScreen(Reader):
    """``pane``: where the cursor was, from 1. ``word``: only what speaks of it."""

    def __init__(self, pane: int, keys: KeyMap = DEFAULT_KEYS, word: str = "") -> None:
        title = f"Keys · {word}" if word else "Keys"
        super().__init__(title, word_lines(word, keys) if word else help_lines(pane, keys))


class ModelsHelpScreen(Reader):
    """The keys of the models screen, and what its words mean."""

    def __init__(self, keys: KeyMap = DEFAULT_KEYS) -> None:
        super().__init__("Keys of the models", model_help_lines(keys))


def model_help_lines(keys: KeyMap = DEFAULT_KEYS) -> list[Line]:
    words = (
        ("IC", "correlation across symbols of what was predicted with what came; rank IC: of the ranks"),
        ("ICIR", "mean IC over its deviation; an interval that holds 0 may be chance"),
        ("Sharpe", "long-short return of one horizon over its deviation, before costs, not of a year"),
        ("live IC", "rank IC on this desk, of predictions whose horizon has passed (scored)"),
        ("n 31≈8", "steps scored; as labels overlap, worth about 8. few: below 10, may be chance"),
        ("hit", "share of the paper positions that went their way over the horizon"),
        ("turn", "turnover, mean per prediction: 0 nothing changes, 100 % all of one side is exchanged"),
        ("score", "a prediction across the symbols of its batch, made mean 0 and deviation 0.02"),
        ("gain", "share of a feature in what all splits of the trees made better"),
        ("paper", "P&L of the model's own equal weights, after costs, of one side; nothing is traded for it"),
        ("shadow", "predicts on the same bars beside the active model, and trades nothing"),
        ("PSI", "how far a feature has moved from training: ~ from 0.1, ! from 0.25"),
    )
    lines = _keys("On the models", keys.models)
    lines += [(), (("Words", "heading"),)]
    return lines + [((fit(word, 11, right=True), "bold"), (f"  {said}", "text")) for word, said in words]


def _keys(title: str, keys: Iterable[Key]) -> list[Line]:
    """What has no key is found in the palette and on the command line."""
    lines: list[Line] = [((title, "heading"),)]
    lines += [((fit(key.shown, 11, right=True), "key"), (f"  {key.help}", "text")) for key in keys]
    return lines


def word_lines(word: str, keys: KeyMap = DEFAULT_KEYS) -> list[Line]:
    """Every key whose help, name or key itself holds ``word``, wherever it works."""
    wanted = word.casefold()
    lines: list[Line] = []
    for title, table in (
        ("On the desk", keys.desk),
        ("On the models", keys.models),
        ("In dialogs", keys.dialogs),
    ):
        found = [
            key
            for key in table
            if key.help
            and (
                word in key.shown.split()
                or any(wanted in text.casefold() for text in (key.id, key.label, key.help))
            )
        ]
        if found:
            lines += [*([()] if lines else []), *_keys(title, found)]
    return lines or [(("nothing speaks of ", "muted"), (word, "bold"))]


def help_lines(pane: int, keys: KeyMap = DEFAULT_KEYS) -> list[Line]:
    lines: list[Line] = []
    mine = list(keys_for(pane, keys))
    here = [key for key in mine if key.where != DESK]
    desk = [key for key in mine if key.where == DESK and not key.id.startswith("pane")]
    panes = [key for key in mine if key.id.startswith("pane") and key.id != "panes"]
    stops = [key for key in desk if key.id in _STOPS]
    screens = [key for key in desk if key.action.startswith("app.") and key not in stops]
    rest = [key for key in desk if key not in stops and key not in screens]
    for title, table in (
        (f"In {PANES[pane - 1]}", here),
        ("Stop and go on", stops),
        ("Open and do", screens),
        ("The screen", rest),
        ("Panes", panes),
    ):
        if lines:
            lines.append(())
        lines += _keys(title, table)
    lines.append(())
    if pane == STRATEGIES_PANE:
        lines.append(
            (("* behind a name: a user's own strategy.  · beside a value: not the default.", "muted"),)
        )
    if pane == ORDERS_PANE:
        lines.append(((f"{TRIGGER} before a price: it waits until the market gets there.", "muted"),))
    lines += [
        (
            (
                "What makes the desk safer is instant; what adds risk asks first, with Cancel selected.",
                "muted",
            ),
        ),
        (("~ and dim: stale.  ▲▼ and the sign say the direction, colour only repeats it.", "muted"),),
    ]
    return lines
