"""Waiting for a user's model, where nothing else is to be done meanwhile: in a replay."""

from __future__ import annotations

import select
import time

from engine.errors import ModelError
from engine.models.predictor import Answer
from engine.models.user_process import EndedError, UserProcess

LOOKS = 20
"""How often it is looked whether a process that closed its pipes has ended."""
LOOK_S = 0.005


def wait(process: UserProcess, seconds: float) -> Answer | None:
    """Write and read until the process is free; what it answered. Raises ModelError."""
    until = time.monotonic() + seconds
    answer: Answer | None = None
    while process.busy:
        left = until - time.monotonic()
        if left <= 0:
            raise ModelError(f"its process did not answer within {seconds:g} s")
        polled = select.poll()
        polled.register(process.read_end, select.POLLIN)
        if process.writing:
            polled.register(process.write_end, select.POLLOUT)
        for end, _ in polled.poll(1e3 * left):
            if end == process.read_end:
                answer = process.readable()
            else:
                process.writable()
    return answer


def cause(process: UserProcess | None, error: ModelError) -> ModelError:
    """How the process ended, where it did."""
    if process is None or not isinstance(error, EndedError):
        return error
    for _ in range(LOOKS):
        found = process.cause()
        if found is not None:
            return found
        time.sleep(LOOK_S)
    return error
