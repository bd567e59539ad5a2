"""The pre-trade checks, and their order: the first that fails gives the verdict's code.

Each is one function with its reason code. It answers (passed, value, limit), the last two as they are: an
order that waits is judged first, and how they read to a person is made of them afterwards by the check's
``Teller``. What cannot be evaluated fails: a check returns False or raises, both deny.
"""

from __future__ import annotations

from engine.risk.checks import account, allowed, market, often, possible, size
from engine.risk.checks.check import Outcome, PreTradeCheck

__all__ = [
    "AMENDED_ENTRY",
    "AMENDED_EXIT",
    "ENTRY_CHECKS",
    "EXIT_CHECKS",
    "LESSENED",
    "Outcome",
    "PreTradeCheck",
]

ENTRY_CHECKS: tuple[PreTradeCheck, ...] = (
    possible.numbers,
    possible.duplicate_id,
    possible.prices,
    allowed.trading_state,
    allowed.quant_block,
    allowed.bus_block,
    allowed.repeated_execution,
    allowed.symbol_lock,
    allowed.cooldown,
    allowed.model_age,
    account.equity,
    account.daily_loss,
    account.drawdown,
    market.stale_data,
    market.clock_skew,
    market.market_protection,
    market.price_collar,
    possible.currency,
    possible.lots,
    possible.ticks,
    possible.min_notional,
    possible.short_selling,
    size.order_quantity,
    size.order_notional,
    size.position_limit,
    size.gross_limit,
    size.net_limit,
    size.strategy_budget,
    often.open_orders_symbol,
    often.open_orders,
    often.throttle,
    often.duplicate_order,
    often.self_trade,
)

EXIT_CHECKS: tuple[PreTradeCheck, ...] = (
    possible.numbers,
    possible.duplicate_id,
    possible.prices,
    possible.reduces,
)
"""Only: is it possible, and does it reduce the position?"""

AMENDED_ENTRY: tuple[PreTradeCheck, ...] = tuple(
    check for check in ENTRY_CHECKS if check not in (possible.duplicate_id, allowed.cooldown)
)
"""A person amends: a symbol that was just left does not rest from what a person asks for."""
AMENDED_EXIT: tuple[PreTradeCheck, ...] = (possible.numbers, possible.prices, possible.reduces)
"""Of an exit that becomes larger."""
LESSENED: tuple[PreTradeCheck, ...] = (possible.numbers, possible.prices)
"""Of an amendment that makes an order smaller, or moves the price of an exit: it is never denied but as
impossible."""
