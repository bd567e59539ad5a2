"""Models over the link: what is registered, exchanging it, training."""

from __future__ import annotations

from console.requests import Requests, quoted
from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import (
    Reply,
)

MODEL_S = 60.0
"""A model is loaded and tried in a process of its own, which on a busy machine has to start first."""


class ModelsRequests(Requests):
    """Implements ``console.link_protocol.ModelsLink``."""

    async def models(self) -> ModelsDetail:
        return await self._request("GET", "/v1/models", ModelsDetail)

    async def model(self, version: str) -> ModelDetail:
        path = f"/v1/models/{quoted(version)}" if version else "/v1/model/info"
        return await self._request("GET", path, ModelDetail)

    async def activate_model(self, version: str) -> Reply:
        return await self._change_model("POST", f"/v1/models/{quoted(version)}/activate")

    async def shadow_model(self, version: str) -> Reply:
        if not version:
            return await self._change_model("DELETE", "/v1/models/shadow")
        return await self._change_model("POST", f"/v1/models/{quoted(version)}/shadow")

    async def reload_model(self) -> Reply:
        return await self._change_model("POST", "/v1/model/reload")

    async def roll_back_model(self) -> Reply:
        return await self._once("POST", "/v1/model/rollback", Reply, timeout_s=MODEL_S)

    async def deactivate_model(self) -> Reply:
        return await self._change_model("POST", "/v1/model/deactivate")

    async def _change_model(self, method: str, path: str) -> Reply:
        return await self._request(method, path, Reply, timeout_s=MODEL_S)

    async def contributions(self, symbol: str, ns: int = 0) -> Contributions:
        at = f"?ns={ns}" if ns else ""
        path = f"/v1/model/contributions/{quoted(symbol)}{at}"
        return await self._request("GET", path, Contributions, timeout_s=MODEL_S)

    async def training(self) -> TrainingRow:
        return await self._request("GET", "/v1/training", TrainingRow)

    async def train(self, order: TrainingOrder) -> Reply:
        return await self._request("POST", "/v1/training", Reply, order)

    async def cancel_training(self) -> Reply:
        return await self._request("DELETE", "/v1/training", Reply)
