"""What the API needs of the desk's models: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol

from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import Reply


class ModelPort(Protocol):
    """Everything raises ModelError with one line for the person who asked, whom ``who`` names."""

    async def models(self) -> ModelsDetail: ...

    async def model(self, version: str) -> ModelDetail:
        """By version or its first characters; "": the active one."""
        ...

    async def reload(self, who: str) -> Reply: ...

    async def activate(self, version: str, who: str) -> Reply: ...

    async def deactivate(self, who: str) -> Reply: ...

    async def rollback(self, who: str) -> Reply: ...

    async def shadow(self, version: str, who: str) -> Reply:
        """ "": no shadow any more."""
        ...

    async def contributions(self, symbol: str, ns: int) -> Contributions:
        """``ns``: of the bar close that the prediction rests on; 0: the newest."""
        ...

    def training(self) -> TrainingRow: ...

    async def train(self, order: TrainingOrder, who: str) -> Reply:
        """Start a run; refused while one is at work."""
        ...

    async def cancel_training(self, who: str) -> Reply: ...
