"""What a backtest's report says, in order: headline figures, then tables."""

from __future__ import annotations

from collections.abc import Sequence

from engine.portfolio.report.numbers import moment, number, share
from engine.portfolio.report.table import Section
from engine.research.report.breakdown import Part, by_purpose, by_source, by_strategy, by_symbol
from engine.research.report.figures import figure
from engine.research.result import MOST_LINES, Backtest, Trade
from engine.research.summary import Summary
from engine.text import clean

DAY_S = 86_400.0


def title(backtest: Backtest) -> str:
    days = f"{moment(backtest.first_ns)[:10]} to {moment(backtest.last_ns)[:10]}"
    symbols = [source.symbol for source in backtest.data]
    named = ", ".join(symbols[:3]) + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "")
    return clean(f"tickdesk backtest: {named}, {days}", 200)


def headline(summary: Summary) -> list[tuple[str, str]]:
    """Name and value, what matters most first."""
    one, level = summary, f"{summary.level * 100:.0f} %"
    return [
        ("Return", f"{figure(one.return_pct)} %"),
        ("Buy and hold", f"{figure(one.benchmark_return_pct)} %"),
        ("Its max drawdown, Sharpe", _held(one)),
        ("Return a year (CAGR)", f"{figure(one.cagr_pct)} %"),
        ("Sharpe ratio", figure(one.sharpe)),
        (f"Sharpe, {level} interval", _between(one.sharpe_low, one.sharpe_high)),
        ("Deflated Sharpe ratio", f"{share(one.deflated_sharpe)} ({_trials(one.trials)})"),
        ("Sortino ratio", figure(one.sortino)),
        ("Calmar ratio", figure(one.calmar)),
        ("Volatility a year", f"{figure(one.volatility_pct)} %"),
        ("Max drawdown", f"{figure(one.max_drawdown_pct)} %, {duration(one.max_drawdown_days * DAY_S)}"),
        ("Exposure, mean", f"{figure(one.exposure_pct)} %"),
        ("Turnover a day", f"{figure(one.turnover, 3)} × equity"),
        ("Trades", f"{one.trades:,}, {one.fills:,} fills"),
        ("Won", share(one.hit_rate)),
        ("Profit factor", figure(one.profit_factor)),
        ("Mean of a trade", f"{_money(one.expectancy, one.currency)} ({figure(one.expectancy_pct)} %)"),
        ("Best and worst trade", f"{figure(one.best_trade)} and {figure(one.worst_trade)}"),
        ("Held, mean", duration(one.holding_s)),
        ("Costs", _money(one.costs, one.currency)),
        ("Slippage", f"{figure(one.slippage_bps)} bps"),
        ("Equity", f"{number(one.starting_cash)} → {number(one.final_equity)} {one.currency}"),
    ]


def certainty(summary: Summary) -> list[Section]:
    """How far to believe it."""
    one, level = summary, f"{summary.level * 100:.0f} %"
    rows = [
        ("Sharpe ratio", figure(one.sharpe), _between(one.sharpe_low, one.sharpe_high)),
        ("mean return a year, %", figure(one.mean_pct), _between(one.mean_low_pct, one.mean_high_pct)),
        ("CAGR, %", figure(one.cagr_pct), _between(one.cagr_low_pct, one.cagr_high_pct)),
        (
            "max drawdown, %",
            figure(one.max_drawdown_pct),
            _between(one.max_drawdown_low_pct, one.max_drawdown_high_pct),
        ),
    ]
    luck = [
        ("trials, this one among them", f"{one.trials:,}"),
        ("best Sharpe ratio that luck brings", figure(one.luck_sharpe)),
        ("probability that Sharpe > 0", share(one.probabilistic_sharpe)),
        ("probability that Sharpe > luck (deflated)", share(one.deflated_sharpe)),
        ("skew of the returns", figure(one.skew)),
        ("kurtosis (normal: 3)", figure(one.kurtosis)),
    ]
    found: list[Section] = []
    if one.samples:
        found.append((f"Intervals ({level})", ("figure", ">value", ">from, to"), rows))
    return [*found, ("Skill or luck", ("figure", ">value"), luck)]


def rests_on(summary: Summary) -> list[str]:
    """How those figures were made, a line each."""
    text = [f"Ratios and intervals are of {summary.returns:,} {summary.basis}; no risk-free rate."]
    if summary.samples:
        text.append(
            f"Intervals: stationary bootstrap, {summary.samples:,} samples, blocks of "
            f"{figure(summary.block, 1)} returns on average; Sharpe and mean studentised."
        )
    if summary.trials > 1:
        text.append(_luck(summary))
    text.append(
        "Mean exposure: gross, of all the time, as the fills had it; its curve is of single moments, the "
        "ends of bars or steps, and has nothing of what is opened and closed between two."
    )
    text.append("Buy and hold: all symbols evenly at their first price, without costs.")
    return text


def parts(backtest: Backtest) -> list[Section]:
    """By symbol, strategy, signal source and end, where there is anything to tell."""
    found = [
        ("By symbol", by_symbol(backtest.trades)),
        ("By strategy", by_strategy(backtest.trades)),
        ("By signal source (by contribution to the blend that opened)", by_source(backtest.trades)),
        ("By what ended the trade", by_purpose(backtest.trades)),
    ]
    heads = ("name", ">net", ">trades", ">won", ">profit factor", ">held")
    return [(name, heads, [_part(one) for one in rows]) for name, rows in found if rows]


def costs(backtest: Backtest, summary: Summary) -> Section:
    one = summary
    gross = one.realized + one.unrealized
    rows = [
        ("realized, before costs", figure(one.realized)),
        ("unrealized at the end", figure(one.unrealized)),
        ("fees", figure(-one.fees if one.fees else 0.0)),
        ("funding", figure(one.funding)),
        ("net", figure(gross - one.costs)),
        ("traded", figure(one.traded)),
        ("fees, basis points of what was traded", figure(_bps(one.fees, one.traded))),
        ("slippage against the mid at the decision, bps (above 0 is worse)", figure(one.slippage_bps)),
    ]
    return (f"Costs, {backtest.currency}", ("what", ">amount"), rows)


def stages(backtest: Backtest) -> list[Section]:
    counts = [
        ("Way of the signals", ("stage", ">count"), backtest.funnel),
        ("Denied by risk", ("code", ">orders"), backtest.denied),
        ("Dropped before an order", ("code", ">opportunities"), backtest.dropped),
    ]
    return [(name, heads, [(key, f"{n:,}") for key, n in of.items()]) for name, heads, of in counts if of]


def data(backtest: Backtest) -> list[Section]:
    rows = [
        (
            *(source.symbol, f"{source.rows:,}", moment(source.first_ns)[:16], moment(source.last_ns)[:16]),
            *(duration(source.interval_s) if source.interval_s else "ticks", source.told),
        )
        for source in backtest.data
    ]
    found: list[Section] = [("Data", ("symbol", ">rows", "from", "to", "bars", "source"), rows)]
    if backtest.rejects:
        refused = [(one.symbol, f"{one.count:,}", one.reason, one.first) for one in backtest.rejects]
        found.append(("Data that was not believed", ("symbol", ">rows", "why", "the first"), refused))
        if any(len(one.lines) > 1 for one in backtest.rejects):
            each = [(one.symbol, one.reason, line) for one in backtest.rejects for line in one.lines]
            more = any(one.count > len(one.lines) > 0 for one in backtest.rejects)
            most = f", the first {MOST_LINES} of a reason" if more else ""
            found.append((f"Each line that was not believed{most}", ("symbol", "why", "line"), each))
    return found


def held(backtest: Backtest) -> list[Section]:
    if not backtest.held:
        return []
    rows = [(one.symbol, one.quantity, one.entry_price, one.mark, one.unrealized) for one in backtest.held]
    return [("Open at the end", ("symbol", ">quantity", ">entry", ">mark", ">unrealized"), rows)]


def trades(those: Sequence[Trade], *, dated: int = 19) -> Section:
    """``dated``: characters of times, 10 for days alone."""
    heads = ("opened", "closed", "symbol", "side", ">quantity", ">entry", ">exit", ">net", ">%", "ended by")
    rows = [
        (
            *(moment(one.opened_ns)[:dated], moment(one.closed_ns)[:dated], one.symbol, one.side),
            *(short(one.quantity), short(one.entry_price), short(one.exit_price)),
            *(figure(float(one.net)), figure(one.return_pct), one.purpose or "-"),
        )
        for one in those
    ]
    return ("Trades", heads, rows)


def identity(backtest: Backtest) -> list[tuple[str, str]]:
    """What it takes to run it again."""
    return [
        ("strategies", ", ".join(backtest.strategies) or "none"),
        ("model", backtest.model or "none"),
        ("ticks", f"{backtest.ticks:,} in {backtest.seconds:.3g} s"),
        ("configuration", backtest.config_sha256),
        ("orders and fills", backtest.sha256),
    ]


def short(text: str) -> str:
    """Decimal text with at most 8 significant digits behind a long point."""
    return text if len(text) <= 12 else f"{float(text):.8g}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, size in (("d", DAY_S), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return (
                f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:,.0f} {unit}"
            )
    return f"{seconds:.3g} s"


def _part(one: Part) -> tuple[str, ...]:
    return (
        *(one.name, figure(one.net), f"{one.trades:,}", share(one.hit_rate)),
        *(figure(one.profit_factor), duration(one.holding_s)),
    )


def _held(one: Summary) -> str:
    fall, ratio = figure(one.benchmark_max_drawdown_pct), figure(one.benchmark_sharpe)
    return f"{fall} %, {ratio}"


def _between(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{figure(low)} to {figure(high)}"


def _money(value: float | None, currency: str) -> str:
    return "-" if value is None else f"{figure(value)} {currency}"


def _luck(one: Summary) -> str:
    if one.trials_known:
        return (
            f"Luck of {one.trials:,} trials: by the spread of their own Sharpe ratios "
            f"({one.trials_known:,} known)."
        )
    return (
        f"Luck of {one.trials:,} trials: their Sharpe ratios are not known here, their variance is taken to "
        "be that of runs without skill, 1 / (returns - 1). A sweep deflates by its own trials' variance: its "
        "probability differs, and is the better known."
    )


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count:,} trials"


def _bps(part: float, whole: float) -> float | None:
    return part / whole * 1e4 if whole else None
