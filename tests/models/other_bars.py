"""The shipped model as if it had been trained on bars of another interval."""

from __future__ import annotations

import msgspec

from engine.features.alpha158 import schema_hash
from engine.models.artefact import Artefact, Fold
from tests.models.conftest import reseal


def of_bars(found: Artefact, interval_s: float) -> Artefact:
    """Its folds are as many bars long, and apart, as they were."""
    manifest = found.manifest
    longer = round(interval_s / manifest.bar_interval_s)

    def stretched(fold: Fold) -> Fold:
        begin = fold.train_from_ns
        names = ("train_until_ns", "test_from_ns", "test_until_ns")
        times = {name: begin + (getattr(fold, name) - begin) * longer for name in names}
        return msgspec.structs.replace(fold, **times)

    return reseal(
        found,
        bar_interval_s=interval_s,
        schema_hash=schema_hash(interval_s),
        folds=tuple(map(stretched, manifest.folds)),
    )
