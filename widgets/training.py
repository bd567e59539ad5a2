"""A training run as lines, and the form that starts one: what is asked, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from engine.api.model_protocol import TrainingOrder, TrainingRow
from engine.plain_number import is_plain, plain_number
from widgets import figures
from widgets.cells import Cell
from widgets.form import FormField
from widgets.lines import Line, section

Values = Mapping[str, str]

THEN = {"register": "register", "shadow": "shadow", "activate": "activate"}
_THEN_WORDS = {
    "register": "then registered: it does nothing until you say so",
    "shadow": "then runs beside the active one, without trading",
    "activate": "then trades, if its validation allows it and is no worse",
}
BEGIN: Values = {"then": "shadow", "window": "expanding"}
DEFAULTS = {"horizon": "20", "seconds": "7200", "seed": "7", "folds": "4"}
"""Of `tickdesk train` too."""
_BAR = 20
_STATES: Mapping[str, Cell] = {
    "none": ("○ none yet", "muted"),
    "running": ("▶ running", "accent"),
    "done": ("✓ done", "good"),
    "failed": ("✗ failed", "bad"),
    "canceled": ("■ canceled", "warn"),
}


class Number(NamedTuple):
    """What a number of the form may be; ``least`` itself only where ``whole``."""

    words: str
    whole: bool
    least: float
    most: float


NUMBERS = {
    "bar_s": Number("bars: seconds", False, 0, 604_800),
    "horizon": Number("horizon: bars", True, 1, 100_000),
    "days": Number("days", False, 0, 36_500),
    "seconds": Number("seconds", True, 1, 604_800),
    "seed": Number("seed", True, 0, 2**31 - 1),
    "folds": Number("folds", True, 1, 1_000),
    "purge": Number("purge: bars", True, 0, 200_000),
    "embargo": Number("embargo: bars", True, 0, 200_000),
}


# --- the run


def training_lines(row: TrainingRow, now_ns: int) -> list[Line]:
    """How far the run is, or what came of the last one, and when the next one starts."""
    lines = [*section("Training"), progress_line(row, now_ns)]
    if row.text:
        lines.append(((row.text, "bad" if row.state == "failed" else "text"),))
    if row.state == "none":
        lines.append((("t trains a model while the desk trades, in a process of its own", "muted"),))
    facts: list[str] = []
    if row.started_ns:
        facts.append(f"started {figures.moment(row.started_ns)} UTC{f' by {row.who}' if row.who else ''}")
    if row.ended_ns and row.started_ns:
        facts.append(f"took {figures.age(row.ended_ns - row.started_ns)}")
    if row.version:
        facts.append(f"made {row.version}")
    if facts:
        lines.append(((" · ".join(facts), "muted"),))
    if row.state == "running":
        lines.append((("c ends it; what runs stays as it is", "muted"),))
    return [*lines, next_line(row, now_ns)]


def next_line(row: TrainingRow, now_ns: int) -> Line:
    """When the schedule starts the next one."""
    if not row.next_ns:
        return (("no run is scheduled: [models.retrain] in the configuration", "muted"),)
    ahead = row.next_ns - now_ns
    due = f", in {figures.age(ahead)}" if ahead > 0 else ""
    return (("next run ", "muted"), (f"{figures.moment(row.next_ns)} UTC{due}", "text"))


def progress_line(row: TrainingRow, now_ns: int) -> Line:
    """``▶ running ━━━━╸  42%  1m, about 2m left``, in one line."""
    if row.state != "running":
        return (_STATES.get(row.state, (row.state, "muted")),)
    return (*_progress(row), (f"  {_times(row, now_ns)}", "muted"))


def _progress(row: TrainingRow) -> Line:
    share = min(max(row.share, 0.0), 1.0)
    bar: Cell = (figures.bar(share, _BAR), "accent")
    return (_STATES["running"], (" ", "text"), bar, (figures.percent(share).rjust(5), "bold"))


def _times(row: TrainingRow, now_ns: int) -> str:
    """How long it has run, and about how long it has to go."""
    spent = now_ns - row.started_ns if row.started_ns else 0
    if spent <= 0:
        return ""
    left = f", about {figures.age(spent * (1 - row.share) / row.share)} left" if row.share >= 0.05 else ""
    return figures.age(spent) + left


def brief_line(row: TrainingRow) -> Line:
    """How far it is and what it does, for where one line is all there is."""
    return (("training ", "muted"), *_progress(row), (f"  {row.text}", "muted"))


# --- the form


class Sources(NamedTuple):
    """What the desk has to train on."""

    symbols: int
    simulated: bool
    """Some of them are of the simulated venue."""
    stored: bool
    """Some of them are not."""


def training_fields(values: Values, sources: Sources) -> list[FormField]:
    def of(key: str, label: str, column: int, **more: Any) -> FormField:
        return FormField(key, label, values.get(key, ""), column=column, **more)

    fields = [
        of("symbols", "symbols", 0, hint=f"the desk's {sources.symbols}", text=True),
        of("bar_s", "bars, s", 0, hint="as configured"),
        of("horizon", "horizon", 0, hint=f"{DEFAULTS['horizon']} bars"),
    ]
    if sources.stored:
        fields.append(of("days", "days back", 0, hint="all stored"))
    if sources.simulated:
        fields.append(of("seconds", "seconds", 0, hint=DEFAULTS["seconds"]))
    return [
        *fields,
        of("folds", "folds", 0, hint=DEFAULTS["folds"]),
        of("window", "window", 0, choices=tuple((name, name) for name in ("expanding", "rolling"))),
        of("seed", "seed", 1, hint=DEFAULTS["seed"]),
        of("purge", "purge", 1, hint="horizon + 1"),
        of("embargo", "embargo", 1, hint="the horizon"),
        of("model", "own model", 1, hint="LightGBM", text=True),
        of("then", "then", 1, choices=tuple(THEN.items())),
    ]


def training_order(values: Values) -> TrainingOrder:
    """Raises ValueError, one line for who fills the form in."""
    given: dict[str, Any] = {name: _number(name, values[name]) for name in NUMBERS if values.get(name)}
    symbols = tuple(values.get("symbols", "").replace(",", " ").split())
    if any(len(symbol) > 80 for symbol in symbols):
        raise ValueError("symbols: as venue:NATIVE, with a blank between; nothing typed: the desk's")
    model = values.get("model", "").strip()
    window = values.get("window", BEGIN["window"])
    given["window"] = None if window == BEGIN["window"] else window
    return TrainingOrder(symbols=symbols, model=model, then=values["then"], **given)


def _number(name: str, text: str) -> float:
    allowed = NUMBERS[name]
    value = plain_number(text)
    if allowed.whole and not (is_plain(text) and text.lstrip("+-").isdecimal()):
        raise ValueError(f"{allowed.words}: {text} is no whole number")
    low = value < allowed.least if allowed.whole else value <= allowed.least
    if low or value > allowed.most:
        least = f"{allowed.least:,.0f} to" if allowed.whole else "above 0, at most"
        raise ValueError(f"{allowed.words}: {least} {allowed.most:,.0f}, not {text}")
    return int(value) if allowed.whole else value


def order_lines(order: TrainingOrder, sources: Sources) -> list[Line]:
    """What the order comes to, in words."""
    what = order.model or "LightGBM"
    count = len(order.symbols) or sources.symbols
    whose = "" if order.symbols else "the desk's "
    symbols = f"{whose}{count} symbol{'' if count == 1 else 's'}"
    return [
        ((what, "bold"), (f" on {symbols}", "text")),
        ((_THEN_WORDS[order.then], "warn" if order.then == "activate" else "text"),),
        (("in a process of its own, at low priority", "muted"),)
        if not order.model or order.model.startswith(("/", "~"))
        else (("a path counts from where the engine was started", "muted"),),
    ]
