"""What the console needs of its link to an engine; the client implements it, tests fake it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from engine.api.protocol import (
    Explanation,
    Reply,
    SignalStatistics,
    StrategyDetail,
    StrategyPatch,
    StreamMessage,
    SymbolSignals,
    WeightsPatch,
)
from engine.config import BlendWeights
from engine.errors import LinkError


class LinkState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    LOST = "lost"
    """The line is cut; the client keeps trying."""
    ENGINE_GONE = "engine gone"
    """Nothing listens any more: the engine has ended."""


class NoAnswerError(LinkError):
    """A command was sent and nobody said what became of it: it may still happen."""


class Link(Protocol):
    """The stream of the desk and the commands to it.

    Commands return the engine's answer. They raise ``NoAnswerError`` when there was none, and ``LinkError``
    when they could not be sent or were refused (one line each).
    """

    bytes_received: int

    async def run(
        self,
        on_message: Callable[[StreamMessage], None],
        on_state: Callable[[LinkState, str], None],
    ) -> None:
        """Stream until cancelled, reconnecting by itself. Both callbacks run on the caller's loop."""
        ...

    async def strategy(self, name: str) -> StrategyDetail: ...

    async def set_strategy(self, name: str, patch: StrategyPatch) -> Reply: ...

    async def reload_strategies(self) -> Reply:
        """Read the users' strategy files again."""
        ...

    async def weights(self) -> BlendWeights: ...

    async def set_weights(self, patch: WeightsPatch) -> Reply: ...

    async def signals(self, symbol: str) -> SymbolSignals:
        """What is live for a symbol now."""
        ...

    async def automation(self, name: str) -> Any:
        """The definition as it was put: what its JSON holds."""
        ...

    async def automation_statistics(self) -> list[SignalStatistics]: ...

    async def set_automation(self, name: str, active: bool) -> Reply: ...

    async def reload_model(self) -> Reply: ...

    async def set_risk(self, state: str, reason: str) -> Reply:
        """``state`` is ``"active"``, ``"reducing"`` or ``"halted"``."""
        ...

    async def flatten(self) -> Reply: ...

    async def stop_engine(self) -> Reply: ...

    async def explain(self, id: str) -> Explanation:
        """The chain behind an opportunity id or a client order id. Raises LinkError when there is none."""
        ...
