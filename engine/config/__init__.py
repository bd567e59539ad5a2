"""The configuration: one TOML file, every value overridable by the environment, typed and checked at start.

Precedence, lowest first: the defaults below, the file, ``TICKDESK_<SECTION>__<KEY>`` variables, ``--set``.
"""

from __future__ import annotations

from engine.config.api import ApiConfig
from engine.config.bus import BusConfig
from engine.config.daily import DailyConfig
from engine.config.data import (
    CacheConfig,
    CollectionConfig,
    HistoryConfig,
    PollingConfig,
    QualityConfig,
    RecordConfig,
    SymbolNames,
)
from engine.config.desk import Config, ConsoleConfig, LinkConfig
from engine.config.load import ENV_PREFIX, changed, default_path, default_state_dir, load
from engine.config.market import FeaturesConfig, FeedConfig, SimulatedConfig
from engine.config.models import ModelsConfig, RetrainConfig, RollbackConfig
from engine.config.operation import AlarmsConfig, EngineConfig, LoggingConfig
from engine.config.own_limits import OWN_LIMITS
from engine.config.quant import (
    FearGreedConfig,
    NewsConfig,
    OpenInterestConfig,
    OptionsConfig,
    QuantConfig,
    QuantServerConfig,
    SourceConfig,
)
from engine.config.signals import AutomationsConfig, BlendWeights, OpportunitiesConfig
from engine.config.trading import (
    AccountConfig,
    AlpacaConfig,
    BrokersConfig,
    ExitsConfig,
    NotifyConfig,
    PaperConfig,
    PerformanceConfig,
    RiskConfig,
    SymbolExits,
    TargetsConfig,
)
from engine.config.values import Section

__all__ = [
    "ENV_PREFIX",
    "OWN_LIMITS",
    "AccountConfig",
    "AlarmsConfig",
    "AlpacaConfig",
    "ApiConfig",
    "AutomationsConfig",
    "BlendWeights",
    "BrokersConfig",
    "BusConfig",
    "CacheConfig",
    "CollectionConfig",
    "Config",
    "ConsoleConfig",
    "DailyConfig",
    "EngineConfig",
    "ExitsConfig",
    "FearGreedConfig",
    "FeaturesConfig",
    "FeedConfig",
    "HistoryConfig",
    "LinkConfig",
    "LoggingConfig",
    "ModelsConfig",
    "NewsConfig",
    "NotifyConfig",
    "OpenInterestConfig",
    "OpportunitiesConfig",
    "OptionsConfig",
    "PaperConfig",
    "PerformanceConfig",
    "PollingConfig",
    "QualityConfig",
    "QuantConfig",
    "QuantServerConfig",
    "RecordConfig",
    "RetrainConfig",
    "RiskConfig",
    "RollbackConfig",
    "Section",
    "SimulatedConfig",
    "SourceConfig",
    "SymbolExits",
    "SymbolNames",
    "TargetsConfig",
    "changed",
    "default_path",
    "default_state_dir",
    "load",
]
