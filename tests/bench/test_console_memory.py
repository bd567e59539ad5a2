"""The console's memory under a flood; eight hours of it are the benchmark's."""

from __future__ import annotations

from tests.bench.console_memory import live


async def test_what_is_kept_does_not_grow_with_what_came() -> None:
    samples = await live(120, busy=50, dialog_every=1000, samples=3)
    assert [sample.frames for sample in samples] == [40, 80, 120]
    # By the second, more came than is kept of anything, and what is drawn again was drawn once.
    assert samples[-1].objects < samples[1].objects + 3_000
    assert samples[-1].resident_mb < samples[1].resident_mb + 10
