"""The shipped model: there at a first start, and not too old then."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.models import builtin
from engine.models.registry import Registry

YEAR_NS = 365 * 86_400 * 1_000_000_000


def test_it_is_put_into_an_empty_registry_once(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert builtin.ensure_builtin(registry) and not builtin.ensure_builtin(registry)
    entry = registry.active("model")
    assert entry is not None and entry.status == "active"


def test_its_age_counts_from_when_it_was_taken_in_and_that_of_others_from_when_they_were_made(
    tmp_path: Path,
) -> None:
    registry = Registry(tmp_path)
    taken = registry.register(builtin.PATH)
    late = msgspec.structs.replace(taken, registered_ns=taken.created_ns + YEAR_NS)
    assert builtin.dated_ns(late) == taken.created_ns + YEAR_NS
    early = msgspec.structs.replace(taken, registered_ns=taken.created_ns - YEAR_NS)
    assert builtin.dated_ns(early) == taken.created_ns, "a clock that was wrong makes nothing older"
    assert builtin.dated_ns(msgspec.structs.replace(late, version="0" * 12)) == taken.created_ns
