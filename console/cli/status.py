"""``tickdesk status [--json]``: exit code 0 when an engine runs and is well, 1 when not, 4 without one."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import msgspec

from console.cli.client import ask
from console.cli.settings import state_dir
from console.model_line import model_line
from engine.api.protocol import FeedRow, Health
from widgets.figures import clocks_off


def run(arguments: argparse.Namespace) -> int:
    health = ask(state_dir(arguments), "GET", "/v1/health", Health)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(health), indent=2).decode())
    else:
        print("\n".join(lines(health)))
    return 0 if health.ok else 1


def lines(health: Health) -> list[str]:
    """The status for a person."""
    status = health.status
    started = datetime.fromtimestamp(status.started_ns / 1e9, UTC)
    reason = f" ({status.risk_reason})" if status.risk_reason else ""
    text = [
        f"{status.mode} {status.risk_state.upper()}{reason} · {status.phase} {status.phase_detail}".rstrip(),
        f"engine pid {health.pid}, started {started:%Y-%m-%d %H:%M:%S}Z",
        f"equity {status.equity} {status.account_currency}, day {status.day_pnl}, "
        f"drawdown {status.drawdown_pct:.2f} %"
        if status.equity
        else "equity unknown: a currency that is held has no rate",
    ]
    for feed in health.feeds:
        # What is asked beside the market (positions, moods, quant servers) has messages, and no data's age.
        age = "" if feed.messages and not feed.market else "no data yet, "
        if feed.age_ms is not None:
            age = f"data {feed.age_ms / 1000:.1f} s old, "
        if feed.state == "ended":
            age = "no more data, "
        state = "late" if feed.is_late(health.stale_data_s) else feed.state
        text.append(
            f"feed {feed.venue}: {state}, {age}{feed.messages} messages{_faults(feed)} {feed.detail}".rstrip()
        )
    if health.model is not None:
        text.append(model_line(health.model))
    parts = (("bus", health.bus), ("jobs", health.jobs))
    text += [f"{name} {one.detail}" for name, one in parts if one is not None]
    if status.consoles:
        consoles = "console" if status.consoles == 1 else "consoles"
        who = f"{status.controller} controls" if status.controller else "none controls"
        text.append(f"{status.consoles} {consoles} attached, {who}")
    if status.stale_symbols:
        symbols = "symbol is" if status.stale_symbols == 1 else "symbols are"
        text.append(f"{status.stale_symbols} {symbols} stale: entries are denied there")
    if status.loading:
        text.append(status.loading)
    text.append(" → ".join(f"{count} {stage}" for stage, count in status.funnel.items()))
    if status.drops:
        text.append("dropped: " + ", ".join(f"{code} {count}" for code, count in status.drops.items()))
    return text


def _faults(feed: FeedRow) -> str:
    """What is or was wrong with it, where anything was."""
    counts = (
        (feed.gaps, "gaps"),
        (feed.reconnects, "reconnects"),
        (feed.malformed, "malformed"),
        (feed.books_broken, "books wrong now"),
        (feed.resyncs, "books mended or asked anew"),
    )
    told = "".join(f", {count} {what}" for count, what in counts if count)
    if feed.clock_off:
        told += f", {clocks_off(feed.clock_offset_ms or 0.0)}: entries denied"
    return told + (", best effort" if feed.best_effort else "")
