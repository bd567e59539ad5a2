"""Help: the keys that work where you are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.command_line.command import Command
from console.keymap import (
    DEFAULT_KEYS,
    DESK,
    MARKET_PANE,
    ORDERS_PANE,
    PANES,
    STRATEGIES_PANE,
    Key,
    KeyMap,
    keys_for,
)
from console.screens.desk_layout import TICKS
from console.screens.reader import Reader
from widgets.cells import fit
from widgets.lines import Line
from widgets.orders import TRIGGER

_STOPS = {"halt", "entries", "resume", "cancel_all", "flatten", "kill"}


class HelpScreen(Reader):
    """``pane``: where the cursor was, from 1. ``word``: only what speaks of it."""

    def __init__(
        self,
        pane: int,
        keys: KeyMap = DEFAULT_KEYS,
        word: str = "",
        commands: Sequence[Command] = (),
    ) -> None:
        super().__init__(*_told(pane, keys, word, commands))

    def begin_with(self, pane: int, keys: KeyMap, word: str, commands: Sequence[Command]) -> None:
        """As it would be made, for one that waits to be opened."""
        self.begin(*_told(pane, keys, word, commands))


def _told(pane: int, keys: KeyMap, word: str, commands: Sequence[Command]) -> tuple[str, list[Line]]:
    """Title and lines."""
    if word:
        return f"Help · {word}", word_lines(word, keys, commands)
    return "Keys", [*help_lines(pane, keys), *typed_lines(keys, commands)]


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
    """What has no key is typed on the command line."""
    lines: list[Line] = [((title, "heading"),)]
    lines += [
        ((fit(key.shown or f":{key.id}", 11, right=True), "key"), (f"  {key.help}", "text")) for key in keys
    ]
    return lines


def typed_lines(keys: KeyMap, commands: Sequence[Command]) -> list[Line]:
    """The commands that take words; the others are actions with keys, called by their names."""
    mine = [command for command in commands if command.arguments]
    if not mine:
        return []
    lines: list[Line] = [(), ((f"Command line ({keys.shown('command_line')})", "heading"),)]
    return lines + [_usage(command) for command in mine]


def _usage(command: Command) -> Line:
    return ((f"  {command.usage}", "key"), (f"  {command.about}", "text"))


def word_lines(word: str, keys: KeyMap = DEFAULT_KEYS, commands: Sequence[Command] = ()) -> list[Line]:
    """Every key and command that speaks of ``word``, wherever it works."""
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
    typed = [
        command
        for command in commands
        if wanted in command.usage.casefold() or wanted in command.about.casefold()
    ]
    if typed:
        lines += [*([()] if lines else []), (("On the command line", "heading"),)]
        for command in typed:
            lines.append(_usage(command))
            lines += [
                ((f"      {argument.name}  ", "bold"), (argument.about, "muted"))
                for argument in command.arguments
                if command.name == wanted
            ]
    return lines or [(("nothing speaks of ", "muted"), (word, "bold"))]


_TICKS = (
    "change: since the oldest trade of the last few seconds (features.window_s); not the day's.",
    "score: what the signals come to, from -1 to 1.  trend: the last bars.",
)
_CHART = (
    "Candles: slim ┃ rose, full █ fell, ┼ neither.  ▲▼ our fills, ◆ both sides.  ◂ the newest price.",
    "Lines: E entry, S stop, t trailing stop, T target; b and s our orders to buy and to sell.",
    "Book: A asks, B bids, ━ all that stands up to that price.  ◂ ours.  ! a large print.",
)
"""What the signs of the market are."""


def help_lines(pane: int, keys: KeyMap = DEFAULT_KEYS) -> list[Line]:
    lines: list[Line] = []
    if keys.mistakes:
        lines += [(("Keys that are wrong, and have their defaults", "heading"),)]
        lines += [((f"  {mistake}", "bad"),) for mistake in keys.mistakes]
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
    if pane == TICKS:
        lines += [((said, "muted"),) for said in _TICKS]
    if pane == MARKET_PANE:
        lines += [((said, "muted"),) for said in _CHART]
    if pane == ORDERS_PANE:
        lines.append(((f"{TRIGGER} before a price: it waits until the market gets there.", "muted"),))
    lines += [
        (
            (
                "What makes the desk safer is instant; what adds risk asks once, the safe answer first.",
                "muted",
            ),
        ),
        (("~ and dim: stale.  ▲▼ and the sign say the direction, colour only repeats it.", "muted"),),
    ]
    return lines
