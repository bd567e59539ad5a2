"""The desk's models as rows for clients."""

from __future__ import annotations

import math

import msgspec

from engine.api.model_protocol import Comparison, DriftRow, LiveRow, ModelEntry
from engine.api.protocol import ModelRow
from engine.features.alpha158 import NAMES
from engine.models.drift import MIN_ROWS
from engine.models.track import Track
from engine.wiring.model_slot import STRATEGY, ModelSlot
from engine.wiring.scoring import Scoring


def model_row(slot: ModelSlot) -> ModelRow:
    """The model at work, or why there is none."""
    scoring = slot.scoring
    predictor, shadow = scoring.active, scoring.shadow
    track = None if predictor is None else scoring.watch.tracks.get(predictor.version)
    figures = None if track is None else track.figures()
    return ModelRow(
        STRATEGY,
        "" if predictor is None else predictor.version,
        "active" if predictor is not None else "loading" if slot.loading else "none",
        0 if predictor is None else predictor.created_ns,
        "" if predictor is None else predictor.metric,
        slot.error,
        live_rank_ic=None if figures is None else figures.rank_ic,
        live_steps=0 if figures is None else figures.steps,
        live_independent=0.0 if figures is None else figures.independent,
        shadow="" if shadow is None else shadow.version,
        rollback=slot.rollback_note,
        drifted=scoring.watch.drifted(),
        trouble=trouble(slot),
    )


def trouble(slot: ModelSlot) -> str:
    """Of the models that run, or should; not of those that could not be loaded, and not what the note of the
    last rollback tells already."""
    scoring = slot.scoring
    told = scoring.active is None and slot.rollback_note
    return scoring.shadow_error if told else scoring.error or scoring.shadow_error


def model_entry(row: ModelEntry, slot: ModelSlot) -> ModelEntry:
    """The ``row`` of a registered model, with what it does on this desk."""
    scoring = slot.scoring
    role = role_of(scoring, row.version)
    model = {"active": scoring.active, "shadow": scoring.shadow}.get(role)
    return msgspec.structs.replace(
        row,
        role=role,
        last_good=row.last_good and role != "active",
        live=_record(scoring, row),
        running_ns=slot.running_ns if role == "active" else 0,
        next_ns=0 if model is None else slot.next_ns(model),
    )


def role_of(scoring: Scoring, version: str) -> str:
    """active, shadow, or "" for what does nothing on this desk."""
    for role, one in (("active", scoring.active), ("shadow", scoring.shadow)):
        if one is not None and one.version == version:
            return role
    return ""


def live_row(track: Track) -> LiveRow:
    return LiveRow(*msgspec.structs.astuple(track.figures()))


def _record(scoring: Scoring, row: ModelEntry) -> LiveRow | None:
    """Also of a model that does not run now, as far as it is kept."""
    figures = scoring.watch.record(row.version, row.bar_interval_s, row.horizon_bars)
    return None if figures is None else LiveRow(*msgspec.structs.astuple(figures))


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


def drift_missing(scoring: Scoring) -> str:
    """Why there are no ``drift_rows``; "" when there are."""
    drift, active = scoring.watch.drift, scoring.active
    if active is None:
        return "no model is active"
    if not active.manifest.reference:
        return "its file does not tell how the features of its training were spread"
    if drift is None:
        return "its file tells nonsense of how the features of its training were spread"
    return f"{drift.rows} of the {MIN_ROWS} live rows it takes" if drift.rows < MIN_ROWS else ""
