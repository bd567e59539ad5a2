"""The configuration: one TOML file, every value overridable by the environment, typed and checked at start.

Precedence, lowest first: the defaults below, the file, ``TICKDESK_<SECTION>__<KEY>`` variables, ``--set``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import platformdirs
from msgspec import Meta

from engine.errors import ConfigError
from engine.text import clean

ENV_PREFIX = "TICKDESK_"
_NOT_CONFIG = {"TICKDESK_DATA", "TICKDESK_CONFIG", "TICKDESK_STATE_DIR"}

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class FeedConfig(Section, frozen=True):
    """A venue that is connected to. URLs default to the venue's own."""

    enabled: bool = True
    symbols: tuple[str, ...] = ()
    """In the venue's spelling: BTCUSDT (Binance), BTC-USD (Coinbase), BTC/USD (Kraken)."""
    ws_url: str = ""
    rest_url: str = ""
    silence_s: Positive = 10.0
    """The data watchdog: no data for this long means stale, and the socket is replaced."""
    backoff_max_s: Positive = 30.0
    poll_interval_s: Positive = 1.0


class SimulatedConfig(Section, frozen=True):
    """The embedded venue: a seeded limit-order-book simulation."""

    enabled: bool = True
    symbols: tuple[str, ...] = (
        "BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD", "DOT-USD", "AVAX-USD",
    )  # fmt: skip
    seed: int = 7
    history_s: Annotated[int, Meta(ge=0, le=3600)] = 300
    """Seconds of the past that are simulated at start, so that indicators are warm."""


class FeaturesConfig(Section, frozen=True):
    """Windows and indicator periods, in bars unless said otherwise."""

    window_s: Positive = 5.0
    bar_s: Positive = 1.0
    max_fill_bars: Annotated[int, Meta(ge=0)] = 60
    """Seconds without a trade are filled with flat bars, at most this many in a row."""
    rsi_period: Annotated[int, Meta(ge=2, le=100)] = 14
    ema_fast: Annotated[int, Meta(ge=2, le=200)] = 12
    ema_slow: Annotated[int, Meta(ge=2, le=200)] = 26
    macd_signal: Annotated[int, Meta(ge=2, le=100)] = 9
    bb_period: Annotated[int, Meta(ge=2, le=200)] = 20
    bb_width: Positive = 2.0
    atr_period: Annotated[int, Meta(ge=2, le=100)] = 14
    volume_ma_period: Annotated[int, Meta(ge=2, le=200)] = 20
    momentum_period: Annotated[int, Meta(ge=1, le=200)] = 10
    sma_fast: Annotated[int, Meta(ge=2, le=200)] = 50
    sma_slow: Annotated[int, Meta(ge=2, le=200)] = 200


class BlendWeights(Section, frozen=True):
    """Percent of the blended score by family; absent families' weight goes to the present ones."""

    technical: NotNegative = 40.0
    speed: NotNegative = 15.0
    microstructure: NotNegative = 15.0
    open_interest: NotNegative = 10.0
    options: NotNegative = 10.0
    sentiment: NotNegative = 5.0
    volatility: NotNegative = 5.0


class OpportunitiesConfig(Section, frozen=True):
    min_score: Share = 0.3
    min_confidence: Share = 0.3
    max_spread_pct: Positive = 0.5
    ttl_s: Positive = 10.0
    dedupe_s: Positive = 5.0
    """A new blend for the same symbol and side within this long merges into the live opportunity."""
    weights: BlendWeights = BlendWeights()


class RiskConfig(Section, frozen=True):
    """Limits; percentages are of equity. See the README for each check."""

    max_order_notional_pct: Positive = 5.0
    max_position_pct: Positive = 20.0
    max_gross_pct: Positive = 100.0
    max_net_pct: Positive = 60.0
    max_open_orders_per_symbol: Count = 10
    max_open_orders: Count = 100
    price_collar_pct: Positive = 2.0
    max_orders_per_s: Positive = 10.0
    order_burst: Count = 20
    repeat_limit: Count = 20
    repeat_window_s: Positive = 60.0
    duplicate_window_s: Positive = 1.0
    """An entry identical to one sent within this long is denied."""
    stale_data_s: Positive = 3.0
    clock_skew_s: Positive = 1.0
    daily_loss_reduce_pct: Positive = 3.0
    daily_loss_halt_pct: Positive = 5.0
    max_drawdown_pct: Positive = 10.0
    """Entries are denied from this far below the highest equity."""
    allow_short: bool = True


class ExitsConfig(Section, frozen=True):
    stop_loss_pct: Positive = 0.5
    take_profit_pct: Positive = 1.0
    sweep_s: Positive = 5.0
    cooldown_bars: Annotated[int, Meta(ge=0, le=1000)] = 2
    """After an exit a symbol is not entered again for so many bars."""


class PaperConfig(Section, frozen=True):
    """The paper venue."""

    taker_fee_bps: NotNegative = 10.0
    maker_fee_bps: NotNegative = 2.0
    entry_latency_ms: NotNegative = 20.0
    """Mean of the time an order travels; jittered, seeded."""
    latency_jitter_ms: NotNegative = 5.0
    seed: int = 11
    order_ttl_s: Positive = 10.0
    """A market order that finds no fresh liquidity for this long is canceled."""


class AccountConfig(Section, frozen=True):
    starting_cash: Positive = 100_000.0
    currency: str = "USD"
    pegged: tuple[str, ...] = ("USD", "USDT", "USDC", "FDUSD", "TUSD", "BUSD")
    """Quote currencies counted as the account's own, one to one. Others are denied."""
    order_size_pct: Positive = 2.0
    """Notional of an entry, percent of equity, at full confidence."""


class ModelsConfig(Section, frozen=True):
    poll_s: Positive = 300.0
    every_bars: Count = 5
    """The model strategy predicts once in so many bars."""


class LinkConfig(Section, frozen=True):
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0


class ConsoleConfig(Section, frozen=True):
    theme: str = "tickdesk-dark"
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0


class LoggingConfig(Section, frozen=True):
    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"


class Config(Section, frozen=True):
    """Everything; the defaults trade the simulated venue on paper."""

    feeds: dict[str, FeedConfig] = {}
    simulated: SimulatedConfig = SimulatedConfig()
    features: FeaturesConfig = FeaturesConfig()
    strategies: dict[str, dict[str, Any]] = {}
    """Per strategy: enabled, weight, symbols and its own parameters; checked by the strategy itself."""
    opportunities: OpportunitiesConfig = OpportunitiesConfig()
    risk: RiskConfig = RiskConfig()
    exits: ExitsConfig = ExitsConfig()
    paper: PaperConfig = PaperConfig()
    account: AccountConfig = AccountConfig()
    models: ModelsConfig = ModelsConfig()
    link: LinkConfig = LinkConfig()
    console: ConsoleConfig = ConsoleConfig()
    logging: LoggingConfig = LoggingConfig()


def default_path() -> Path:
    return Path(platformdirs.user_config_dir("tickdesk")) / "config.toml"


def default_state_dir() -> Path:
    return Path(platformdirs.user_state_dir("tickdesk"))


def load(
    path: Path | None = None, *, overrides: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Config:
    """Read, merge and check the configuration.

    ``path`` None means the default place, where a missing file is no error. ``overrides`` are
    ``section.key=value`` texts. Raises ConfigError, one line naming the key and the fix.
    """
    raw = _read_file(path)
    environ = os.environ if environ is None else environ
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and name not in _NOT_CONFIG:
            keys = name[len(ENV_PREFIX) :].lower().split("__")
            if len(keys) > 1:
                _put(raw, keys, _value(text), origin=f"environment variable {name}")
    for text in overrides:
        key, sep, value = text.partition("=")
        if not sep:
            raise ConfigError(f"--set {clean(text, 60)}: write it as section.key=value")
        _put(raw, key.strip().split("."), _value(value.strip()), origin=f"--set {clean(key, 60)}")
    try:
        config = msgspec.convert(raw, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"configuration: {clean(error)}; `tickdesk config show` prints every key with its value"
        ) from None
    _check(config)
    return config


def _read_file(path: Path | None) -> dict[str, Any]:
    where = path or default_path()
    try:
        return tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path is None:
            return {}
        raise ConfigError(f"no configuration file {where}: check --config") from None
    except OSError as error:
        raise ConfigError(f"cannot read {where}: {error.strerror}; check --config") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{where} is no TOML: {clean(error)}") from None


def _put(raw: dict[str, Any], keys: list[str], value: Any, *, origin: str) -> None:
    node = raw
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{origin}: {'.'.join(keys)} is not a section; see `tickdesk config show`")
    node[keys[-1]] = [value] if isinstance(value, str) and _is_list(keys) else value


def _is_list(keys: list[str]) -> bool:
    """Whether the value of a key is a list: then one name alone will do."""
    kind: Any = Config
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = {field.name: field.type for field in msgspec.structs.fields(kind)}.get(key)
        else:  # a strategy's own
            return key == "symbols"
    return get_origin(kind) is tuple


def _value(text: str) -> Any:
    """A TOML value where the text is one, else the text itself; commas make a list."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in text.split(",")] if "," in text else text


def _check(config: Config) -> None:
    features, risk = config.features, config.risk
    rules = (
        (features.ema_fast < features.ema_slow, "features.ema_fast must be below features.ema_slow"),
        (features.sma_fast < features.sma_slow, "features.sma_fast must be below features.sma_slow"),
        (
            risk.daily_loss_reduce_pct <= risk.daily_loss_halt_pct,
            "risk.daily_loss_reduce_pct must not be above risk.daily_loss_halt_pct",
        ),
        (
            sum(msgspec.structs.astuple(config.opportunities.weights)) > 0,
            "opportunities.weights: at least one weight must be above 0",
        ),
        (
            config.account.currency in config.account.pegged,
            "account.pegged must contain account.currency",
        ),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigError(f"configuration: {rule}")
