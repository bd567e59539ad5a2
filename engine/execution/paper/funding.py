"""Funding: what holding a position costs at fixed times of the day (UTC)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b

from engine.config import PaperConfig
from engine.events import NS, Funding
from engine.execution.paper.fees import FEE_STEP
from engine.instruments import Instruments


class FundingClock:
    """Which payments are due. A payment is booked once: at a restart it goes on where it was."""

    def __init__(self, config: PaperConfig, instruments: Instruments) -> None:
        self._rate = config.funding_rate_pct / 100.0
        self._interval_ns = max(1, round(config.funding_interval_h * 3600 * NS))
        self._instruments = instruments
        self.costs = self._rate != 0.0
        """Whether there are payments at all."""
        self.paid: dict[str, int] = {}
        """By symbol: the newest time that is settled, for positions that are held."""
        self._newest: dict[str, int] = {}
        """By symbol, held or not: the newest time that was ever settled. A clock that was set back comes to
        it again."""
        self._later: dict[str, int] = {}
        """By symbol: settled until then, a time that an earlier run had and this one has not come to."""
        self._free_ns = 0
        """Until then nothing was charged."""

    def opened(self, symbol: str, ns: int) -> None:
        """A position began: the times before it are not its own, nor one that another paid for."""
        self._later.pop(symbol, None)
        self.paid[symbol] = self._before(max(ns, self._newest.get(symbol, 0)))

    def closed(self, symbol: str) -> None:
        self._later.pop(symbol, None)
        self.paid.pop(symbol, None)

    def restore(self, paid: Mapping[str, int], now_ns: int, newest: Mapping[str, int]) -> None:
        """Go on after these moments; from now on where it is 0, unknown, or later: what a clock that was
        ahead opened is held since now. ``newest``: the last payment of any symbol, held or not."""
        self._newest = dict(newest)
        self.paid = {
            symbol: self._before(max(min(ns or now_ns, now_ns), newest.get(symbol, 0)))
            for symbol, ns in paid.items()
        }
        self._later = {symbol: ns for symbol, ns in paid.items() if ns > now_ns}

    def settled(self) -> dict[str, int]:
        """``paid`` for the next run, which may charge what this one does not."""
        return {
            symbol: max(ns, self._free_ns, self._later.get(symbol, 0)) for symbol, ns in self.paid.items()
        }

    def missing(self, symbol: str, now_ns: int) -> int:
        """How many times have passed unsettled."""
        return max(0, now_ns - self.paid.get(symbol, now_ns)) // self._interval_ns if self._rate else 0

    def due(
        self, positions: Mapping[str, Decimal], now_ns: int, mark: Callable[[str], float]
    ) -> list[Funding]:
        """A payment for each position and time passed, at the position's and the mark's present value.

        A symbol without a mark (NaN) waits until it has one.
        """
        payments: list[Funding] = []
        if not self.costs:
            self._free_ns = now_ns
            return payments
        for symbol, quantity in positions.items():
            instrument = self._instruments.get(symbol)
            if not quantity or instrument is None:
                continue
            if self._later.get(symbol, now_ns) < now_ns:
                # Set at once, this clock was behind; else the times until then are settled by now.
                self.paid[symbol] = self._before(max(self.paid.get(symbol, 0), self._later.pop(symbol)))
            times = range(
                self.paid.setdefault(symbol, self._before(now_ns)) + self._interval_ns,
                now_ns + 1,
                self._interval_ns,
            )
            if not times:
                continue
            price = mark(symbol)
            if not math.isfinite(price):
                continue
            amount = -(quantity * Decimal(repr(price)) * Decimal(repr(self._rate)))
            amount = amount.quantize(FEE_STEP, ROUND_HALF_EVEN)
            for ns in times:
                identity = "fd-" + blake2b(f"{symbol}\x1f{ns}".encode(), digest_size=12).hexdigest()
                payments.append(Funding(identity, symbol, amount, instrument.quote_currency, self._rate, ns))
            self.paid[symbol] = self._newest[symbol] = times[-1]
        return payments

    def _before(self, ns: int) -> int:
        return ns // self._interval_ns * self._interval_ns
