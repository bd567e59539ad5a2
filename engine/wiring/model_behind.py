"""Which prediction stands behind an opportunity or an order: the model's version, and the bar close."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.events import Blend, Opportunity, OrderRequest
from engine.strategies.model import Model
from engine.wiring.desk import Desk

_TOLD = re.compile(r"model ([0-9a-f]{12}): ")
"""How what a model says begins, in signals and in orders of targets."""


class Spoke(NamedTuple):
    version: str = ""
    """Without one, no model did."""
    ns: int = 0
    """Of the bar close; 0: no longer known."""


def model_behind(desk: Desk, opportunity: Opportunity | None, request: OrderRequest | None) -> Spoke:
    """Of an opportunity its model signal's; of an order without one, that of its rebalance."""
    if opportunity is not None:
        return _in_blend(desk, opportunity.blend)
    found = None if request is None else _TOLD.match(request.reason)
    if request is None or found is None:
        return Spoke()
    version = found[1]
    if desk.targets is None:
        return Spoke(version)
    begin_ns, end_ns = desk.targets.period(request.decision_ns)
    end_ns = min(end_ns, request.decision_ns + 1)
    known = [one.ns for one in desk.signals.scoring.batches if one.version == version]
    return Spoke(version, min((ns for ns in known if begin_ns <= ns < end_ns), default=0))


def _in_blend(desk: Desk, blend: Blend) -> Spoke:
    for part in blend.inputs:
        found = _TOLD.match(part.reason) if part.source == Model.name else None
        if found is not None:
            version, said_ns = found[1], blend.ns - part.age_ns
            # A model in a process of its own says what it makes of a bar close a little later.
            known = [one.ns for one in desk.signals.scoring.batches if one.version == version]
            return Spoke(version, max((ns for ns in known if ns <= said_ns), default=said_ns))
    return Spoke()
