"""What the console needs of its link to an engine; the client implements it, tests fake it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from console.alert_link import AlertsLink
from engine.api.control_protocol import Console
from engine.api.daily_protocol import DailyDetail, DailyRow
from engine.api.market_protocol import LatencyDetail, Watch
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

UNSENT = "NOT SENT: "
"""Before why nobody was asked: for a command. What is only judged was not to be sent."""


class LinkState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    LOST = "lost"
    """The line is cut; the client keeps trying."""
    ENGINE_GONE = "engine gone"
    """Nothing listens any more: the engine has ended."""


class NoAnswerError(LinkError):
    """A command was sent and nobody said what became of it: it may still happen."""


class MarketLink(Protocol):
    """One symbol's market, and how fast the desk is; raises as ``Link`` does."""

    async def watch(self, watch: Watch) -> None:
        """The stream brings ``MarketFrame`` messages of this symbol from now on, also after a cut. Never
        raises."""
        ...

    async def latency(self) -> LatencyDetail: ...


class TradingLink(Protocol):
    """Orders, limits and the account; raises as ``Link`` does."""

    async def place(self, ticket: OrderTicket) -> OrderReply:
        """The same token again is the same order: it is placed once."""
        ...

    async def preview(self, ticket: OrderTicket) -> OrderPreview:
        """What the ticket would do now; nothing is sent."""
        ...

    async def preview_amendment(self, id: str, patch: AmendPatch) -> OrderPreview:
        """What would still fill of the changed order; nothing is sent."""
        ...

    async def amend(self, id: str, patch: AmendPatch) -> Reply: ...

    async def cancel(self, id: str) -> Reply: ...

    async def cancel_all(self, symbol: str = "") -> Reply:
        """Every open order; of one symbol when it is named."""
        ...

    async def flatten(self, patch: FlattenPatch | None = None) -> Reply:
        """Everything at the market, or what ``patch`` names; the text is the receipt."""
        ...

    async def kill(self) -> Reply:
        """Halt, cancel every order, close every position, verify; the text is the receipt."""
        ...

    async def limits(self) -> list[LimitRow]: ...

    async def set_limit(self, patch: LimitPatch) -> Reply: ...

    async def risk_changes(self) -> list[RiskChange]:
        """Of the trading state, newest first, of earlier runs too."""
        ...

    async def account(self) -> AccountDetail: ...

    async def performance(self) -> Performance: ...

    async def equity(self, points: int) -> EquityCurve:
        """The account's curve in at most so many points, 2 to 2,000."""
        ...

    async def reconciliation(self) -> list[ReconciliationRow]: ...

    async def reconcile(self) -> Reply: ...


class ModelsLink(Protocol):
    """Models, their shadow, training; raises as ``Link`` does."""

    async def models(self) -> ModelsDetail: ...

    async def model(self, version: str) -> ModelDetail:
        """By version or its first characters; "": the active one."""
        ...

    async def activate_model(self, version: str) -> Reply: ...

    async def shadow_model(self, version: str) -> Reply:
        """Beside the active one from now on; "": no shadow any more."""
        ...

    async def reload_model(self) -> Reply: ...

    async def roll_back_model(self) -> Reply: ...

    async def deactivate_model(self) -> Reply: ...

    async def contributions(self, symbol: str, ns: int = 0) -> Contributions:
        """Of the prediction that rests on the bar close at ``ns``; 0: the newest."""
        ...

    async def training(self) -> TrainingRow: ...

    async def train(self, order: TrainingOrder) -> Reply: ...

    async def cancel_training(self) -> Reply: ...


class ControlLink(Protocol):
    """Of several consoles one controls; raises as ``Link`` does."""

    @property
    def console(self) -> Console | None:
        """How this console names itself; None: not at all, and the engine judges none of its commands."""
        ...

    @property
    def token_reads(self) -> bool:
        """Whether it attaches with a token that only reads."""
        ...

    async def take_control(self, over: str) -> Reply:
        """From the console of the id ``over``, "": a free seat; refused where another controls by now."""
        ...

    async def give_control(self) -> Reply: ...


class Link(AlertsLink, ControlLink, MarketLink, TradingLink, ModelsLink, Protocol):
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

    async def bus(self) -> Inspection:
        """Workers, streams, leases. LinkError where the desk is one process."""
        ...

    async def daily(self) -> list[DailyRow]:
        """Daily runs, the newest day first."""
        ...

    async def daily_of(self, day: str) -> list[DailyDetail]:
        """Those of one day, newest first."""
        ...

    async def data(self) -> list[SymbolDataRow]:
        """How good each symbol's data is."""
        ...

    async def quarantine(self, limit: int) -> list[QuarantineRow]:
        """What was not believed, newest first, 1 to 1,000."""
        ...

    async def automation(self, name: str) -> Any:
        """The definition as it was put: what its JSON holds."""
        ...

    async def automation_statistics(self) -> list[SignalStatistics]: ...

    async def set_automation(self, name: str, active: bool) -> Reply: ...

    async def set_risk(self, state: str, reason: str, expected: str | None = None) -> Reply:
        """``state`` is ``"active"``, ``"reducing"`` or ``"halted"``; nothing is changed where the desk is in
        another one than ``expected``, None for any."""
        ...

    async def set_playback(self, patch: PlaybackPatch) -> Reply:
        """Of a desk that plays a tape; others refuse."""
        ...

    async def stop_engine(self) -> Reply: ...

    async def explain(self, id: str) -> Explanation:
        """The chain behind an opportunity id or a client order id. Raises LinkError when there is none."""
        ...
