"""The configuration: one TOML file, every value overridable by the environment, typed and checked at start.

Precedence, lowest first: the defaults below, the file, ``TICKDESK_<SECTION>__<KEY>`` variables, ``--set``.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import platformdirs
from msgspec import Meta

from engine.errors import ConfigError
from engine.sessions import Sessions
from engine.text import clean

ENV_PREFIX = "TICKDESK_"
_NOT_CONFIG = ("TICKDESK_DATA", "TICKDESK_CONFIG", "TICKDESK_STATE_DIR", "TICKDESK_QUANT_TOKEN")
_CHAOS_PREFIX = "TICKDESK_CHAOS_"

Percent = Annotated[float, Meta(gt=0, le=100)]
Leverage = Annotated[float, Meta(gt=0, le=1000)]
"""Percent of equity, where more than all of it makes sense."""
Weight = Annotated[float, Meta(ge=0, le=1000)]
Seconds = Annotated[float, Meta(ge=0.001, le=86_400)]
Milliseconds = Annotated[float, Meta(ge=0, le=60_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class FeedConfig(Section, frozen=True):
    """A venue that is connected to. URLs default to the venue's own."""

    enabled: bool = True
    symbols: tuple[str, ...] = ()
    """In the venue's spelling: BTCUSDT (Binance), BTC-USD (Coinbase), BTC/USD (Kraken)."""
    ws_url: str = ""
    rest_url: str = ""
    silence_s: Seconds = 10.0
    """The data watchdog: no data for this long means stale, and the socket is replaced."""
    backoff_max_s: Seconds = 30.0
    poll_interval_s: Seconds = 1.0


class SimulatedConfig(Section, frozen=True):
    """The embedded venue: a seeded limit-order-book simulation."""

    enabled: bool = True
    symbols: tuple[str, ...] = (
        "BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD", "DOT-USD", "AVAX-USD",
    )  # fmt: skip
    seed: Seed = 7
    history_s: Annotated[int, Meta(ge=0, le=3600)] = 300
    """Seconds of the past that are simulated at start, so that indicators are warm."""


class FeaturesConfig(Section, frozen=True):
    """Windows and indicator periods, in bars unless said otherwise."""

    window_s: Annotated[float, Meta(ge=0.1, le=3600)] = 5.0
    bar_s: Annotated[float, Meta(ge=0.1, le=3600)] = 1.0
    max_fill_bars: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """Seconds without a trade are filled with flat bars, at most this many in a row."""
    rsi_period: Annotated[int, Meta(ge=2, le=100)] = 14
    ema_fast: Annotated[int, Meta(ge=2, le=200)] = 12
    ema_slow: Annotated[int, Meta(ge=2, le=200)] = 26
    macd_signal: Annotated[int, Meta(ge=2, le=100)] = 9
    bb_period: Annotated[int, Meta(ge=2, le=200)] = 20
    bb_width: Annotated[float, Meta(gt=0, le=100)] = 2.0
    atr_period: Annotated[int, Meta(ge=2, le=100)] = 14
    volume_ma_period: Annotated[int, Meta(ge=2, le=200)] = 20
    momentum_period: Annotated[int, Meta(ge=1, le=200)] = 10
    sma_fast: Annotated[int, Meta(ge=2, le=200)] = 50
    sma_slow: Annotated[int, Meta(ge=2, le=200)] = 200


class BlendWeights(Section, frozen=True):
    """Percent of the blended score by family; absent families' weight goes to the present ones."""

    technical: Weight = 40.0
    speed: Weight = 15.0
    microstructure: Weight = 15.0
    open_interest: Weight = 10.0
    options: Weight = 10.0
    sentiment: Weight = 5.0
    volatility: Weight = 5.0


class OpportunitiesConfig(Section, frozen=True):
    min_score: Share = 0.3
    min_confidence: Share = 0.3
    max_spread_pct: Percent = 0.5
    ttl_s: Seconds = 10.0
    dedupe_s: Seconds = 5.0
    """A new blend for the same symbol and side within this long merges into the live opportunity."""
    min_liquidity: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    """Notional, in the quote currency, waiting at the touch or traded in the window; 0: not asked for."""
    sessions: tuple[str, ...] = ()
    """Hours (UTC) in which opportunities arise, e.g. ``mon-fri 13:30-20:00``; empty: always."""
    weights: BlendWeights = BlendWeights()


class RiskConfig(Section, frozen=True):
    """Limits; percentages are of equity. See the README for each check."""

    max_order_notional_pct: Leverage = 5.0
    max_position_pct: Leverage = 20.0
    max_gross_pct: Leverage = 100.0
    max_net_pct: Leverage = 60.0
    max_open_orders_per_symbol: Count = 10
    max_open_orders: Count = 100
    price_collar_pct: Percent = 2.0
    max_orders_per_s: Annotated[float, Meta(ge=0.001, le=10_000)] = 10.0
    order_burst: Count = 20
    repeat_limit: Count = 20
    repeat_window_s: Seconds = 60.0
    duplicate_window_s: Seconds = 1.0
    """An entry identical to one sent within this long is denied."""
    stale_data_s: Seconds = 3.0
    clock_skew_s: Seconds = 1.0
    daily_loss_reduce_pct: Percent = 3.0
    daily_loss_halt_pct: Percent = 5.0
    max_drawdown_pct: Percent = 10.0
    """Entries are denied from this far below the highest equity."""
    allow_short: bool = True


class ExitsConfig(Section, frozen=True):
    stop_loss_pct: Percent = 0.5
    take_profit_pct: Leverage = 1.0
    sweep_s: Seconds = 5.0
    cooldown_bars: Annotated[int, Meta(ge=0, le=1000)] = 2
    """After an exit a symbol is not entered again for so many bars."""


class PaperConfig(Section, frozen=True):
    """The paper venue."""

    taker_fee_bps: Annotated[float, Meta(ge=0, le=1000)] = 10.0
    entry_latency_ms: Milliseconds = 20.0
    """Mean of the time an order travels; jittered, seeded."""
    latency_jitter_ms: Milliseconds = 5.0
    seed: Seed = 11
    order_ttl_s: Seconds = 10.0
    """A market order that finds no fresh liquidity for this long is canceled."""


class AccountConfig(Section, frozen=True):
    starting_cash: Annotated[float, Meta(ge=1, le=1e12)] = 100_000.0
    currency: str = "USD"
    pegged: tuple[str, ...] = ("USD", "USDT", "USDC", "FDUSD", "TUSD", "BUSD")
    """Quote currencies counted as the account's own, one to one. Others are denied."""
    order_size_pct: Leverage = 2.0
    """Notional of an entry, percent of equity, at full confidence."""


class ModelsConfig(Section, frozen=True):
    poll_s: Seconds = 300.0
    every_bars: Count = 5
    """The model strategy predicts once in so many bars."""


class AutomationsConfig(Section, frozen=True):
    """How signals are handed to automations; the automations themselves are stored, not configured."""

    batch_ms: Annotated[float, Meta(ge=1, le=10_000)] = 20.0
    """When idle a signal is matched at once. After a batch there is a pause as long as the batch took, at
    least this long; what comes meanwhile is the next batch."""
    batch_max_ms: Annotated[float, Meta(ge=1, le=10_000)] = 500.0
    """The longest pause, under load."""
    refresh_s: Seconds = 30.0
    """How often the stored definitions are read again."""
    max_running: Annotated[int, Meta(ge=1, le=1000)] = 100
    """Runs at work at the same time; what is matched beyond them is skipped."""
    keep_runs: Count = 10_000
    """Ended runs that are kept in the log."""


class SourceConfig(Section, frozen=True):
    """A public source of market context, asked every ``interval_s``. Off unless enabled."""

    enabled: bool = False
    url: str = ""
    """Base address; empty: the source's own."""
    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 30.0
    timeout_s: Annotated[float, Meta(ge=0.05, le=120)] = 10.0
    backoff_max_s: Seconds = 300.0


class OpenInterestConfig(SourceConfig, frozen=True):
    """Open interest of Binance USD-M futures."""

    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    """Perpetual futures in the venue's spelling."""
    history: Annotated[int, Meta(ge=0, le=500)] = 24
    """Five-minute points of the past that are fetched at start, so that the module need not wait for them."""


class OptionsConfig(SourceConfig, frozen=True):
    """Options on Deribit."""

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    currencies: tuple[str, ...] = ("BTC", "ETH")


class FearGreedConfig(SourceConfig, frozen=True):
    """The fear-and-greed index of alternative.me, which changes once a day."""

    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 1800.0


class NewsConfig(Section, frozen=True):
    """Headlines of RSS and Atom feeds, scored by a lexicon; needs ``pip install 'tickdesk[news]'``."""

    enabled: bool = False
    feeds: tuple[str, ...] = ()
    """Addresses of RSS or Atom documents."""
    interval_s: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    timeout_s: Annotated[float, Meta(ge=0.05, le=120)] = 10.0
    backoff_max_s: Seconds = 1800.0
    names: tuple[str, ...] = (
        "BTC bitcoin",
        "ETH ethereum ether",
        "SOL solana",
        "XRP ripple",
        "ADA cardano",
        "LTC litecoin",
        "DOT polkadot",
        "AVAX avalanche",
        "DOGE dogecoin",
    )
    """An asset and the words by which a headline is about it; one with none is about the whole market."""


class QuantServerConfig(Section, frozen=True):
    """An external quant server, asked with ``POST`` for every symbol. Its token: TICKDESK_QUANT_TOKEN."""

    enabled: bool = True
    url: str = ""
    """``http(s)://host[:port][/path]``; the path is /signals when none is given."""
    symbols: tuple[str, ...] = ()
    """``venue:NATIVE``; empty: all of the desk."""
    interval_s: Annotated[float, Meta(ge=0.1, le=86_400)] = 10.0
    bars: Annotated[int, Meta(ge=2, le=512)] = 200
    """Candles sent with each request, at most: some measures need more than 120."""
    timeout_ms: Annotated[float, Meta(ge=10, le=60_000)] = 2000.0
    """Of one attempt."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    backoff_ms: Annotated[float, Meta(ge=1, le=60_000)] = 200.0
    """Before the second attempt; doubling, jittered."""
    max_in_flight: Annotated[int, Meta(ge=1, le=100)] = 4
    ttl_s: Seconds = 30.0
    """How long its scores count."""
    block_s: Seconds = 30.0
    """How long its "block" holds after it was last said."""
    confidence: Share = 0.7
    """Of its scores: the wire carries none."""
    breaker_failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    """So many failed attempts in a row open the circuit."""
    breaker_reset_s: Annotated[float, Meta(ge=0.05, le=3600)] = 30.0
    """How long it stays open before one request may try again."""


class QuantConfig(Section, frozen=True):
    """Sources of market context. None is asked unless enabled here: the default desk needs no network."""

    open_interest: OpenInterestConfig = OpenInterestConfig()
    options: OptionsConfig = OptionsConfig()
    fear_greed: FearGreedConfig = FearGreedConfig()
    news: NewsConfig = NewsConfig()
    servers: dict[str, QuantServerConfig] = {}


class LinkConfig(Section, frozen=True):
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0


class ConsoleConfig(Section, frozen=True):
    theme: str = "tickdesk-dark"
    frames_per_s: Annotated[float, Meta(ge=0.5, le=10)] = 4.0


class LoggingConfig(Section, frozen=True):
    level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"


class Config(Section, frozen=True):
    """Everything; the defaults trade the simulated venue on paper."""

    strategies_dir: str = ""
    """Folder of the user's own strategies; relative to the configuration file, and beside it when empty."""
    strategy_limit_ms: Annotated[float, Meta(ge=1, le=60_000)] = 50.0
    """A user's strategy that takes longer in three calls in a row is disabled; never in a replay."""
    feeds: dict[str, FeedConfig] = {}
    simulated: SimulatedConfig = SimulatedConfig()
    features: FeaturesConfig = FeaturesConfig()
    strategies: dict[str, dict[str, Any]] = {}
    """Per strategy: enabled, weight, symbols, budget_pct and its own parameters; checked by the strategy."""
    opportunities: OpportunitiesConfig = OpportunitiesConfig()
    risk: RiskConfig = RiskConfig()
    exits: ExitsConfig = ExitsConfig()
    paper: PaperConfig = PaperConfig()
    account: AccountConfig = AccountConfig()
    models: ModelsConfig = ModelsConfig()
    automations: AutomationsConfig = AutomationsConfig()
    quant: QuantConfig = QuantConfig()
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
        if name.startswith(ENV_PREFIX) and name not in _NOT_CONFIG and not name.startswith(_CHAOS_PREFIX):
            keys = name[len(ENV_PREFIX) :].lower().split("__")
            if len(keys) < 2 and _kind(keys) not in (str, float):
                raise ConfigError(
                    f"environment variable {clean(name, 60)} names no key: two underscores part section and"
                    f" key, as in {_suggestion(keys[0])}"
                )
            _put(raw, keys, _value(text, keys), origin=f"environment variable {clean(name, 60)}")
    for text in overrides:
        key, sep, value = text.partition("=")
        if not sep:
            raise ConfigError(f"--set {clean(text, 60)}: write it as section.key=value")
        keys = key.strip().split(".")
        _put(raw, keys, _value(value.strip(), keys), origin=f"--set {clean(key, 60)}")
    _refuse_not_finite(raw, "")
    try:
        config = msgspec.convert(raw, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"configuration: {clean(error)}; `tickdesk config show` prints every key with its value"
        ) from None
    _check(config)
    folder = (path or default_path()).expanduser().absolute().parent
    chosen = Path(config.strategies_dir).expanduser() if config.strategies_dir else Path("strategies")
    return msgspec.structs.replace(config, strategies_dir=str(folder / chosen))


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
    except (ValueError, RecursionError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise ConfigError(f"{where} is no TOML: {clean(error)}") from None


def _put(raw: dict[str, Any], keys: list[str], value: Any, *, origin: str) -> None:
    node = raw
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{origin}: {'.'.join(keys)} is not a section; see `tickdesk config show`")
    node[keys[-1]] = value


def _kind(keys: list[str]) -> Any:
    """The type of a key's value; None for a key that is not ours, Any for a strategy's own."""
    kind: Any = Config
    for key in keys:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = {field.name: field.type for field in msgspec.structs.fields(kind)}.get(key)
        else:
            return None
    if kind is Any and keys[-1] == "symbols":
        return tuple[str, ...]
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _value(text: str, keys: list[str]) -> Any:
    """What ``text`` means for the key: names stay text whatever they look like, commas make a list."""
    kind, parsed = _kind(keys), _toml(text)
    if kind is str:
        return parsed if isinstance(parsed, str) else text
    if isinstance(parsed, list):
        return parsed
    listed = parsed if isinstance(parsed, str) else text
    if get_origin(kind) is tuple or (kind is Any and parsed is None and "," in text):
        return [part.strip() for part in listed.split(",") if part.strip()]
    return text if parsed is None else parsed


def _toml(text: str) -> Any:
    """The TOML value that ``text`` is; None when it is none."""
    try:
        document = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):
        return None
    return document["v"] if len(document) == 1 else None


def _suggestion(name: str) -> str:
    """The variable that was probably meant by ``name``, which lacks a double underscore."""
    for path in _paths(Config):
        if "_".join(path) == name:
            return ENV_PREFIX + "__".join(path).upper()
    for section in Config.__struct_fields__:
        if name.startswith(f"{section}_"):
            return f"{ENV_PREFIX}{section}__{clean(name.removeprefix(section + '_'), 40)}".upper()
    return f"{ENV_PREFIX}<SECTION>__<KEY>"


def _paths(section: type[Section]) -> Iterator[tuple[str, ...]]:
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from ((field.name, *rest) for rest in _paths(field.type))
        else:
            yield (field.name,)


def _refuse_not_finite(node: Any, path: str) -> None:
    if isinstance(node, Mapping):
        for key, value in node.items():
            _refuse_not_finite(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, float) and not math.isfinite(node):
        raise ConfigError(f"configuration: {clean(path, 80)} must be a finite number, not {node}")


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
            config.automations.batch_ms <= config.automations.batch_max_ms,
            "automations.batch_ms must not be above automations.batch_max_ms",
        ),
        (
            config.account.currency in config.account.pegged,
            "account.pegged must contain account.currency",
        ),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigError(f"configuration: {rule}")
    try:
        Sessions(config.opportunities.sessions)
    except ValueError as error:
        raise ConfigError(f"configuration: opportunities.sessions: {clean(error)}") from None
