"""Child process: changes a model registry at random for ever, a dot for each change that was made."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import ModelError
from engine.models import artefact, builtin
from engine.models.artefact import Artefact
from engine.models.registry import Registry

EXPECTED = (
    "its own shadow",
    "no earlier model",
    "is active",  # no model of the strategy is
    "no model has version",  # pruned by another
    "cannot read",  # pruned while it was looked at
    "got another model meanwhile",
)
"""Refusals that are right while others change the same registry."""


def main(state_dir: Path, seed: int) -> None:
    rng = random.Random(seed)
    registry, shipped = Registry(state_dir), artefact.read(builtin.PATH)

    def some() -> str:
        return rng.choice([entry.version for entry in registry.list()] or ["0" * 12])

    def register() -> None:
        manifest = msgspec.structs.replace(shipped.manifest, seed=rng.randrange(1000))
        with tempfile.TemporaryDirectory() as folder:
            artefact.write(Artefact(artefact.seal(manifest), shipped.files), Path(folder))
            registry.register(Path(folder), who=f"process {seed}")

    changes: tuple[Callable[[], object], ...] = (
        *(register, register, register, lambda: registry.activate(some()), lambda: registry.activate(some())),
        *(lambda: registry.rollback("model"), lambda: registry.set_shadow(some())),
        *(lambda: registry.set_shadow(None), lambda: registry.prune(rng.randrange(4))),
        lambda: registry.deactivate("model"),
    )
    os.write(1, b"ready\n")
    while True:
        try:
            rng.choice(changes)()
        except ModelError as error:
            if not any(words in str(error) for words in EXPECTED):
                os.write(1, f"\n{error}\n".encode())
                raise
        os.write(1, b".")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
