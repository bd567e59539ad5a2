"""Which account a daily run trades, and whether the engine that answers trades the same."""

from __future__ import annotations

from engine.api.trading_protocol import ReconciliationRow
from engine.config import Config
from engine.execution.alpaca.gateway import NAME as ALPACA
from engine.wiring.daily_context import Context, StepFailed

PAPER = "paper"


def account_of(config: Config) -> str:
    """Of this configuration."""
    return ALPACA if config.brokers.alpaca.enabled else PAPER


def same_account(context: Context) -> None:
    """The engine may have been started with another configuration: a run of the paper venue sends no order
    to a broker, nor the other way round. Raises StepFailed."""
    rows = context.desk.ask("GET", "/v1/reconciliation", tuple[ReconciliationRow, ...])
    theirs = ALPACA if any(row.gateway == ALPACA for row in rows) else PAPER
    if theirs != context.run.account:
        raise StepFailed(
            f"the engine that runs trades at {theirs}, and this run is of {context.run.account}",
            "give both the same configuration, or end that engine: `tickdesk stop`; then start it again",
        )
