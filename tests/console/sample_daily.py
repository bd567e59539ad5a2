"""Daily runs made up for the console: one that failed, one that is done, one that was killed."""

from __future__ import annotations

from engine.api.daily_protocol import DailyDetail, DailyOrderRow, DailyRow, DailyStepRow
from engine.events import NS
from engine.research.daily import STEPS
from tests.console import sample_desk as sample

BEGAN = sample.NOW_NS - 900 * NS
TEXTS = {
    "data": "1,240 bars of 8 symbols loaded, 3 set aside (`tickdesk quarantine`)",
    "gate": "7 symbols pass, stored bars of 300 s; left out: binance:DOGEUSDT: its newest bar ended 12:05Z",
    "features": "7 symbols × 158 features, schema 1c2d3e4f",
    "train": "none is due: model 0a1b2c3d4e5f stays",
    "targets": "3 orders worth 8120.40",
    "orders": "3 orders: 2 filled, 1 denied (binance:SOLUSDT: POSITION_LIMIT 21.3 of 20 %)",
    "reconcile": "paper: agrees",
    "report": "Net P&L: 41.20 USD (0.041 %); Equity: 100000.00 → 100041.20 USD",
    "notify": "one message sent",
}


def step(name: str, number: int, state: str, text: str | None = None, todo: str = "") -> DailyStepRow:
    began = BEGAN + number * 7 * NS
    if state == "waiting":
        return DailyStepRow(name, state, 0, 0, 0, "", "")
    ended = 0 if state in ("running", "killed") else began + 6_400_000_000
    return DailyStepRow(name, state, 1, began, ended, TEXTS[name] if text is None else text, todo)


def order(number: int, symbol: str, state: str, filled: str, text: str) -> DailyOrderRow:
    return DailyOrderRow(
        *(number, 1, f"daily:2026-11-20:{number}", "add", symbol, "buy", "0.0512", state),
        *(f"td-{number}", filled, "61234.5" if filled else "", text, BEGAN, BEGAN, BEGAN + NS),
    )


def run(
    day: str, state: str, steps: list[DailyStepRow], text: str, kind: str = "daily", *, dry: bool = False
) -> DailyRow:
    ended = 0 if state in ("running", "killed") else BEGAN + 70 * NS
    return DailyRow(day, kind, "paper", dry, state, text, BEGAN, ended, tuple(steps))


def steps_until(last: str, state: str, text: str | None = None, todo: str = "") -> list[DailyStepRow]:
    names = STEPS["daily"]
    at = names.index(last)
    return [
        step(name, number, "done")
        if number < at
        else step(name, number, state, text, todo)
        if number == at
        else step(name, number, "waiting")
        for number, name in enumerate(names)
    ]


def runs() -> list[DailyDetail]:
    stale = "2 symbols have no price to trade at, within daily.prices_s (60 s): binance:BTCUSDT: STALE"
    orders = (
        order(1, "binance:BTCUSDT", "done", "0.0512", "filled"),
        order(2, "binance:ETHUSDT", "done", "0.0512", "filled"),
        order(3, "binance:SOLUSDT", "denied", "", "POSITION_LIMIT 21.3 of 20 %"),
    )
    figures = ("Net P&L: 41.20 USD (0.041 %)", "Equity: 100000.00 → 100041.20 USD", "Fees: 8.12")
    failed = steps_until(
        *("targets", "failed", stale),
        "start it again while their market is open and `tickdesk status` shows the feed up",
    )
    done = [step(name, number, "done") for number, name in enumerate(STEPS["daily"])]
    killed = steps_until("orders", "killed", "sending 2 of 3 (add)")
    return [
        DailyDetail(run("2026-11-21", "failed", failed, f"targets: {stale}"), (), ()),
        DailyDetail(run("2026-11-20", "done", done, f"{TEXTS['orders']}; Net P&L"), orders, figures),
        DailyDetail(run("2026-11-19", "killed", killed, ""), orders[:2], ()),
    ]
