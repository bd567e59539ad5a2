"""What an execution costs."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from engine.config import PaperConfig

FEE_STEP = Decimal("1e-8")
TAKER, MAKER = "taker", "maker"


class Fees:
    """Shares of the notional, in the instrument's quote currency; a maker's may be a rebate (below zero)."""

    def __init__(self, config: PaperConfig) -> None:
        self._rates = {
            TAKER: Decimal(repr(config.taker_fee_bps)) / 10_000,
            MAKER: Decimal(repr(config.maker_fee_bps)) / 10_000,
        }

    def fee(self, quantity: Decimal, price: Decimal, liquidity: str) -> Decimal:
        """Rounded half-even to eight places."""
        return (quantity * price * self._rates[liquidity]).quantize(FEE_STEP, ROUND_HALF_EVEN)
