"""A desk made up from a seed, for tests, snapshots and benches."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from engine.api.protocol import (
    AutomationRow,
    Explanation,
    FeedRow,
    LogRow,
    ModelRow,
    OpportunityRow,
    OrderRow,
    PositionRow,
    QuarantineRow,
    StateFrame,
    StatusRow,
    Step,
    StrategyRow,
    SymbolDataRow,
    TickRow,
)
from engine.events import (
    NS,
    Blend,
    BlendInput,
    Check,
    Family,
    FeatureRow,
    Fill,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Verdict,
)

NOW_NS = 1_767_268_807 * NS
"""2026-01-01 12:00:07 UTC."""
PRICES = {
    "BTC-USD": 64_218.37,
    "ETH-USD": 3_412.55,
    "SOL-USD": 148.221,
    "XRP-USD": 0.52317,
    "ADA-USD": 0.38822,
    "LTC-USD": 71.264,
    "DOT-USD": 5.7731,
    "AVAX-USD": 26.914,
}


def _walk(rng: random.Random, price: float, steps: int, sigma: float = 0.0004) -> list[float]:
    path = [price]
    for _ in range(steps - 1):
        path.append(path[-1] * (1 + rng.gauss(0, sigma)))
    return path


def ticks(seed: int = 1, step: int = 0, symbols: int = 8) -> tuple[TickRow, ...]:
    """One row per symbol; beyond the eight named ones they are numbered."""
    rng = random.Random(seed * 1_000_003 + step)
    names = [*PRICES, *(f"SYM{n:03d}-USD" for n in range(max(0, symbols - len(PRICES))))][:symbols]
    rows = []
    for index, name in enumerate(names):
        path = _walk(rng, PRICES.get(name, 10.0 + index), 24)
        digits = 2 if path[-1] >= 100 else 4 if path[-1] >= 1 else 6
        last, half = path[-1], path[-1] * 0.00008
        stale = name == "DOT-USD"
        rows.append(
            TickRow(
                symbol=f"simulated:{name}",
                bid=round(last - half, digits),
                bid_size=rng.uniform(0.1, 9),
                ask=round(last + half, digits),
                ask_size=rng.uniform(0.1, 9),
                last=round(last, digits),
                change_pct=(last / path[-6] - 1) * 100,
                volume=rng.uniform(1, 400),
                age_ms=4_200.0 if stale else rng.uniform(5, 900),
                stale=stale,
                rsi=rng.uniform(25, 75),
                score=None if stale else max(-1, min(1, rng.gauss(0, 0.35))),
                spark=tuple(path),
            )
        )
    return tuple(rows)


def opportunities() -> tuple[OpportunityRow, ...]:
    def row(
        n: int, name: str, side: str, score: float, status: str, reason: str, *sources: str
    ) -> OpportunityRow:
        return OpportunityRow(
            id=f"opp-{n:04d}",
            symbol=f"simulated:{name}",
            side=side,
            score=score,
            confidence=min(0.95, abs(score) + 0.18),
            sources=sources,
            reason=reason,
            status=status,
            created_ns=NOW_NS - (9 - n) * 3 * NS,
            expires_ns=NOW_NS - (9 - n) * 3 * NS + 10 * NS,
            merged=n % 3,
        )

    return (
        row(
            8,
            "SOL-USD",
            "buy",
            0.62,
            "live",
            "+2.4% in 5 s on 3.1× volume, trades lift the ask",
            "rapid_rise",
            "speed",
        ),
        row(
            7,
            "BTC-USD",
            "buy",
            0.48,
            "ordered",
            "SMA 50 crossed above SMA 200",
            "golden_cross",
            "trend",
            "model",
        ),
        row(6, "XRP-USD", "sell", -0.41, "ordered", "2.1σ above the band, RSI 74", "mean_reversion"),
        row(5, "DOT-USD", "buy", 0.39, "denied:STALE_DATA", "momentum +1.2%", "trend", "speed"),
        row(
            4,
            "ETH-USD",
            "sell",
            -0.36,
            "denied:POSITION_LIMIT",
            "book leans to the ask, −0.44",
            "microstructure",
        ),
        row(3, "LTC-USD", "buy", 0.33, "expired", "RSI 27, below the band", "mean_reversion"),
    )


def positions() -> tuple[PositionRow, ...]:
    def row(
        name: str, quantity: str, entry: str, mark: str, pnl: str, stop: str, target: str, stale: bool
    ) -> PositionRow:
        return PositionRow(
            symbol=f"simulated:{name}",
            quantity=quantity,
            entry_price=entry,
            mark_price=mark,
            unrealized=pnl,
            realized="3.18" if name == "BTC-USD" else "0",
            stop_price=stop,
            target_price=target,
            opened_ns=NOW_NS - 184 * NS,
            stale=stale,
            trailing_price="63980.00" if name == "BTC-USD" else "",
            exit_ns=NOW_NS + 716 * NS if name == "BTC-USD" else 0,
        )

    return (
        row("BTC-USD", "0.0312", "64120.10", "64218.37", "3.07", "63799.50", "64761.30", False),
        row("XRP-USD", "-3824.5", "0.52390", "0.52317", "2.79", "0.52652", "0.51866", False),
        row("DOT-USD", "342.1", "5.7912", "5.7731", "-6.19", "5.7622", "5.8491", True),
    )


def orders() -> tuple[OrderRow, ...]:
    def row(
        n: int,
        name: str,
        side: str,
        quantity: str,
        filled: str,
        average: str,
        state: str,
        purpose: str,
        reason: str,
        **more: str,
    ) -> OrderRow:
        return OrderRow(
            id=f"ord-{n:04d}",
            symbol=f"simulated:{name}",
            side=side,
            type=more.pop("type", "market"),
            quantity=quantity,
            filled=filled,
            average_price=average,
            state=state,
            purpose=purpose,
            reason=reason,
            created_ns=NOW_NS - (9 - n) * 7 * NS,
            updated_ns=NOW_NS - (9 - n) * 7 * NS + NS // 50,
            **more,  # type: ignore[arg-type]
        )

    return (
        row(8, "SOL-USD", "buy", "13.5", "0", "", "submitted", "entry", ""),
        row(7, "BTC-USD", "buy", "0.0312", "0.0312", "64120.10", "filled", "entry", ""),
        row(6, "XRP-USD", "sell", "3824.5", "3824.5", "0.52390", "filled", "entry", ""),
        row(5, "DOT-USD", "buy", "345", "0", "", "denied", "entry", "STALE_DATA: 4.2 s, limit 3 s"),
        row(4, "ETH-USD", "sell", "0.58", "0", "", "denied", "entry", "POSITION_LIMIT: 21.3 %, limit 20 %"),
        row(
            3, "LTC-USD", "sell", "28", "12", "71.301", "partially_filled", "stop_loss", "waits for liquidity"
        ),
        row(2, "ADA-USD", "sell", "5150", "5150", "0.38910", "filled", "take_profit", ""),
        *bracket(row),
        row(
            -1,
            "AVAX-USD",
            "sell",
            "40",
            "10",
            "26.9",
            "partially_filled",
            "flatten",
            "",
            type="limit",
            price="26.90",
            pending="cancel",
            time_in_force="gtd",
        ),
    )


def bracket(row: Callable[..., OrderRow]) -> tuple[OrderRow, ...]:
    """A resting entry with the stop and the target that wait for its fills."""
    children = {"list_id": "list-1", "parent_id": "ord-0001"}
    why = "waits for the fills of its entry"
    return (
        row(
            1,
            "ETH-USD",
            "buy",
            "0.58",
            "0",
            "",
            "accepted",
            "entry",
            "3.2 ahead of it in the queue",
            type="limit",
            price="3400",
            list_id="list-1",
        ),
        row(
            0,
            "ETH-USD",
            "sell",
            "0.58",
            "0",
            "",
            "held",
            "stop_loss",
            why,
            type="stop",
            stop_price="3380",
            **children,
        ),
        row(
            -2,
            "ETH-USD",
            "sell",
            "0.58",
            "0",
            "",
            "held",
            "take_profit",
            why,
            type="limit",
            price="3460",
            **children,
        ),
    )


def strategies() -> tuple[StrategyRow, ...]:
    def row(
        name: str, family: str, on: bool, signals: int, error: str = "", budget: float = 0, origin: str = ""
    ) -> StrategyRow:
        last_ns = NOW_NS - 4 * NS if signals else 0
        earned = {"trend": ("8.10", "-3.12", "2.40"), "model": ("-1204.50", "0", "18.20")}
        realized, unrealized, fees = earned.get(name, ("", "", ""))
        return StrategyRow(
            name, family, on, 1.0, signals, last_ns, error, budget, origin, realized, unrealized, fees
        )

    return (
        row("rapid_rise", "technical", True, 12),
        row("golden_cross", "technical", True, 3),
        row("trend", "technical", True, 418, budget=20.0),
        row("mean_reversion", "technical", True, 57),
        row("model", "technical", True, 166),
        row("mondays", "technical", True, 2, origin="/home/a/.config/tickdesk/strategies/mondays.py"),
        row("half_done", "technical", False, 0, "ZeroDivisionError: division by zero", 5, "half_done.py"),
        row("speed", "speed", True, 12_403),
        row("microstructure", "microstructure", True, 18_220),
        row("volatility", "volatility", False, 0),
    )


def models() -> tuple[ModelRow, ...]:
    return (
        ModelRow(
            "model",
            "a1b2c3d4e5f6",
            "active",
            NOW_NS - 3 * 3600 * NS,
            "rank IC 0.041",
            "",
            live_rank_ic=0.032,
            live_steps=196,
            live_independent=39.4,
            shadow="5f0c9d1e2a3b",
        ),
    )


def automations() -> tuple[AutomationRow, ...]:
    def row(name: str, on: bool, trigger: str, steps: str, *counts: int, error: str = "") -> AutomationRow:
        return AutomationRow(name, on, trigger, steps, *counts, NOW_NS - 12 * NS, error)

    return (
        row("tell_me", True, "signal rapid_rise on all symbols", "notify, call webhook", 12, 12, 12, 0, 0),
        row("hourly_trend", True, "every 3600 s", "run strategy trend", 24, 23, 22, 0, 1),
        row(
            "buy_the_cross",
            False,
            "signal golden_cross on BTC-USD, ETH-USD",
            "order buy 2 %, notify",
            *(3, 3, 1, 2, 0),
            error="order: denied POSITION_LIMIT",
        ),
    )


def logs(count: int = 12) -> tuple[LogRow, ...]:
    texts = (
        ("info", "engine", "running: 8 symbols, paper account 100,000.00 USD"),
        ("info", "model", "loaded a1b2c3, rank IC 0.041"),
        ("warning", "market", "DOT-USD is stale: no quote for 3.0 s"),
        ("info", "execution", "filled buy 0.0312 BTC-USD at 64,120.10"),
        ("warning", "risk", "denied buy 345 DOT-USD: STALE_DATA, 4.2 s against 3 s"),
        ("error", "store", "write took 212 ms: is the disk busy?"),
    )
    return tuple(LogRow(n, NOW_NS - (count - n) * 5 * NS, *texts[n % len(texts)]) for n in range(count))


def status(step: int = 0, **changes: object) -> StatusRow:
    values: dict[str, object] = {
        "mode": "PAPER",
        "risk_state": "active",
        "risk_reason": "",
        "engine_ns": NOW_NS + step * NS // 4,
        "started_ns": NOW_NS - 3600 * NS,
        "phase": "running",
        "phase_detail": "",
        "account_currency": "USD",
        "equity": "100012.40",
        "day_pnl": "12.40",
        "drawdown_pct": 0.8,
        "daily_loss_pct": 0.2,
        "daily_loss_limit_pct": 3.0,
        "latency_p50_us": 310.0,
        "latency_p99_us": 1_180.0,
        "ticks": 1_284_002,
        "ticks_per_s": 812.4,
        "stale_symbols": 1,
        "funnel": {
            "trades": 284_002,
            "quotes": 1_000_000,
            "bars": 28_800,
            "features": 31_204,
            "signals": 31_279,
            "blends": 9_412,
            "opportunities": 148,
            "orders": 61,
            "fills": 57,
        },
        "drops": {
            "opportunities:SCORE": 8_902,
            "opportunities:SPREAD": 310,
            "risk:STALE_DATA": 12,
            "risk:POSITION_LIMIT": 3,
        },
        "tape": "",
        "pending_writes": 0,
    }
    values.update(changes)
    return StatusRow(**values)  # type: ignore[arg-type]


def full_frame(**changes: object) -> StateFrame:
    """The whole desk; ``changes`` go to its status row."""
    return StateFrame(
        full=True,
        status=status(**changes),  # type: ignore[arg-type]
        feeds=(FeedRow("simulated", "up", "", 210.0, 0, 1_284_002, 0),),
        ticks=ticks(),
        opportunities=opportunities(),
        positions=positions(),
        orders=orders(),
        strategies=strategies(),
        models=models(),
        logs=logs(),
        last_seq=41,
        automations=automations(),
    )


def feeds() -> tuple[FeedRow, ...]:
    """A venue that is well, one that is best effort and away, a source that is polled, and context."""
    return (
        FeedRow(
            *("binance", "up", "", 210.0, 1, 1_284_002, 2),
            latency_ms=0.8,
            latency_p99_ms=14.0,
            clock_offset_ms=-1_272.4,
            backfilled=311,
            duplicates=40,
            books=3,
            books_broken=1,
            resyncs=7,
        ),
        FeedRow(
            *("gateio", "down", "refused, tries again in 4 s", 64_000.0, 12, 88_120, 0),
            malformed=3,
            best_effort=True,
        ),
        FeedRow("kraken", "up", "", 9_200.0, 0, 40_410, 0, latency_ms=3.1, latency_p99_ms=88.0, books=5),
        FeedRow("yahoo", "up", "12 of 60 a minute", 900.0, 0, 71, 0, market=False),
    )


def symbol_data() -> list[SymbolDataRow]:
    return [
        SymbolDataRow("binance:BTCUSDT", 50.0, 0.0, 100.0, None, "", False, 2, "", False, 0.31),
        SymbolDataRow("binance:ETHUSDT", 450.0, 50.0, 200.0, None, "", True, 1, "", False, -0.12),
        SymbolDataRow(
            *("kraken:BTC/USD", 2_000.0, None, None, None),
            *("book checksum differs", False, 0, "book checksum differs", False, None),
        ),
        SymbolDataRow(
            "kraken:SOL/USD", 90_000.0, 1_000.0, 15_000.0, None, "trade 90 s old", False, 0, "", True, 0.0
        ),
        SymbolDataRow("poll:AAPL", 40_000.0, None, None, 900.0, "", False, 0, "", False, None),
    ]


def set_aside() -> list[QuarantineRow]:
    return [
        QuarantineRow(
            *(NOW_NS - 9 * NS, "binance:BTCUSDT", "OUTLIER", "trade"),
            "price 6412.01 size 0.25 sold id 77 at 1767268798000000000",
            0,
        ),
        QuarantineRow(NOW_NS - 70 * NS, "kraken:", "MALFORMED", "frame", 'not JSON: {[red]"a":', 0),
        QuarantineRow(NOW_NS - 80 * NS, "binance:ETHUSDT", "DUPLICATE", "trade", "price 3412.5 id 12", 1_240),
    ]


def next_frame(step: int, symbols: int = 8) -> StateFrame:
    """What four frames a second bring: every symbol moved."""
    return StateFrame(full=False, status=status(step), ticks=ticks(step=step, symbols=symbols))


def features() -> FeatureRow:
    values: dict[str, object] = dict.fromkeys(FeatureRow.__struct_fields__, 1.0)
    values.update(
        symbol="simulated:BTC-USD",
        ns=NOW_NS - 6 * NS,
        bar_start_ns=NOW_NS - 7 * NS,
        bars=3_600,
        open=64_105.2,
        high=64_131.9,
        low=64_099.5,
        close=64_120.1,
        volume=2.413,
        bid=64_119.8,
        ask=64_120.4,
        bid_size=1.2,
        ask_size=0.4,
        last=64_120.1,
        window_change_pct=0.42,
        window_volume=11.2,
        window_buy_volume=9.1,
        window_count=88.0,
        window_vwap=64_087.55,
        rsi=61.3,
        ema_fast=64_098.1,
        ema_slow=64_051.7,
        bb_upper=64_160.0,
        bb_middle=64_070.0,
        bb_lower=63_980.0,
        atr=18.4,
        macd=46.4,
        macd_signal=39.1,
        macd_hist=7.3,
        momentum=52.7,
        sma_fast=64_066.2,
        sma_slow=64_061.9,
        sma_fast_prev=64_061.0,
        sma_slow_prev=64_061.5,
        return_std=0.00021,
        return_std_long=float("nan"),
        window_gapped=0.0,
        volume_gapped=0.0,
    )
    return FeatureRow(**values)  # type: ignore[arg-type]


def explanation() -> Explanation:
    """A filled buy with everything behind it."""
    decided = NOW_NS - 6 * NS
    inputs = (
        BlendInput(
            "golden_cross", Family.TECHNICAL, 0.70, 0.8, NS, 0.30, 0.210, "SMA 50 64,066 over SMA 200 64,061"
        ),
        BlendInput("trend", Family.TECHNICAL, 0.45, 0.6, NS, 0.20, 0.090, "EMA 12 over EMA 26, MACD rising"),
        BlendInput(
            "model", Family.TECHNICAL, 0.52, 0.5, 4 * NS, 0.18, 0.094, "rank 1 of 8: +3.1 bp expected"
        ),
        BlendInput("speed", Family.SPEED, 0.61, 0.7, NS // 5, 0.16, 0.098, "18 trades/s, +0.42 % in 5 s"),
        BlendInput(
            "microstructure", Family.MICROSTRUCTURE, -0.08, 0.4, NS // 9, 0.16, -0.012, "imbalance −0.08"
        ),
    )
    request = OrderRequest(
        "ord-0007",
        "simulated:BTC-USD",
        Side.BUY,
        OrderType.MARKET,
        Decimal("0.0312"),
        Purpose.ENTRY,
        False,
        decided,
        64_118.0,
        "opp-0007",
        "SMA 50 crossed above SMA 200",
    )
    return Explanation(
        id="ord-0007",
        symbol="simulated:BTC-USD",
        headline="Bought 0.0312 BTC-USD: score +0.48, approved by all 6 checks, filled in 21 ms",
        opportunity=opportunities()[1],
        features=features(),
        blend=Blend(
            "simulated:BTC-USD",
            decided,
            0.48,
            0.66,
            0.98,
            inputs,
            (Family.OPEN_INTEREST, Family.OPTIONS, Family.SENTIMENT),
        ),
        verdict=Verdict(
            "ord-0007",
            "simulated:BTC-USD",
            True,
            "",
            "",
            (
                Check("HALTED", True, "active", "active"),
                Check("STALE_DATA", True, "0.11 s", "3 s"),
                Check("ORDER_NOTIONAL", True, "2,000.61 USD", "5,000.62 USD"),
                Check("DAILY_LOSS", True, "0.2 %", "3 %"),
                Check("STRATEGY_BUDGET", True, "trend 4.1 %", "20 % of equity"),
                Check("QUANT_BLOCK", True, "none", "no block"),
            ),
            decided + 90_000,
        ),
        order_events=(
            OrderEvent(
                "ord-0007", "simulated:BTC-USD", OrderState.INITIALIZED, "", decided + 40_000, request
            ),
            OrderEvent("ord-0007", "simulated:BTC-USD", OrderState.SUBMITTED, "", decided + 160_000),
            OrderEvent("ord-0007", "simulated:BTC-USD", OrderState.ACCEPTED, "", decided + 20_300_000),
        ),
        fills=(
            Fill(
                "f1",
                "ord-0007",
                "simulated:BTC-USD",
                Side.BUY,
                Decimal("0.0312"),
                Decimal("64120.10"),
                Decimal("2.0005"),
                "taker",
                64_118.0,
                decided + 21_100_000,
            ),
        ),
        model=models()[0],
        model_version="77aa88bb99cc",
        model_ns=NOW_NS - 7 * NS,
        status="ordered",
        weights={"technical": 40.0, "speed": 15.0, "microstructure": 15.0, "options": 10.0},
        filters=(
            Check("SCORE", True, "0.48", "at least 0.30"),
            Check("CONFIDENCE", True, "0.66", "at least 0.30"),
            Check("SPREAD", True, "0.001 %", "at most 0.5 %"),
        ),
        latencies=(
            Step("seen", decided, 0),
            Step("initialized", decided + 40_000, 40_000),
            Step("submitted", decided + 160_000, 120_000),
            Step("accepted", decided + 20_300_000, 20_140_000),
            Step("fill 1", decided + 21_100_000, 800_000),
        ),
        slippages_bps=(0.33,),
        slippage_bps=0.33,
    )
