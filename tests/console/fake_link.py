"""A link that feeds a made-up desk to the console, and writes down every command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from console.link_protocol import LinkState
from engine.alert_rule import AlertRule
from engine.api.alert_protocol import AlertReply, AlertRow
from engine.api.control_protocol import Console
from engine.api.daily_protocol import DailyDetail, DailyRow
from engine.api.market_protocol import LatencyDetail, MarketFrame, Watch
from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import (
    Explanation,
    QuarantineRow,
    Reply,
    SignalStatistics,
    StrategyDetail,
    StrategyPatch,
    StreamMessage,
    SymbolDataRow,
    SymbolSignals,
    WeightsPatch,
)
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    EquityCurve,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    OrderPreview,
    OrderReply,
    OrderTicket,
    Performance,
    ReconciliationRow,
)
from engine.bus.inspect import Inspection
from engine.config import BlendWeights
from engine.errors import LinkError
from engine.events import RiskChange
from tests.api import samples
from tests.api.fake_alerts import FakeAlerts
from tests.console import sample_account, sample_explanation, sample_feeds, sample_market, sample_models
from tests.console import sample_desk as sample

DEFINITION = {
    "name": "tell_me",
    "trigger": {"type": "signal", "sources": ["rapid_rise"], "min_score": 0.6},
    "steps": [
        {"type": "notify", "text": "{symbol} {side} {score}: {reason}"},
        {"type": "webhook", "url": "https://127.0.0.1/hook", "text": "{symbol}"},
    ],
}


def given(patch: StrategyPatch | WeightsPatch) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(patch).items() if value is not None}


class FakeLink:
    """Feeds what the test gives it and writes down every command."""

    def __init__(self, *messages: StreamMessage) -> None:
        self.messages = messages or (sample.full_frame(),)
        self.sent: list[tuple[object, ...]] = []
        self.console: Console | None = None
        self.token_reads = False
        self.asked = 0
        """How often for a symbol's signals, or for the models."""
        self.bytes_received = 0
        self.ok = True
        self.error: str | None = None
        """Makes every command raise LinkError with this text."""
        self.fault: LinkError | None = None
        """Raised by every command."""
        self.reply = ""
        """The text of every reply, unless it is empty."""
        self.gate: asyncio.Event | None = None
        """When set, commands wait for it."""
        self.values_gate: asyncio.Event | None = None
        """When set, the weights and strategies' settings wait for it."""
        self.expected_state: str | None = None
        """Of the last change of the trading state."""
        self.models_gate: asyncio.Event | None = None
        """When set, the models wait for it."""
        self.watched: list[Watch] = []
        self.market: Callable[[str], MarketFrame | None] = sample_market.full_frame
        """What a watched symbol is answered with."""
        self.latencies = sample_account.latency()
        self.rules = FakeAlerts(self.sent)
        self.story = sample_explanation.explanation()
        self.details = {detail.name: detail for detail in samples.strategy_details()}
        self.blend_weights = BlendWeights(speed=20.0)
        self.live = samples.symbol_signals("simulated:BTC-USD")
        self.definitions: dict[str, object] = {row.name: DEFINITION for row in sample.automations()}
        self.known_data: list[SymbolDataRow] = sample_feeds.symbol_data()
        self.inspected: Inspection | None = None
        self.daily_runs: list[DailyDetail] = []
        self.set_aside: list[QuarantineRow] = sample_feeds.set_aside()
        self.judged = sample_account.preview()
        """The answer to every preview."""
        self.previewed: list[OrderTicket] = []
        self.placed: dict[str, OrderTicket] = {}
        """By token: what an engine would have placed, once."""
        self.limit_rows = list(sample_account.limits())
        self.balance: AccountDetail | None = sample_account.account()
        self.figures: Performance | None = sample_account.performance()
        self.curve: EquityCurve | None = sample_account.curve()
        self.changes = list(sample_account.risk_changes())
        self.gateways = list(sample_account.reconciliation())
        self.registry = sample_models.models()
        self.model_details: dict[str, ModelDetail] = {
            entry.version: sample_models.model(entry.version) for entry in self.registry.models
        }
        self.taken_apart: Contributions | None = sample_models.contributions()
        """None: the model has said nothing yet."""
        self.on_message: Callable[[StreamMessage], None] = lambda message: None
        self.on_state: Callable[[LinkState, str], None] = lambda state, detail: None

    async def run(
        self, on_message: Callable[[StreamMessage], None], on_state: Callable[[LinkState, str], None]
    ) -> None:
        self.on_message, self.on_state = on_message, on_state
        on_state(LinkState.UP, "")
        for message in self.messages:
            on_message(message)
        await asyncio.Event().wait()

    def _fail(self) -> None:
        if self.error is not None:
            raise LinkError(self.error)
        if self.fault is not None:
            raise self.fault

    async def _command(self, *what: object, text: str) -> Reply:
        self.sent.append(what)
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        return Reply(self.ok, self.reply or text)

    async def take_control(self, over: str) -> Reply:
        return await self._command("take control", over, text="control taken")

    async def give_control(self) -> Reply:
        return await self._command("give control", text="control given up")

    async def watch(self, watch: Watch) -> None:
        self.watched.append(watch)
        market = self.market(watch.symbol) if watch.symbol else None
        if market is not None:
            interval_s = watch.interval_s or market.interval_s
            self.on_message(msgspec.structs.replace(market, interval_s=interval_s))

    async def latency(self) -> LatencyDetail:
        self._fail()
        return self.latencies

    async def alerts(self) -> list[AlertRow]:
        self._fail()
        return list(self.rules.rows())

    async def add_alert(self, rule: AlertRule) -> AlertReply:
        self._fail()
        return self.rules.add(rule, "console")

    async def switch_alert(self, id: str, on: bool) -> Reply:
        self._fail()
        return self.rules.switch(id, on, "console")

    async def remove_alert(self, id: str) -> Reply:
        self._fail()
        return self.rules.remove(id, "console")

    async def strategy(self, name: str) -> StrategyDetail:
        await self._values_come()
        if name not in self.details:
            raise LinkError(f"unknown strategy {name}")
        return self.details[name]

    async def set_strategy(self, name: str, patch: StrategyPatch) -> Reply:
        """Keeps what it is sent, as an engine would."""
        reply = await self._command("strategy", name, patch, text=f"{name} is changed")
        detail = self.details.get(name)
        if detail is not None and reply.ok:
            changes = {
                key: value for key, value in msgspec.structs.asdict(patch).items() if value is not None
            }
            values = changes.pop("params", {})
            params = tuple(
                msgspec.structs.replace(p, value=values.get(p.name, p.value)) for p in detail.params
            )
            self.details[name] = msgspec.structs.replace(detail, params=params, **changes)
        return reply

    async def reload_strategies(self) -> Reply:
        return await self._command("reload strategies", text="read 2 files: mondays is new")

    async def _values_come(self) -> None:
        if self.values_gate is not None:
            await self.values_gate.wait()
        self._fail()

    async def weights(self) -> BlendWeights:
        await self._values_come()
        return self.blend_weights

    async def set_weights(self, patch: WeightsPatch) -> Reply:
        reply = await self._command("weights", patch, text="weights changed")
        changes = given(patch)
        self.blend_weights = msgspec.structs.replace(self.blend_weights, **changes)
        return reply

    async def signals(self, symbol: str) -> SymbolSignals:
        self.asked += 1
        self._fail()
        return msgspec.structs.replace(self.live, symbol=symbol)

    async def bus(self) -> Inspection:
        self._fail()
        if self.inspected is None:
            raise LinkError("this desk runs in one process, without a bus")
        return self.inspected

    async def daily(self) -> list[DailyRow]:
        self._fail()
        return [detail.run for detail in self.daily_runs]

    async def daily_of(self, day: str) -> list[DailyDetail]:
        self._fail()
        return [detail for detail in self.daily_runs if detail.run.day == day]

    async def data(self) -> list[SymbolDataRow]:
        self._fail()
        return list(self.known_data)

    async def quarantine(self, limit: int) -> list[QuarantineRow]:
        self._fail()
        return list(self.set_aside[:limit])

    async def automation(self, name: str) -> object:
        self._fail()
        return self.definitions[name]

    async def automation_statistics(self) -> list[SignalStatistics]:
        return list(samples.signal_statistics())

    async def set_automation(self, name: str, active: bool) -> Reply:
        return await self._command("automation", name, active, text=f"{name} {'on' if active else 'off'}")

    async def models(self) -> ModelsDetail:
        self.asked += 1
        if self.models_gate is not None:
            await self.models_gate.wait()
        self._fail()
        return self.registry

    async def model(self, version: str) -> ModelDetail:
        self._fail()
        return self.model_details[version]

    async def activate_model(self, version: str) -> Reply:
        return await self._command("activate", version, text=f"model {version} is active")

    async def shadow_model(self, version: str) -> Reply:
        text = f"model {version} runs as the shadow" if version else "no shadow runs"
        return await self._command("shadow", version, text=text)

    async def reload_model(self) -> Reply:
        return await self._command("reload", text="loaded b2c3d4")

    async def roll_back_model(self) -> Reply:
        return await self._command("roll back", text="rolled back to 77aa88bb99cc")

    async def deactivate_model(self) -> Reply:
        return await self._command("deactivate", text="the strategy goes on without a model")

    async def contributions(self, symbol: str, ns: int = 0) -> Contributions:
        self.sent.append(("contributions", symbol, ns))
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        if self.taken_apart is None:
            raise LinkError(f"the model has predicted nothing for {symbol} yet")
        return msgspec.structs.replace(self.taken_apart, symbol=symbol)

    async def training(self) -> TrainingRow:
        self._fail()
        return self.registry.training

    async def train(self, order: TrainingOrder) -> Reply:
        return await self._command("train", order, text="training started")

    async def cancel_training(self) -> Reply:
        return await self._command("cancel training", text="training canceled")

    async def set_risk(self, state: str, reason: str, expected: str | None = None) -> Reply:
        self.expected_state = expected
        return await self._command("risk", state, text=f"the desk is {state}")

    async def place(self, ticket: OrderTicket) -> OrderReply:
        reply = await self._command("place", ticket, text="buy 0.05 simulated:BTC-USD: sent")
        if reply.ok:
            self.placed.setdefault(ticket.token, ticket)
        return OrderReply(reply.ok, reply.text, ("td-1",))

    async def preview(self, ticket: OrderTicket) -> OrderPreview:
        self.previewed.append(ticket)
        self._fail()
        return msgspec.structs.replace(self.judged, quantity=ticket.quantity or self.judged.quantity)

    async def preview_amendment(self, id: str, patch: AmendPatch) -> OrderPreview:
        self._fail()
        return msgspec.structs.replace(self.judged, quantity=patch.quantity or self.judged.quantity)

    async def amend(self, id: str, patch: AmendPatch) -> Reply:
        return await self._command("amend", id, patch, text=f"order {id}: change asked for")

    async def cancel(self, id: str) -> Reply:
        return await self._command("cancel", id, text=f"order {id}: canceled")

    async def cancel_all(self, symbol: str = "") -> Reply:
        return await self._command("cancel all", *([symbol] if symbol else []), text="canceled 2/2")

    async def flatten(self, patch: FlattenPatch | None = None) -> Reply:
        what = ("flatten",) if patch is None else ("flatten", patch)
        return await self._command(*what, text="canceled 2/2, closed 3/3, verified flat in 1.2 s")

    async def kill(self) -> Reply:
        return await self._command("kill", text="canceled 4/4, closed 3/3, verified flat in 1.2 s; HALTED")

    async def limits(self) -> list[LimitRow]:
        self._fail()
        return self.limit_rows

    async def set_limit(self, patch: LimitPatch) -> Reply:
        """Keeps what it is sent, as an engine would."""
        reply = await self._command("limit", patch, text=f"{patch.name} of {patch.scope} is changed")
        if reply.ok:
            before = next(
                (r for r in self.limit_rows if (r.scope, r.name) == (patch.scope, patch.name)), None
            )
            desk = next(r for r in self.limit_rows if r.name == patch.name)
            row = before or msgspec.structs.replace(desk, scope=patch.scope, default="", used="")
            value = row.default if patch.value is None else f"{patch.value:g}"
            self.limit_rows = [r for r in self.limit_rows if r is not before]
            if value:
                self.limit_rows.append(msgspec.structs.replace(row, value=value))
        return reply

    async def risk_changes(self) -> list[RiskChange]:
        return self.changes

    async def account(self) -> AccountDetail:
        if self.balance is None:
            raise LinkError("not known yet")
        return self.balance

    async def performance(self) -> Performance:
        if self.figures is None:
            raise LinkError("not found")
        return self.figures

    async def equity(self, points: int) -> EquityCurve:
        if self.curve is None:
            raise LinkError("not found")
        return self.curve

    async def reconciliation(self) -> list[ReconciliationRow]:
        return self.gateways

    async def reconcile(self) -> Reply:
        return await self._command("reconcile", text="paper agrees with the desk")

    async def set_playback(self, patch: PlaybackPatch) -> Reply:
        return await self._command("playback", patch, text="paused")

    async def stop_engine(self) -> Reply:
        return await self._command("stop", text="engine stops")

    async def explain(self, id: str) -> Explanation:
        self.sent.append(("explain", id))
        self._fail()
        return self.story
