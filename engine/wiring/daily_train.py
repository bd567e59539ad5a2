"""The daily run's training step: when a model is due, the engine trains one."""

from __future__ import annotations

import msgspec

from engine.api.model_protocol import TrainingOrder, TrainingRow
from engine.api.protocol import Reply
from engine.automation.schedule import next_due
from engine.errors import ModelError, RefusedError
from engine.models.registry import Registry
from engine.strategies.model import Model
from engine.wiring.daily_context import Context, Outcome, StepFailed
from engine.wiring.daily_gate import active_model, fits
from engine.wiring.retrain import trigger_of

STEP = "train"
LOOK_S = 1.0


def why_due(context: Context) -> str:
    """Why a model is to be trained, half a sentence; "" when none is."""
    config = context.config
    active = active_model(context)
    if active is None:
        return "no model is active"
    if not fits(config, active):
        return (
            f"the active model is of bars of {active.bar_interval_s:g} s, and such are not to be had here: "
            f"history.interval_s is {config.history.interval_s}, and a model of a day cannot be active"
        )
    trigger = trigger_of(config.models.retrain)
    if trigger is None:
        return ""
    try:
        models = Registry(context.state_dir).list()
    except ModelError as error:
        raise StepFailed(str(error), "`tickdesk models verify` tells what is wrong") from None
    newest_ns = max((one.registered_ns for one in models if one.strategy == Model.name), default=0)
    return "[models.retrain] says so" if next_due(trigger, newest_ns) <= context.clock() else ""


def train(context: Context) -> Outcome:
    began = context.kept(STEP)
    why = "it was begun" if began else why_due(context)
    if not why:
        active = active_model(context)
        version = "" if active is None else active.version
        return Outcome(f"none is due: model {version} stays", skipped=True)
    if context.run.dry:
        return Outcome(f"dry run: a model would be trained, as {why}", skipped=True)
    row = context.desk.ask("GET", "/v1/training", TrainingRow)
    before = began or str(row.started_ns if row.state != "running" else 0)
    if not began:
        # Noted before it is asked for: after a kill a run that began later is taken for ours.
        context.store.note_product(context.run.id, STEP, before)
    if row.state == "running":
        context.progress(STEP, "a training run is at work: its end is waited for")
    elif row.started_ns <= int(before):  # of an engine that ended meanwhile: 0
        _start(context, why)
    return _waited(context)


def _start(context: Context, why: str) -> None:
    retrain = context.config.models.retrain
    order = TrainingOrder(
        bar_s=retrain.bar_s,
        horizon=retrain.horizon,
        days=retrain.days_of_bars,
        model=retrain.model,
        then=retrain.then if trigger_of(retrain) is not None else "activate",
    )
    context.progress(STEP, f"a model is trained, as {why}")
    try:
        reply = context.desk.ask("POST", "/v1/training", Reply, body=msgspec.json.encode(order))
    except RefusedError as error:
        raise StepFailed(str(error), "start it again once that is mended") from None
    if not reply.ok:
        raise StepFailed(reply.text, "start it again once that is mended")


def _waited(context: Context) -> Outcome:
    deadline = context.deadline(context.config.models.training_limit_s + 60.0)
    told = -1.0
    while True:
        row = context.desk.ask("GET", "/v1/training", TrainingRow)
        if row.state == "done":
            return Outcome(row.text, product={"version": row.version})
        if row.state != "running":
            context.store.note_product(context.run.id, STEP, "")
            raise StepFailed(
                f"no model was trained: {row.text or row.state}",
                "`tickdesk train` tells more; start it again once that is mended",
            )
        if context.clock() >= deadline:
            raise StepFailed(
                "the training run does not end", "`tickdesk models training` tells how far it is"
            )
        if row.share - told >= 0.1:
            told = row.share
            context.progress(STEP, f"training {row.share:.0%}: {row.text}")
        context.sleep(LOOK_S)
