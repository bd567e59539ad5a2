"""The desk over the link: control, strategies, signals, data, automations, playback, its end."""

from __future__ import annotations

from typing import Any

from console.requests import RISK_S, Requests, quoted
from engine.api.control_protocol import (
    ControlPatch,
)
from engine.api.daily_protocol import DailyDetail, DailyRow
from engine.api.market_protocol import (
    LatencyDetail,
)
from engine.api.playback_protocol import (
    PlaybackPatch,
)
from engine.api.protocol import (
    AutomationPatch,
    Explanation,
    QuarantineRow,
    Reply,
    SignalStatistics,
    StrategyDetail,
    StrategyPatch,
    SymbolDataRow,
    SymbolSignals,
    WeightsPatch,
)
from engine.bus.inspect import Inspection
from engine.config import (
    BlendWeights,
)


class DeskRequests(Requests):
    """What ``console.link_protocol.Link`` asks besides trading, models and alerts."""

    async def strategy(self, name: str) -> StrategyDetail:
        return await self._request("GET", f"/v1/strategies/{quoted(name)}", StrategyDetail)

    async def set_strategy(self, name: str, patch: StrategyPatch) -> Reply:
        return await self._request("POST", f"/v1/strategies/{quoted(name)}", Reply, patch)

    async def reload_strategies(self) -> Reply:
        return await self._request("POST", "/v1/strategies/reload", Reply, timeout_s=60.0)

    async def weights(self) -> BlendWeights:
        return await self._request("GET", "/v1/weights", BlendWeights)

    async def set_weights(self, patch: WeightsPatch) -> Reply:
        return await self._request("POST", "/v1/weights", Reply, patch)

    async def signals(self, symbol: str) -> SymbolSignals:
        return await self._request("GET", f"/v1/signals/{quoted(symbol)}", SymbolSignals)

    async def bus(self) -> Inspection:
        return await self._request("GET", "/v1/bus", Inspection)

    async def daily(self) -> list[DailyRow]:
        return await self._request("GET", "/v1/daily", list[DailyRow])

    async def daily_of(self, day: str) -> list[DailyDetail]:
        return await self._request("GET", f"/v1/daily/{quoted(day)}", list[DailyDetail])

    async def data(self) -> list[SymbolDataRow]:
        return await self._request("GET", "/v1/data", list[SymbolDataRow])

    async def quarantine(self, limit: int) -> list[QuarantineRow]:
        return await self._request("GET", f"/v1/quarantine?limit={limit}", list[QuarantineRow])

    async def automation(self, name: str) -> Any:
        # The engine keeps the text as it was put, and answers with it.
        return await self._request("GET", f"/v1/automations/{quoted(name)}", object)

    async def automation_statistics(self) -> list[SignalStatistics]:
        return await self._request("GET", "/v1/automations/statistics", list[SignalStatistics])

    async def set_automation(self, name: str, active: bool) -> Reply:
        patch = AutomationPatch(active=active)
        return await self._request("POST", f"/v1/automations/{quoted(name)}", Reply, patch)

    async def set_playback(self, patch: PlaybackPatch) -> Reply:
        return await self._request("POST", "/v1/playback", Reply, patch)

    async def stop_engine(self) -> Reply:
        return await self._request("POST", "/v1/stop", Reply)

    async def explain(self, id: str) -> Explanation:
        return await self._request("GET", f"/v1/explain/{quoted(id)}", Explanation)

    async def latency(self) -> LatencyDetail:
        return await self._request("GET", "/v1/latency", LatencyDetail)

    async def take_control(self, over: str) -> Reply:
        patch = ControlPatch("take", over)
        return await self._request("POST", "/v1/control", Reply, patch, timeout_s=RISK_S)

    async def give_control(self) -> Reply:
        patch = ControlPatch("give")
        return await self._request("POST", "/v1/control", Reply, patch, timeout_s=RISK_S)
