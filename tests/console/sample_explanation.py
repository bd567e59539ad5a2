"""An order of the made-up desk with everything behind it."""

from __future__ import annotations

from decimal import Decimal

from engine.api.protocol import Explanation, Step
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
from tests.console.sample_desk import NOW_NS, models, opportunities


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
