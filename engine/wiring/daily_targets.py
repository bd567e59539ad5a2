"""A daily run's targets: the model's scores, what the desk would trade for them, and the plan of orders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from engine.api.daily_protocol import ScoredPlan, TargetScores
from engine.api.protocol import Health
from engine.api.trading_protocol import OrderTicket, TargetRow
from engine.errors import ModelError, NotReadyError, RefusedError
from engine.events import NS, RiskState
from engine.models.load import load, normalise
from engine.models.registry import Entry
from engine.models.usable import usable
from engine.research.daily import PlannedOrder, Wish, planned
from engine.store.daily import StoredOrder
from engine.text import clean
from engine.wiring.daily_context import Context, Outcome, StepFailed
from engine.wiring.daily_features import Features, Floats, read_rows
from engine.wiring.daily_gate import active_model
from engine.wiring.loaded_models import answer_of

STEP = "targets"
LOOK_S = 0.5
LEAST_S = 60.0
"""Scores of the desk's own model are not too old before, however short its bars are."""
_BLIND = frozenset(("STALE", "NO_PRICE", "NO_RATE", "NO_EQUITY", "UNKNOWN"))
"""Codes of a row that cannot be judged for want of data."""
_TOLD = 4


def targets(context: Context) -> Outcome:
    made = context.product("features", Features)
    scores = _scores(context, made)
    found = _judged(context, made, scores)
    if found.follows:
        return Outcome(
            "the desk follows targets by itself (targets.enabled): its orders are its own", skipped=True
        )
    number = context.store.next_number(context.run.day)
    orders, left = planned(context.run.day, wishes_of(found), number)
    inactive = _why_not_active(context, orders)
    plan = 1 + max((order.plan for order in context.store.orders(context.run.id)), default=0)
    now_ns = context.clock()
    text = f"{len(orders)} orders worth {found.plan.turnover}"
    text += f" by model {found.version}" if found.version else ""
    kept = [row for row in found.plan.rows if row.code and row.weight]
    told = [f"{row.symbol}: {row.code} {row.detail}".strip() for row in kept]
    told += [f"{one.symbol}: {one.reason}" if one.symbol else one.reason for one in left]
    if told:
        text += f"; not all of it: {'; '.join(told[:_TOLD])}"
    if not any(row.weight for row in found.plan.rows):
        text += "; no two scores differ: the model has no opinion, and what is held stays"
    if inactive:
        text += f"; {inactive}: what adds would be denied"
    return Outcome(text, product=found, orders=tuple(_stored(order, plan, now_ns) for order in orders))


def _why_not_active(context: Context, orders: Sequence[PlannedOrder]) -> str:
    """Why the desk would take none of the additions; "" where it would, or there are none. Raises StepFailed,
    of a dry run not: that one only tells."""
    if all(order.phase == "reduce" for order in orders):
        return ""
    status = context.desk.ask("GET", "/v1/health", Health).status
    if status.risk_state == RiskState.ACTIVE.value:
        return ""
    why = f"the desk is {status.risk_state.upper()}"
    why += f" ({clean(status.risk_reason, 200)})" if status.risk_reason else ""
    if context.run.dry:
        return why
    raise StepFailed(
        f"{why}: it takes no entries; nothing was planned",
        "`A` in the console, or POST /v1/risk of its API, makes it ACTIVE; then start it again",
    )


def _stored(order: PlannedOrder, plan: int, now_ns: int) -> StoredOrder:
    ticket = OrderTicket(
        symbol=order.symbol, side=order.side, quantity=order.quantity, reduce_only=order.phase == "reduce"
    )
    return StoredOrder(
        number=order.number,
        plan=plan,
        key=order.key,
        body=msgspec.json.encode(ticket),
        phase=order.phase,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        planned_ns=now_ns,
    )


def wishes_of(found: ScoredPlan) -> list[Wish]:
    """What a plan trades, with what bounds each order."""
    sizes = {size.symbol: size for size in found.sizes}
    wishes = []
    for row in found.plan.rows:
        size = sizes.get(row.symbol)
        reduction, addition = Decimal(row.reduction), Decimal(row.addition)
        if size is not None and (reduction or addition):
            wishes.append(Wish(row.symbol, reduction, addition, Decimal(size.most), Decimal(size.lot)))
    return wishes


# --- scores --------------------------------------------------------------------------------------------


def _scores(context: Context, made: Features) -> dict[str, float]:
    """By the active model, of the features; empty: those that the desk has of itself. Raises StepFailed."""
    if made.mode == "live":
        return {}
    age_s = (context.clock() - made.made_ns) / NS
    if age_s > context.config.daily.scores_s:
        raise StepFailed(
            f"the features are {age_s / 60:.0f} minutes old, more than daily.scores_s", context.again("data")
        )
    model = active_model(context)
    if model is None:
        raise StepFailed(
            "no model is active", "`tickdesk models list` shows those there are, `models activate` takes one"
        )
    if model.bar_interval_s != made.interval_s:
        raise StepFailed(
            f"model {model.version} is of bars of {model.bar_interval_s:g} s, the features of "
            f"{made.interval_s:g} s",
            context.again("gate"),
        )
    rows = read_rows(context, made)
    try:
        predictions = asyncio.run(_predictions(model, rows, context.config.models.answer_ms / 1e3))
    except (ModelError, OSError) as error:
        raise StepFailed(str(error), "`tickdesk models verify` tells more") from None
    scores = normalise(predictions)
    return dict(zip(made.symbols, scores.tolist(), strict=True))


async def _predictions(model: Entry, rows: Floats, answer_s: float) -> Floats:
    predictor = await load(
        model.path, version=model.version, bar_interval_s=model.bar_interval_s, answer_s=answer_s
    )
    try:
        found = await answer_of(predictor, rows, answer_s)
    finally:
        predictor.close()
    if found.shape != (len(rows),) or not usable(np.asarray(found)):
        raise ModelError(f"model {model.version} predicts numbers that are not finite, or too large")
    return found


# --- judged by the desk --------------------------------------------------------------------------------


def _judged(context: Context, made: Features, scores: dict[str, float]) -> ScoredPlan:
    """What the desk would trade, once it has fresh prices of all that matters. Fails closed."""
    deadline = context.deadline(context.config.daily.prices_s)
    said = False
    while True:
        blind: list[TargetRow] = []
        why = ""
        try:
            found = _plan(context, made, scores)
        except RefusedError as error:
            if error.code != NotReadyError.__name__:
                raise
            why = str(error)
        else:
            blind = [
                row for row in found.plan.rows if row.code in _BLIND and (row.score is not None or _held(row))
            ]
            why = "" if found.follows else _why_no_scores(context, made, found)
            if found.follows or not (why or blind):
                return found
        if context.clock() >= deadline:
            _fail(context, blind, why)
        if not said:
            said = True
            context.progress(STEP, "fresh prices are waited for")
        context.sleep(LOOK_S)


def _plan(context: Context, made: Features, scores: dict[str, float]) -> ScoredPlan:
    """By ``scores``; none: by the desk's own, of those symbols that passed the gate."""
    found = _asked(context, scores)
    passed = {symbol: score for symbol, score in found.scores.items() if symbol in made.symbols}
    if scores or found.follows or len(passed) == len(found.scores) or not passed:
        return found
    return msgspec.structs.replace(_asked(context, passed), version=found.version, ns=found.ns)


def _asked(context: Context, scores: dict[str, float]) -> ScoredPlan:
    body = msgspec.json.encode(TargetScores(scores))
    return context.desk.ask("POST", "/v1/targets/plan", ScoredPlan, body=body)


def _why_no_scores(context: Context, made: Features, found: ScoredPlan) -> str:
    """Why the desk's own scores cannot be rested on; "" when they can, or are not asked for."""
    if made.mode != "live":
        return ""
    if not any(symbol in made.symbols for symbol in found.scores):
        return "the desk's model has said nothing yet"
    config = context.config
    bars = config.daily.max_age_bars + config.models.every_bars
    most_s = min(config.daily.scores_s, max(bars * made.interval_s, LEAST_S))
    age_s = (context.clock() - found.ns) / NS
    return f"the desk's newest scores are {age_s:.0f} s old" if age_s > most_s else ""


def _held(row: TargetRow) -> bool:
    return Decimal(row.held) != 0


def _fail(context: Context, blind: list[TargetRow], why: str) -> None:
    waited = f"within daily.prices_s ({context.config.daily.prices_s:g} s)"
    if why:
        raise StepFailed(f"{why}, {waited}", "`tickdesk status` tells how it is; then start it again")
    told = "; ".join(f"{row.symbol}: {row.code} {row.detail}".strip() for row in blind[:_TOLD])
    raise StepFailed(
        f"{len(blind)} symbols have no price to trade at, {waited}: {told}; nothing was planned",
        "start it again while their market is open and `tickdesk status` shows the feed up",
    )
