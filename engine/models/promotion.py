"""Whether a newly trained model may take the place of the active one without a person saying so: one rule for
the command line, the console and the schedule."""

from __future__ import annotations

from engine.models.artefact import Metrics
from engine.models.registered import Entry
from engine.models.training.metrics import shows_skill


def objection(new: Entry, active: Entry | None, *, fell: bool, incomparable: str = "") -> str:
    """Why ``new`` is not made active by itself, half a sentence; "" when nothing speaks against it. ``fell``:
    the desk went back from it, and nobody has activated it since. ``incomparable``: why its figures say
    nothing here, half a sentence."""
    if not new.promotable or new.metrics is None:
        return "nobody knows how it was validated"
    if fell:
        return "the desk went back from it by itself, and nobody has activated it since"
    if not shows_skill(new.metrics):
        return f"its validation shows no skill: {_rank_ic(new.metrics)}"
    if incomparable:
        return incomparable
    if active is None or active.version == new.version:
        return ""
    differs = _differs(new, active)
    if differs:
        return f"it cannot be compared with {active.version}, which is active: {differs}"
    if active.metrics is None:
        return f"it cannot be compared with {active.version}, which is active: nobody knows how good that is"
    if not new.metrics.rank_ic.value >= active.metrics.rank_ic.value:
        return (
            f"its validated {_rank_ic(new.metrics)} is below that of {active.version}, which is active: "
            f"{_rank_ic(active.metrics)}"
        )
    return ""


def grounds(new: Entry, active: Entry | None) -> str:
    """What speaks for ``new`` where there is no objection, half a sentence."""
    if new.metrics is None:
        return "nobody knows how it was validated"
    told = f"its validated {_rank_ic(new.metrics)} lies above 0"
    if active is None or active.metrics is None or active.version == new.version:
        return told
    return f"{told}, and is not below that of {active.version}: {_rank_ic(active.metrics)}"


def replaced(new: Entry, active: Entry | None) -> str:
    """What goes when ``new`` comes, half a sentence; "" when nothing does."""
    if active is None or active.version == new.version:
        return ""
    figure = active.metric if active.metrics is None else _rank_ic(active.metrics)
    return f"it replaces {active.version} ({figure}; {_rests_on(active)})"


def _differs(new: Entry, active: Entry) -> str:
    what = []
    if new.bar_interval_s != active.bar_interval_s:
        what.append(f"other bars ({new.bar_interval_s:g} s, not {active.bar_interval_s:g} s)")
    if new.horizon_bars != active.horizon_bars:
        what.append(f"other horizon ({new.horizon_bars} bars, not {active.horizon_bars})")
    return ", ".join(what)


def _rests_on(entry: Entry) -> str:
    return f"bars of {entry.bar_interval_s:g} s, horizon {entry.horizon_bars}"


def _rank_ic(metrics: Metrics) -> str:
    one = metrics.rank_ic
    return f"rank IC {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
