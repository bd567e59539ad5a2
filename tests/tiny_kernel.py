"""A kernel that compiles fast, for the tests of the kernel cache."""

from __future__ import annotations

from engine.kernels import kernel


@kernel
def twice(value: int) -> int:
    return 2 * value
