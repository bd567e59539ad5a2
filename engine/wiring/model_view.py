"""The desk's models as rows for clients."""

from __future__ import annotations

import math

import msgspec

from engine.api.model_protocol import Comparison, DriftRow, LiveRow, ModelEntry
from engine.api.protocol import ModelRow
from engine.features.alpha158 import NAMES
from engine.models.registry import Entry, Roles
from engine.models.track import Track
from engine.wiring.model_rows import entry_row
from engine.wiring.model_slot import STRATEGY, ModelSlot
from engine.wiring.scoring import Scoring


def model_row(slot: ModelSlot) -> ModelRow:
    """The model at work, or why there is none."""
    scoring = slot.scoring
    predictor, shadow = scoring.active, scoring.shadow
    track = None if predictor is None else scoring.watch.tracks.get(predictor.version)
    figures = None if track is None else track.tally.figures()
    return ModelRow(
        STRATEGY,
        "" if predictor is None else predictor.version,
        "active" if predictor is not None else "loading" if slot.loading else "none",
        0 if predictor is None else predictor.created_ns,
        "" if predictor is None else predictor.metric,
        slot.error,
        live_rank_ic=None if figures is None else figures.rank_ic,
        live_steps=0 if figures is None else figures.steps,
        shadow="" if shadow is None else shadow.version,
        rollback=slot.rollback_note,
        drifted=scoring.watch.drifted(),
        trouble=trouble(scoring),
    )


def trouble(scoring: Scoring) -> str:
    """Of the models that run, or should; not of those that could not be loaded."""
    return scoring.error or scoring.shadow_error


def model_entry(entry: Entry, scoring: Scoring, roles: Roles) -> ModelEntry:
    """A registered model, and what it does on this desk; ``roles``: of its strategy."""
    role = role_of(scoring, entry.version)
    track = scoring.watch.tracks.get(entry.version) if role else None
    row = entry_row(entry, roles, None if track is None else live_row(track))
    return msgspec.structs.replace(row, role=role)


def role_of(scoring: Scoring, version: str) -> str:
    """active, shadow, or "" for what does nothing on this desk."""
    for role, one in (("active", scoring.active), ("shadow", scoring.shadow)):
        if one is not None and one.version == version:
            return role
    return ""


def live_row(track: Track) -> LiveRow:
    return LiveRow(*msgspec.structs.astuple(track.tally.figures()))


def comparison(scoring: Scoring) -> Comparison | None:
    """The shadow against the active model; None unless both run."""
    pair = scoring.watch.pair
    if pair is None:
        return None
    return Comparison(
        pair.active.version,
        pair.shadow.version,
        pair.batches,
        pair.rank_correlation,
        pair.weight_overlap,
        pair.turnover_to_switch,
        live_row(pair.active),
        live_row(pair.shadow),
    )


def drift_rows(scoring: Scoring) -> tuple[tuple[DriftRow, ...], int]:
    """Of the active model: (rows, most drifted first; live rows that they are over)."""
    drift, active = scoring.watch.drift, scoring.active
    if drift is None or active is None:
        return (), 0
    importance = {one.feature: one.share for one in active.manifest.importance}
    rows = [
        DriftRow(name, index, missing, importance.get(name, 0.0), noise)
        for name, index, missing, noise in zip(
            NAMES, drift.psi().tolist(), drift.missing().tolist(), drift.noise().tolist(), strict=True
        )
        if math.isfinite(index)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.psi, row.feature))), drift.rows
