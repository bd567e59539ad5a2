"""What a backtest leaves out, a line each."""

from __future__ import annotations

from engine.execution.paper import NOT_MODELLED
from engine.research.result import Backtest

_CONTEXT = (
    "what a live desk hears beside the market (open interest, options, moods, quant servers): no tape and no "
    "bar has it, so blends that it counts in are others"
)


def not_modelled(backtest: Backtest) -> tuple[str, ...]:
    of_bars = _of_bars(backtest) if any(one.interval_s for one in backtest.data) else ()
    return (*of_bars, _CONTEXT, *NOT_MODELLED)


def _of_bars(backtest: Backtest) -> tuple[str, ...]:
    plan = backtest.plan
    extreme = {
        "near": "the extreme nearer to the open is taken to have come first",
        "open_high_low_close": "the high is taken to have come first",
        "open_low_high_close": "the low is taken to have come first",
    }[plan.path]
    spread = (
        f"taken to be {plan.spread_bps:g} basis points at all times"
        if plan.spread_bps
        else "taken to be nothing (--spread-bps)"
    )
    return (
        f"the way of a price within a bar: four prices are known, {extreme} (--path)",
        "jumps within a bar: a level between two of its prices is met at the level; only at an open can the "
        "market be beyond it",
        f"the spread: bars tell none; it is {spread}",
        f"the book: {plan.participation_pct:g} % of a bar's volume can be traded, a quarter of it at each of "
        "its four prices; one that tells no volume trades any size",
        "a bar's own vwap, but to models: indicators and strategies are shown that of its four prices",
        "intervals without a trade: the next bar follows the last, where a live desk repeats the last close "
        "(--set features.max_fill_bars=60 does so here)",
        "how long an order is on its way: it arrives at once, where [paper] does not say otherwise",
        "hindsight in the choice of symbols: those that vanished meanwhile are seldom among the files",
        *(
            ()
            if all(one.adjusted for one in backtest.data)
            else ("splits and dividends, but where the data says that it is adjusted for them",)
        ),
        *(
            (
                "how high prices stood then: splits and dividends are taken out backwards, so the height of "
                "a price, not its moves, tells of later ones (--raw-prices)",
            )
            if any(one.adjusted for one in backtest.data)
            else ()
        ),
    )
