"""The daily run's first step: what is missing of the stored bars is loaded by the engine."""

from __future__ import annotations

from engine.api.daily_protocol import HistoryRow
from engine.api.protocol import Reply
from engine.wiring.daily_context import Context, Outcome, StepFailed

LOOK_S = 0.5
_TOLD = 3
STEP = "data"


def load_bars(context: Context) -> Outcome:
    """Ask for a load, and wait for its end. Of a symbol that could not be loaded the gate decides."""
    deadline = context.deadline(context.config.daily.history_s)
    row = _waited(context, 1, deadline)  # of the engine's start
    if not row.enabled:
        return Outcome("no bars to load: no venue or source has any of these symbols", skipped=True)
    reply = context.desk.ask("POST", "/v1/history/load", Reply)
    if not reply.ok:
        raise StepFailed(reply.text, context.again(STEP))
    row = _waited(context, row.rounds + (2 if row.loading else 1), deadline)
    if row.error:
        raise StepFailed(row.error, "free space or mend the disk, then start it again")
    text = f"{row.stored:,} bars of {row.symbols} symbols loaded" if row.stored else "nothing was missing"
    if row.refused:
        text += f", {row.refused:,} set aside (`tickdesk quarantine`)"
    if row.faults:
        told = "; ".join(f"{symbol}: {why}" for symbol, why in list(row.faults.items())[:_TOLD])
        text += f"; {len(row.faults)} symbols are not complete: {told}"
    return Outcome(text)


def _waited(context: Context, rounds: int, deadline: int) -> HistoryRow:
    """Until so many loads have ended."""
    told = -1.0
    while True:
        row = context.desk.ask("GET", "/v1/history", HistoryRow)
        if row.rounds >= rounds:
            return row
        if context.clock() >= deadline:
            raise StepFailed(
                f"history is not loaded within daily.history_s ({context.config.daily.history_s:g} s): "
                f"{row.symbols_done} of {row.symbols} symbols",
                "start it again: it goes on where the bars end; or raise daily.history_s",
            )
        if row.loading and row.share - told >= 0.1:
            told = row.share
            context.progress(STEP, f"history {row.share:.0%}, {row.symbols_done} of {row.symbols} symbols")
        context.sleep(LOOK_S)
