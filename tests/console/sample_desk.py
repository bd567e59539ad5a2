"""A desk made up from a seed, for tests, snapshots and benches."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine.api.protocol import (
    AutomationRow,
    FeedRow,
    LogRow,
    ModelRow,
    OpportunityRow,
    OrderRow,
    PositionRow,
    StateFrame,
    StatusRow,
    StrategyRow,
    TickRow,
)
from engine.events import NS

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


def next_frame(step: int, symbols: int = 8) -> StateFrame:
    """What four frames a second bring: every symbol moved."""
    return StateFrame(full=False, status=status(step), ticks=ticks(step=step, symbols=symbols))
