"""The whole configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.config.api import ApiConfig
from engine.config.bus import BusConfig
from engine.config.daily import DailyConfig
from engine.config.data import (
    CacheConfig,
    CollectionConfig,
    HistoryConfig,
    QualityConfig,
    RecordConfig,
    SymbolNames,
)
from engine.config.market import FeaturesConfig, FeedConfig, SimulatedConfig
from engine.config.models import ModelsConfig
from engine.config.operation import AlarmsConfig, EngineConfig, LoggingConfig
from engine.config.quant import QuantConfig
from engine.config.signals import AutomationsConfig, OpportunitiesConfig
from engine.config.trading import (
    AccountConfig,
    BrokersConfig,
    ExitsConfig,
    NotifyConfig,
    PaperConfig,
    PerformanceConfig,
    RiskConfig,
    TargetsConfig,
)
from engine.config.values import Section


class LinkConfig(Section, frozen=True):
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0


class ConsoleConfig(Section, frozen=True):
    theme: str = "tickdesk-dark"
    themes_dir: str = ""
    """Folder of own themes; relative to the configuration file, and ``themes`` beside it when empty."""
    up: Literal["green", "red"] = "green"
    """``red``: the inks of up and down change places, in every theme."""
    colours: Annotated[str, Meta(pattern="^(auto|none|16|256|truecolor)$")] = "auto"
    ascii: Literal["auto", "on", "off"] = "auto"
    """``on``: nothing but ASCII reaches the terminal; ``auto``: where its locale knows no more."""
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0
    flash: bool = True
    """A last price that changed is marked for a moment."""
    bell: bool = True
    """The terminal's, when an alert comes."""
    desktop_notifications: Literal["auto", "osc9", "osc777", "notify-send", "off"] = "auto"
    """How the desktop tells of an alert; auto: by what the terminal says of itself."""
    exports: str = ""
    """Folder for exported tables and screenshots; "": ``exports`` in the state directory."""
    read_only: bool = False
    """Consoles watch, and send nothing; also ``--read-only``."""
    keys: dict[str, str | tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Other keys, by the action's id (``tickdesk keys`` prints them): ``halt = "H f12"``, "" for none."""
    keys_file: str = ""
    """The same as a file; relative to the configuration file, and ``keys.toml`` beside it when empty."""


class Config(Section, frozen=True):
    """Everything; the defaults trade the simulated venue on paper."""

    strategies_dir: str = ""
    """Folder of the user's own strategies; relative to the configuration file, and beside it when empty."""
    strategy_limit_ms: Annotated[float, Meta(ge=1, le=60_000)] = 200.0
    """A user's strategy that takes longer for all symbols in three calls in a row is disabled; never in a
    replay. One indicator of pandas takes some 5 ms a symbol, and twice that on a machine with other work."""
    strategy_stuck_s: Annotated[float, Meta(ge=0.5, le=600)] = 10.0
    """A call of a user's strategy that takes longer is interrupted, and the strategy disabled: meanwhile the
    desk stands still. Reading its file and making it may take a minute. Never in a replay."""
    feeds: dict[str, FeedConfig] = msgspec.field(default_factory=dict)
    simulated: SimulatedConfig = SimulatedConfig()
    symbols: SymbolNames = msgspec.field(default_factory=dict)
    """Spellings of instruments that no rule tells: ``[symbols.NAS100]`` with ``yahoo = "^NDX"``."""
    collection: CollectionConfig = CollectionConfig()
    quality: QualityConfig = QualityConfig()
    history: HistoryConfig = HistoryConfig()
    cache: CacheConfig = CacheConfig()
    record: RecordConfig = RecordConfig()
    features: FeaturesConfig = FeaturesConfig()
    strategies: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Per strategy: enabled, weight, symbols, budget_pct and its own parameters; checked by the strategy."""
    opportunities: OpportunitiesConfig = OpportunitiesConfig()
    risk: RiskConfig = RiskConfig()
    exits: ExitsConfig = ExitsConfig()
    paper: PaperConfig = PaperConfig()
    account: AccountConfig = AccountConfig()
    brokers: BrokersConfig = BrokersConfig()
    targets: TargetsConfig = TargetsConfig()
    daily: DailyConfig = DailyConfig()
    performance: PerformanceConfig = PerformanceConfig()
    notify: NotifyConfig = NotifyConfig()
    models: ModelsConfig = ModelsConfig()
    automations: AutomationsConfig = AutomationsConfig()
    quant: QuantConfig = QuantConfig()
    bus: BusConfig = BusConfig()
    link: LinkConfig = LinkConfig()
    api: ApiConfig = ApiConfig()
    console: ConsoleConfig = ConsoleConfig()
    engine: EngineConfig = EngineConfig()
    alarms: AlarmsConfig = AlarmsConfig()
    logging: LoggingConfig = LoggingConfig()
