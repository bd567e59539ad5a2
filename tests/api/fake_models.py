"""Models made up for the API."""

from __future__ import annotations

from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import Reply
from engine.errors import ModelError, UnknownModelError
from tests.console import sample_models as sample


class FakeModels:
    """Implements ``ModelPort``."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    def _ask(self, *what: object) -> Reply:
        self._asked.append(what)
        return Reply(True, " ".join(str(part) for part in what))

    def _known(self, version: str) -> str:
        if not sample.ACTIVE.startswith(version):
            raise UnknownModelError(f"no model has version {version!r}: `tickdesk models list` shows them")
        return sample.ACTIVE

    async def models(self) -> ModelsDetail:
        return sample.models()

    async def model(self, version: str) -> ModelDetail:
        self._asked.append(("model", version))
        self._known(version)
        return sample.model()

    async def reload(self, who: str) -> Reply:
        self._ask("reload", who)
        return Reply(True, "model loaded")

    async def activate(self, version: str, who: str) -> Reply:
        if sample.LEAKY.startswith(version):
            raise ModelError(f"model {sample.LEAKY} cannot be made active: its metrics leak")
        return self._ask("activate", self._known(version), who)

    async def deactivate(self, who: str) -> Reply:
        return self._ask("deactivate", who)

    async def rollback(self, who: str) -> Reply:
        return self._ask("rollback", who)

    async def shadow(self, version: str, who: str) -> Reply:
        return self._ask("shadow", version and self._known(version), who)

    async def contributions(self, symbol: str, ns: int) -> Contributions:
        self._asked.append(("contributions", symbol, ns))
        if symbol == "nothing":
            raise UnknownModelError("nothing has no prediction at that moment: it had too few bars")
        return sample.contributions()

    def training(self) -> TrainingRow:
        return sample.training()

    async def train(self, order: TrainingOrder, who: str) -> Reply:
        if order.seed == 13:
            raise ModelError("a training run is at work (features): cancel it, or wait for its end")
        return self._ask("train", order, who)

    async def cancel_training(self, who: str) -> Reply:
        return self._ask("cancel training", who)
