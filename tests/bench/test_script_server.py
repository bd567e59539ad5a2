"""The scripted venue leaves out no number: a desk would hold its trades back and ask for what it missed."""

from __future__ import annotations

import re

from tests.bench.order_script import script
from tests.bench.script_server import spans

_WHOSE = re.compile(rb'"(?P<kind>[tu])":(?P<number>\d+)|"s":"(?P<symbol>\w+)"')


def test_the_numbers_of_a_symbol_go_on_without_a_gap_from_pass_to_pass() -> None:
    frames = [raw for raw, _ in script()]
    numbers: dict[tuple[str, str], list[int]] = {}
    for raw in frames:
        said = {
            kind: value
            for found in _WHOSE.finditer(raw)
            for kind, value in found.groupdict().items()
            if value
        }
        numbers.setdefault((said["kind"].decode(), said["symbol"].decode()), []).append(int(said["number"]))
    taken = spans(frames)
    assert len(numbers) == 20
    for (kind, _), found in numbers.items():
        next_pass = [number + taken[kind.encode()] for number in found]
        assert [*found, *next_pass] == list(range(found[0], found[0] + 2 * len(found)))
