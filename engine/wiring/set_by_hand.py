"""What people set while a desk ran: it goes by that, and research by the configuration alone."""

from __future__ import annotations

from pathlib import Path

from engine.errors import StoreError
from engine.risk.limits import DESK
from engine.store.read import DATABASE, Reader
from engine.text import clean
from engine.wiring.tuning import REPEATER, STRATEGY, WEIGHTS


def set_by_hand(state_dir: Path) -> list[str]:
    """Names of it, as a person knows them; none where no desk kept any, or where nobody can read it."""
    path = state_dir / DATABASE
    if not path.is_file():
        return []
    try:
        reader = Reader(path)
        try:
            reader.require_current()
            kept = reader.settings()
            limits = reader.limits()
        finally:
            reader.close()
    except StoreError:
        return []  # what a desk that cannot be read goes by is told where it is started
    names = sorted(
        {
            key.partition(":")[2]
            for key, value in kept.items()
            if key.startswith((STRATEGY, REPEATER)) and value
        }
    )
    found = [f"strategy {name}" for name in names]
    found += ["weights"] * bool(kept.get(WEIGHTS))
    found += [f"{one.name}{'' if one.scope == DESK else f' of {one.scope}'}" for one in limits]
    return [clean(one, 80) for one in found]
