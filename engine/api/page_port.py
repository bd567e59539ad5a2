"""What the API needs of what is recorded: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from engine.api.page import Span
from engine.events import FeatureRow, Fill, Opportunity, Signal

T = TypeVar("T")
Part = tuple[tuple[T, ...], int | None]
"""Rows, newest first, and the number before which the next part goes on; None: there is none."""


class PagePort(Protocol):
    """Of any symbol where it is "". Everything raises StoreError, and SymbolError for a symbol that means
    several."""

    async def signals(self, span: Span, *, symbol: str, source: str) -> Part[Signal]: ...

    async def opportunities(self, span: Span, *, symbol: str) -> Part[Opportunity]: ...

    async def features(self, span: Span, *, symbol: str) -> Part[FeatureRow]: ...

    async def fills(self, span: Span, *, symbol: str) -> Part[Fill]: ...
