"""A registry as it was before its schema was counted, with artefacts of the first format."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import msgspec

from engine.models.artefact import MANIFEST, MODEL, Artefact
from engine.models.registry_file import DATABASE

FIRST_SHIPPED = "d1c4a87249f2"
_SCHEMA = """
CREATE TABLE models (
    version TEXT PRIMARY KEY,
    strategy TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('inactive', 'active', 'deprecated')),
    metric TEXT NOT NULL,
    metrics TEXT NOT NULL,
    config TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    registered_ns INTEGER NOT NULL,
    activated_ns INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_active ON models (strategy) WHERE status = 'active';
CREATE TABLE activations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    strategy TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES models (version),
    ns INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
"""
_METRICS = '{"ic":0.031,"rank_ic":0.029,"icir":0.2,"steps":900,"folds":3}'


def old_registry(state_dir: Path, shipped: Artefact, *activated: str, listed: tuple[str, ...] = ()) -> None:
    """``activated`` one after the other, the last of them is active; ``listed``: inactive ones."""
    home = state_dir / "models"
    home.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(home / DATABASE)) as db, db:
        db.executescript(_SCHEMA)
        for ns, version in enumerate((*activated, *listed), 1):
            status = "active" if version == activated[-1] else "deprecated"
            db.execute(
                "INSERT INTO models VALUES (?, 'model', ?, ?, 'rank IC 0.029', ?, ?, 1, ?, ?)",
                (
                    *(version, "0" * 64, "inactive" if version in listed else status, _METRICS),
                    *('{"num_leaves":8}', ns),
                    0 if version in listed else ns,
                ),
            )
            if version not in listed:
                db.execute(
                    "INSERT INTO activations (strategy, version, ns) VALUES ('model', ?, ?)", (version, ns)
                )
            (home / version).mkdir()
            old = {"format": 1, "version": version, "model_sha256": "0" * 64}
            (home / version / MANIFEST).write_bytes(msgspec.json.encode(old))
            (home / version / MODEL).write_bytes(shipped.model)
