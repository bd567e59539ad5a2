"""A daily run from its first step that is not done to its end, each step noted before and after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import msgspec

from engine.errors import TickdeskError
from engine.research.daily import STEPS, Kind, StepState, next_step, prepared_anew
from engine.store.daily import StoredStep
from engine.text import clean
from engine.wiring import daily_notify as notification
from engine.wiring.daily_account import same_account
from engine.wiring.daily_close import reconcile, report
from engine.wiring.daily_context import MOST_TEXT, Context, Outcome, StepFailed
from engine.wiring.daily_data import load_bars
from engine.wiring.daily_features import features
from engine.wiring.daily_gate import gate
from engine.wiring.daily_orders import send_orders
from engine.wiring.daily_session import flatten, open_session, stop_entries, trade
from engine.wiring.daily_targets import targets
from engine.wiring.daily_train import train

log = logging.getLogger("engine.daily")

Step = Callable[[Context], Outcome]
_STEPS: Mapping[str, Step] = {
    "data": load_bars,
    "gate": gate,
    "features": features,
    "train": train,
    "targets": targets,
    "orders": send_orders,
    "open": open_session,
    "trade": trade,
    "stop": stop_entries,
    "flatten": flatten,
    "reconcile": reconcile,
    "report": report,
    "notify": notification.notify,
}
_TRADING = ("data", "targets", "orders", "open")
"""Steps that are not begun with another account's engine: the first one, and those before a trade."""


def run_steps(context: Context, steps: Mapping[str, Step] = _STEPS) -> bool:
    """Do what is left of the run. False: a step failed; it is noted, with what to do next, and told.
    Where only the message failed, the run is done all the same.

    Raises StoreError where nothing can be noted, and what is a bug of ours.
    """
    run, store = context.run, context.store
    assert run.kind in STEPS
    anew = False
    while True:
        if not anew:  # once: where it takes longer than that each time, the run fails
            anew = _prepare_anew(context)
        name = next_step(cast(Kind, run.kind), states_of(store.steps(run.id)))
        if name is None:
            break
        store.begin_step(run.id, name, context.clock())
        context.say(f"{name}…")
        try:
            if name in _TRADING:
                same_account(context)
            outcome = steps[name](context)
        except TickdeskError as error:
            if name == notification.STEP:
                _untold(context, error)
            else:
                _failed(context, name, error)
            return False
        except Exception as error:
            text = f"internal error ({type(error).__name__})"
            _failed(context, name, StepFailed(text, "the crash log has the traceback; please report it"))
            raise
        product = None if outcome.product is None else msgspec.json.encode(outcome.product).decode()
        state = "skipped" if outcome.skipped else "done"
        text = clean(outcome.text, MOST_TEXT)
        store.end_step(run.id, name, state, text, context.clock(), product=product, orders=outcome.orders)
        context.say(f"{name}: {text}")
    store.note_run(run.id, "done", _came_to(context), context.clock())
    return True


def _came_to(context: Context) -> str:
    ended = {step.name: step for step in context.store.steps(context.run.id)}
    told = ended["orders"].text if "orders" in ended else ended["trade"].text
    figures = ended["report"].text.partition(";")[0]
    return clean(f"{told}; {figures}", MOST_TEXT)


def _untold(context: Context, error: TickdeskError) -> None:
    """The day's trading is done, and nobody could be told: the step has failed, the run has not."""
    run, store = context.run, context.store
    todo = error.todo if isinstance(error, StepFailed) else context.again(notification.STEP)
    text = clean(error, MOST_TEXT)
    log.error("nobody could be told: %s", text)
    store.end_step(run.id, notification.STEP, "failed", text, context.clock(), todo=todo)
    store.note_run(run.id, "done", f"{_came_to(context)}; nobody could be told: {text}", context.clock())


def states_of(steps: Iterable[StoredStep]) -> dict[str, StepState]:
    """By step."""
    return {step.name: cast(StepState, step.state) for step in steps}


def _prepare_anew(context: Context) -> bool:
    """Whether all is to be done again that comes before targets, as it was done too long ago."""
    run, store = context.run, context.store
    steps = store.steps(run.id)
    loaded_ns = next(step.ended_ns for step in steps if step.name == "data")
    most_s = context.config.daily.scores_s
    again = prepared_anew(cast(Kind, run.kind), states_of(steps), loaded_ns, context.clock(), most_s)
    if again:
        context.say("what was prepared is older than daily.scores_s: it is prepared anew")
        store.again(run.id, again, context.clock())
    return bool(again)


def _failed(context: Context, name: str, error: TickdeskError) -> None:
    run, store = context.run, context.store
    todo = error.todo if isinstance(error, StepFailed) else f"mend that, then `tickdesk {run.kind}` goes on"
    text = clean(error, MOST_TEXT)
    store.end_step(run.id, name, "failed", text, context.clock(), todo=todo)
    store.note_run(run.id, "failed", f"{name}: {text}", context.clock())
    step = next(step for step in store.steps(run.id) if step.name == name)
    why = notification.tell_failure(context, step)
    if why:
        log.error("nobody could be told: %s", why)
        store.note_run(run.id, "failed", f"{name}: {text}; nobody could be told: {why}", context.clock())
