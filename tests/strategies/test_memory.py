"""What a strategy remembers of another version of itself."""

from __future__ import annotations

import msgspec
import pytest

from engine.strategies.memory import take_up, told
from engine.strategies.plain_values import read, tell
from engine.strategies.registry import StrategySet


@pytest.mark.parametrize("name", ["rapid_rise", "golden_cross", "trend", "mean_reversion", "breakout"])
def test_a_version_that_knew_less_leaves_the_rest_as_it_is_new(name: str) -> None:
    entry = StrategySet({})._entries[name]
    memory = told(entry)
    attributes = read(memory.body)
    assert isinstance(attributes, dict)
    missing = next(key for key, one in attributes.items() if one[0] == "v")
    older = {key: one for key, one in attributes.items() if key != missing}
    before = vars(entry.strategy)[missing]
    assert take_up(entry, msgspec.structs.replace(memory, body=tell(older)), (), lambda *_: None) == ""
    assert vars(entry.strategy)[missing] == before
