"""What a model has learnt from: the simulated venue, which is made to be predictable, or markets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from engine.errors import ModelError
from engine.feeds.simulation.venue import VENUE as SIMULATED
from engine.instruments import venue_of
from engine.models import model_folders
from engine.models.registered import Entry


def only_simulated(symbols: Collection[str]) -> bool:
    """Whether these are all of the simulated venue, and known."""
    return bool(symbols) and all(venue_of(symbol) == SIMULATED for symbol in symbols)


def elsewhere(learnt: Collection[str], desk: Collection[str]) -> str:
    """Why a model of the symbols ``learnt`` knows nothing of those that the desk trades, half a sentence; "":
    it may."""
    if not desk or not only_simulated(learnt) or any(venue_of(symbol) == SIMULATED for symbol in desk):
        return ""
    return "it has only seen the simulated venue, and this desk trades other markets"


def incomparable(new: Entry, active: Entry | None, desk: Collection[str]) -> str:
    """Why the figures of ``new`` are none to make it active by, on a desk that trades ``desk``, half a
    sentence; "": nothing is known against it."""
    learnt = _symbols(new)
    why = elsewhere(learnt, desk)
    if why or active is None or active.version == new.version:
        return why
    before = _symbols(active)
    if not (learnt and before) or only_simulated(learnt) == only_simulated(before):
        return ""
    which = "it" if only_simulated(learnt) else "that"
    told = f"{which} has only seen the simulated venue, which is made to be predictable"
    return f"it cannot be compared with {active.version}, which is active: {told}"


def _symbols(entry: Entry) -> Collection[str]:
    """Empty where nobody knows."""
    try:
        return model_folders.manifest(Path(entry.path)).symbols
    except ModelError:
        return ()
