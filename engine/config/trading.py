"""Trading: the account, risk limits, exits, the paper venue."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.config.values import (
    LEAST,
    Count,
    Leverage,
    LongSeconds,
    Milliseconds,
    Percent,
    Seconds,
    Section,
    Seed,
)


class RiskConfig(Section, frozen=True):
    """Limits; percentages are of equity. See the README for each check."""

    max_order_notional_pct: Leverage = 5.0
    max_order_quantity: Annotated[float, Meta(ge=0, le=1e15)] = 0.0
    """Units of the base asset; 0: the instrument's own maximum alone."""
    max_position_pct: Leverage = 20.0
    max_gross_pct: Leverage = 100.0
    max_net_pct: Leverage = 60.0
    max_open_orders_per_symbol: Count = 10
    max_open_orders: Count = 100
    price_collar_pct: Percent = 2.0
    """A limit or stop price further than this from the mid is denied; see also market_protection_pct."""
    market_protection_pct: Percent = 1.0
    """A market order is denied when the market is further than this from where it was at the decision, or
    when the touch it would meet is further than this from the mid."""
    max_orders_per_s: Annotated[float, Meta(ge=0.001, le=10_000)] = 10.0
    order_burst: Count = 20
    repeat_limit: Count = 20
    repeat_window_s: LongSeconds = 60.0
    duplicate_window_s: LongSeconds = 1.0
    """An entry identical to one sent within this long is denied."""
    stale_data_s: LongSeconds = 3.0
    clock_skew_s: Seconds = 1.0
    daily_loss_reduce_pct: Percent = 3.0
    daily_loss_halt_pct: Percent = 5.0
    max_drawdown_pct: Percent = 10.0
    """Entries are denied from this far below the highest equity."""
    allow_short: bool = True
    max_model_age_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 2_592_000.0
    """Entries that the model strategy is behind are denied when the model is older; 0: no limit. The model
    that is shipped counts from the desk's first start."""
    on_console_lost: Annotated[str, Meta(pattern="^(nothing|reducing|halted)$")] = "nothing"
    """The trading state to take when the last console is away for ``console_lost_s``."""
    console_lost_s: Seconds = 30.0
    strategies: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    """Tighter limits of single strategies: ``[risk.strategies.NAME]`` with any of ``max_order_notional_pct``,
    ``max_position_pct``, ``max_gross_pct``, ``max_net_pct``, ``max_open_orders``, ``max_orders_per_s``,
    ``price_collar_pct``, ``max_order_quantity``."""
    symbols: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    """The same for single symbols: ``[risk.symbols."sim:BTC-USD"]``; a canonical name does where one feed
    only brings it."""


TrailingPercent = Annotated[float, Meta(ge=0, lt=100)]
HoldingSeconds = Annotated[float, Meta(ge=0, le=31_536_000)]


class SymbolExits(Section, frozen=True, omit_defaults=True):
    """Exits of a single symbol; what is not given is the desk's."""

    stop_loss_pct: Percent | None = None
    take_profit_pct: Leverage | None = None
    trailing_stop_pct: TrailingPercent | None = None
    max_holding_s: HoldingSeconds | None = None

    def __post_init__(self) -> None:
        _none_or_enough(trailing_stop_pct=self.trailing_stop_pct, max_holding_s=self.max_holding_s)


def _none_or_enough(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and 0 < value < LEAST:
            raise ValueError(f"{name} must be 0 (none) or at least {LEAST}")


class ExitsConfig(Section, frozen=True):
    stop_loss_pct: Percent = 0.5
    take_profit_pct: Leverage = 1.0
    trailing_stop_pct: TrailingPercent = 0.0
    """Distance of a stop that follows the best price since the entry: the bid of a long, the ask of a short;
    0: none."""
    max_holding_s: HoldingSeconds = 0.0
    """A position older than this is closed; 0: never."""
    symbols: dict[str, SymbolExits] = msgspec.field(default_factory=dict)
    """Others for single symbols: ``[exits.symbols."sim:BTC-USD"]`` with any of the four above; a canonical
    name does where one feed only brings it."""
    sweep_s: LongSeconds = 5.0
    cooldown_bars: Annotated[int, Meta(ge=0, le=1000)] = 2
    """After an exit a symbol is not entered again for so many bars."""
    stop_lock_count: Annotated[int, Meta(ge=0, le=1000)] = 4
    """So many stop-losses of a symbol within ``stop_lock_window_bars`` lock it for
    ``stop_lock_bars``; 0: never."""
    stop_lock_window_bars: Count = 24
    stop_lock_bars: Count = 4

    def __post_init__(self) -> None:
        _none_or_enough(trailing_stop_pct=self.trailing_stop_pct, max_holding_s=self.max_holding_s)


class PaperConfig(Section, frozen=True):
    """The paper venue."""

    taker_fee_bps: Annotated[float, Meta(ge=0, le=1000)] = 10.0
    entry_latency_ms: Milliseconds = 20.0
    """Mean of the time an order travels; jittered, seeded."""
    latency_jitter_ms: Milliseconds = 5.0
    seed: Seed = 11
    order_ttl_s: LongSeconds = 10.0
    """A market order that finds no fresh liquidity for this long is canceled."""
    maker_fee_bps: Annotated[float, Meta(ge=-100, le=1000)] = 2.0
    """Below zero is a rebate."""
    feed_latency_ms: Milliseconds = 0.0
    """How much later than the desk the venue's own price is known: added to what a live feed has already."""
    response_latency_ms: Milliseconds = 5.0
    """How long an answer of the venue travels back."""
    market_remainder: Annotated[str, Meta(pattern="^(rest|cancel)$")] = "rest"
    """What a market order does beyond the visible depth: wait for fresh size, or cancel."""
    funding_rate_pct: Annotated[float, Meta(ge=-10, le=10)] = 0.0
    """Of a position's notional, paid by longs every ``funding_interval_h``; 0: no funding."""
    funding_interval_h: Annotated[float, Meta(ge=0.01, le=168)] = 8.0


class AccountConfig(Section, frozen=True):
    starting_cash: Annotated[float, Meta(ge=1, le=1e12)] = 100_000.0
    currency: str = "USD"
    pegged: tuple[str, ...] = ("USD", "USDT", "USDC", "FDUSD", "TUSD", "BUSD")
    """Quote currencies counted as the account's own, one to one."""
    rates: dict[str, str] = msgspec.field(default_factory=dict)
    """Other quote currencies and the symbol whose price turns them into the account's, e.g.
    ``EUR = "kraken:EUR/USD"``. A currency with neither is denied."""
    order_size_pct: Leverage = 2.0
    """Notional of an entry, percent of equity, at full confidence."""


class AlpacaConfig(Section, frozen=True):
    """Alpaca's paper-trading API. Keys: TICKDESK_ALPACA_KEY and TICKDESK_ALPACA_SECRET, or a 0600 file.

    Updates by webhook are signed with TICKDESK_ALPACA_WEBHOOK_SECRET; without it none is taken.
    """

    enabled: bool = False
    symbols: dict[str, str] = msgspec.field(default_factory=dict)
    """Which of the desk's symbols it executes and how it calls them: ``"coinbase:BTC-USD" = "BTC/USD"``."""
    rest_url: str = "https://paper-api.alpaca.markets"
    """That host or this machine: live accounts are refused."""
    stream_url: str = ""
    """WebSocket of ``trade_updates``; empty: from ``rest_url``."""
    key_file: str = ""
    """Two lines, key and secret; readable by its owner only."""
    dry_run: bool = False
    """Log what would be sent, and send nothing: every order is rejected."""
    timeout_s: Seconds = 10.0
    """Of one request. An order that the venue does not know three time-outs after it left never arrived."""
    requests_per_min: Annotated[int, Meta(ge=1, le=10_000)] = 200
    backoff_max_s: Seconds = 30.0


class BrokersConfig(Section, frozen=True):
    """Who executes orders beside the paper venue."""

    alpaca: AlpacaConfig = AlpacaConfig()
    reconcile_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """How often orders, fills, positions and cash are compared with each gateway's."""


class TargetsConfig(Section, frozen=True):
    """Portfolio targets: the model's best and worst symbols as long and short weights. Off unless enabled."""

    enabled: bool = False
    longs: Annotated[int, Meta(ge=0, le=1000)] = 3
    """How many of the best scores are held long."""
    shorts: Annotated[int, Meta(ge=0, le=1000)] = 0
    gross_pct: Leverage = 60.0
    """Of equity, split evenly between the names of each side."""
    min_trade_pct: Annotated[float, Meta(ge=0, le=100)] = 0.5
    """A change smaller than this, percent of equity, is not traded."""
    max_turnover_pct: Leverage = 50.0
    """Most that is traded at one rebalance, percent of equity; larger changes are scaled down."""
    every_bars: Count = 60


class NotifyConfig(Section, frozen=True):
    """Notifications beyond the desk; needs ``pip install 'tickdesk[notify]'``.

    Addresses (Apprise) carry secrets: they come from TICKDESK_NOTIFY_URLS or ``url_file`` (0600, one a line).
    """

    enabled: bool = False
    url_file: str = ""
    fills: bool = True
    halts: bool = True
    drift: bool = True
    feed_loss: bool = True
    daily_report: bool = True
    alerts: bool = True
    operation: bool = True
    """What the engine tells of itself: see ``[alarms]``."""
    quiet_hours: tuple[str, ...] = ()
    """Days and hours, UTC, as in ``mon-sun 22:00-06:00``: what is not critical is told in one message at
    their end, a daily report by itself. Critical: a halt, a journal that cannot be written, a disk that is
    full, drift of a broker."""
    quiet_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """The same news is told again only after this long."""


class PerformanceConfig(Section, frozen=True):
    every_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """How often performance is brought up to date, and how far apart its points of the last day are."""
    report_at: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    """UTC time from which the report of the UTC day before is written, into ``reports/`` of the state
    directory."""
