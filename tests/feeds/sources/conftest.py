"""A server per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.feeds.context.server import LoopbackServer


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    one = LoopbackServer()
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
