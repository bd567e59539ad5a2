"""What the API needs of the desk: the wiring implements it, a test fakes it."""

from __future__ import annotations

from typing import Protocol

from engine.api.alert_port import AlertPort
from engine.api.command_port import CommandPort
from engine.api.daily_port import DailyPort
from engine.api.data_port import DataPort
from engine.api.market_port import MarketPort
from engine.api.model_port import ModelPort
from engine.api.page_port import PagePort
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import (
    AutomationRow,
    Explanation,
    Health,
    JobRow,
    Reply,
    SignalStatistics,
    StateFrame,
    StrategyDetail,
    StrategyPatch,
    SymbolSignals,
    WeightsPatch,
)
from engine.api.trading_port import TradingPort
from engine.bus.inspect import Inspection
from engine.config import BlendWeights
from engine.events import JournalEvent, RiskChange
from engine.signal_exchange import SignalsReply, SignalsRequest


class DeskPort(Protocol):
    """Commands raise TickdeskError with one line for the person who asked, whom ``who`` names."""

    @property
    def trading(self) -> TradingPort:
        """Orders, limits, the account."""
        ...

    @property
    def models(self) -> ModelPort:
        """Models, their training, and what they said."""
        ...

    @property
    def data(self) -> DataPort:
        """How good the market data is."""
        ...

    @property
    def daily(self) -> DailyPort:
        """The daily runs, and what they ask for."""
        ...

    @property
    def market(self) -> MarketPort:
        """One symbol's market, and how long the desk's stages take."""
        ...

    def bus(self) -> Inspection | None:
        """What is on the bus, as of a second ago; None: the desk is one process."""
        ...

    @property
    def commands(self) -> CommandPort:
        """What is kept of every command."""
        ...

    @property
    def pages(self) -> PagePort:
        """What is recorded, page by page."""
        ...

    @property
    def alerts(self) -> AlertPort:
        """What persons want to be told of."""
        ...

    async def prepare(self) -> None:
        """Before ``state``: make what takes long in slices, so that it then is told at once."""
        ...

    def state(self) -> StateFrame:
        """Every row, ``full=True``."""
        ...

    def health(self) -> Health: ...

    def unready(self) -> str:
        """Why the engine does not run, or cannot write, one line; "": it does."""
        ...

    def untraded(self) -> str:
        """Why no entry would be sent, one line; "": it would."""
        ...

    async def explain(self, identity: str) -> Explanation | None:
        """None when neither an opportunity nor an order has this id."""
        ...

    def journal(self, since: int, limit: int) -> list[tuple[int, JournalEvent]]:
        """Durable events after ``since``, oldest first, at most ``limit``. Called on a thread of its own."""
        ...

    def strategies(self) -> tuple[StrategyDetail, ...]: ...

    def strategy(self, name: str) -> StrategyDetail | None:
        """None when there is none of this name."""
        ...

    def set_strategy(self, name: str, patch: StrategyPatch, who: str) -> Reply:
        """All of the patch or, when any of it cannot be, nothing."""
        ...

    def reload_strategies(self, who: str) -> Reply:
        """Read the users' strategy files again."""
        ...

    def weights(self) -> BlendWeights: ...

    def set_weights(self, patch: WeightsPatch, who: str) -> Reply: ...

    def signals(self, symbol: str) -> SymbolSignals | None:
        """None when the symbol is unknown."""
        ...

    def answer(self, request: SignalsRequest) -> SignalsReply:
        """As a quant server answers: scores from the candles, and from what is live for the symbol."""
        ...

    def automations(self) -> tuple[AutomationRow, ...]: ...

    def automation_statistics(self) -> tuple[SignalStatistics, ...]: ...

    async def jobs(self, limit: int, name: str, state: str) -> list[JobRow]:
        """Runs (of one automation, in one state), those at work first, then the newest. Raises StoreError."""
        ...

    def automation(self, name: str) -> bytes | None:
        """The definition as JSON, as it was put; None when there is none of this name."""
        ...

    async def put_automation(self, name: str, definition: bytes, who: str) -> Reply:
        """Create or replace. Answers when it is stored."""
        ...

    async def set_automation(self, name: str, active: bool, who: str) -> Reply: ...

    async def remove_automation(self, name: str, who: str) -> Reply: ...

    @property
    def risk_state(self) -> str:
        """``active``, ``reducing`` or ``halted``, at this moment."""
        ...

    def risk_changes(self, limit: int) -> list[RiskChange]:
        """Durable ones, newest first, of earlier runs too. Called on a thread of its own."""
        ...

    async def set_risk(self, state: str, reason: str, who: str) -> Reply: ...

    def tell(self, level: str, source: str, text: str) -> None:
        """An alert to every console, journaled."""
        ...

    async def metrics(self) -> bytes:
        """In Prometheus' text format. Never raises."""
        ...

    def set_playback(self, patch: PlaybackPatch, who: str) -> Reply:
        """All of the patch, or nothing. Raises TapeError, also on a desk that plays no tape."""
        ...

    def stop(self, who: str) -> Reply: ...
