"""Explain: an opportunity taken apart, as plain text. Pure functions of what the opportunity carries."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from engine.config import BlendWeights, OpportunitiesConfig
from engine.events import NS, BlendInput, Check, Family, FeatureRow, Opportunity
from engine.opportunities.rules import HOLD, liquidity, spread_pct
from engine.sessions import Sessions

_NAMES = {family: family.value.replace("_", " ") for family in Family}


def headline(opportunity: Opportunity) -> str:
    """One line: what, how strong, at which price, and why."""
    o = opportunity
    merged = f", seen {o.merged + 1} times" if o.merged else ""
    return (
        f"{o.side.value.upper()} {o.symbol} at {o.price:.8g}: score {o.score:+.2f}, "
        f"confidence {o.confidence:.2f}{merged}; {o.reason or 'carried by quant scores alone'}"
    )


def basis(part: BlendInput, row: FeatureRow) -> str:
    """What an input rests on: its own reason, else the numbers in the row; "" when it has neither."""
    if part.reason:
        return part.reason
    numbers = basis_of(part.family, row)
    # The row is of now, an aged score is older: do not pass one off as the ground of the other.
    return f"now {numbers}" if numbers and part.age_ns else numbers


def absent_lines(opportunity: Opportunity, weights: BlendWeights) -> list[str]:
    """Which families had no live input, and how their weight was redistributed; [] when all were there.

    By the weights of that time; ``weights`` stand in where the blend does not tell them.
    """
    absent, percent = opportunity.blend.absent, opportunity.blend.weights
    if not absent:
        return []
    if percent:
        configured = dict(zip(Family, percent, strict=True))
    else:
        configured = {family: float(getattr(weights, family.value)) for family in Family}
    everything = sum(configured.values())
    present = {
        family: weight for family, weight in configured.items() if family not in absent and weight > 0.0
    }
    total = sum(present.values())
    lost = sum(configured[family] for family in absent)
    names = ", ".join(f"{_NAMES[family]} ({_share(configured[family], everything)})" for family in absent)
    found = [f"absent: {names}"]
    if lost > 0.0 and total > 0.0:
        moves = ", ".join(
            f"{_NAMES[family]} {_share(weight, everything)} -> {_share(weight, total)}"
            for family, weight in present.items()
        )
        found.append(f"their {_share(lost, everything)} redistributed: {moves}")
    return found


def filter_checks(opportunity: Opportunity, config: OpportunitiesConfig) -> tuple[Check, ...]:
    """The rules that it passed, in their order, each with its value and its limit.

    A blend that is merged into it is kept up by less (``rules.HOLD``) than a new one needs.
    """
    o, row = opportunity, opportunity.features
    hold = HOLD if o.merged else 1.0
    kept = f" ({HOLD:.0%} of {{:g}}: it was live)" if o.merged else ""
    score, confidence = config.min_score * hold, config.min_confidence * hold
    filled = row.filled == 1.0 and row.last == row.close
    spread = spread_pct(row)
    priced = spread is not None or 0.0 < row.last < math.inf
    found = liquidity(
        o.score, row.bid, row.ask, row.bid_size, row.ask_size, row.window_volume, row.window_vwap
    )
    ages = [part.age_ns for part in o.blend.inputs if part.family is Family.TECHNICAL]
    return (
        Check(
            "BELOW_MIN_SCORE", abs(o.score) >= score, f"{o.score:+.4f}",
            f">= {score:g}{kept.format(config.min_score)}",
        ),
        Check(
            "LOW_CONFIDENCE", o.confidence >= confidence, f"{o.confidence:.4f}",
            f">= {confidence:g}{kept.format(config.min_confidence)}",
        ),
        Check("FILLED_BAR", not filled, "no trade in the bar" if filled else "traded", "a trade in the bar"),
        Check("NO_PRICE", priced, f"{o.price:.8g}", "a quote or a trade to price it"),
        Check(
            "WIDE_SPREAD", spread is None or spread <= config.max_spread_pct,
            "no quote" if spread is None else f"{spread:.4f} %", f"<= {config.max_spread_pct:g} %",
        ),
        Check(
            "ILLIQUID", not config.min_liquidity > 0.0 or found >= config.min_liquidity, f"{found:,.0f}",
            f">= {config.min_liquidity:,.0f} in the quote currency" if config.min_liquidity else "none asked",
        ),
        Check(
            "OUT_OF_SESSION", Sessions(config.sessions).is_open(o.blend.ns), _utc(o.blend.ns),
            ", ".join(config.sessions) or "always open",
        ),
        Check(
            "DUPLICATE", bool(ages), f"newest technical signal {min(ages, default=0) / NS:.2f} s old",
            "merged: it was live" if o.merged else "newer than those acted on before",
        ),
    )  # fmt: skip


def _utc(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / NS, UTC):%a %H:%M} UTC"


def market_line(row: FeatureRow) -> str:
    """The market that the opportunity saw."""
    facts = (
        ("bid", row.bid, "{:.8g}"),
        ("ask", row.ask, "{:.8g}"),
        ("last", row.last, "{:.8g}"),
        ("window change", row.window_change_pct, "{:+.3f} %"),
        ("window volume", row.window_volume, "{:.4g}"),
        ("RSI", row.rsi, "{:.1f}"),
        ("ATR", row.atr, "{:.4g}"),
    )
    return "market: " + ", ".join(
        f"{name} {form.format(value) if value == value else 'unknown'}" for name, value, form in facts
    )


def basis_of(family: Family, row: FeatureRow) -> str:
    """The numbers in the feature row that a quant family looks at; "" when the row has none of them."""
    numbers: tuple[tuple[str, float, str], ...]
    if family is Family.SPEED:
        numbers = (
            ("window change", row.window_change_pct, "{:+.3f} %"),
            ("1-bar volatility", row.return_std * 100.0, "{:.4f} %"),
        )
    elif family is Family.MICROSTRUCTURE:
        # While trades are missing in the window, the module leaves the flow out; unknown sides make it NaN.
        flow = row.window_volume > 0.0 and row.window_gapped != 1.0
        bought = row.window_buy_volume / row.window_volume * 100.0 if flow else float("nan")
        mid = (row.bid + row.ask) / 2.0
        spread = (row.ask - row.bid) / mid * 10_000.0 if mid > 0.0 else float("nan")
        numbers = (
            ("bid size", row.bid_size, "{:.4g}"),
            ("ask size", row.ask_size, "{:.4g}"),
            ("bought", bought, "{:.0f} % of the window's volume"),
            ("spread", spread, "{:.2f} bp"),
        )
    elif family is Family.VOLATILITY:
        ratio = row.return_std / row.return_std_long if row.return_std_long > 0.0 else float("nan")
        numbers = (
            ("volatility", ratio, "{:.2f} x its long-run level"),
            ("momentum", row.momentum / row.atr if row.atr > 0.0 else float("nan"), "{:+.2f} ATR"),
        )
    else:
        numbers = ()
    return ", ".join(f"{name} {form.format(value)}" for name, value, form in numbers if value == value)


def _share(weight: float, total: float) -> str:
    return f"{weight / total * 100.0:.0f} %" if total > 0.0 else "0 %"
