"""An order's place among the others at its price.

Ahead of it is what was displayed there when it came. Prints at the price reduce that. So does a display that
shows less than we believe to be ahead, because more than all that is there cannot be ahead of us; but as a
quote may tell of a trade before its print does, prints within a second of such a display count against the
difference first: nothing moves us forward twice. What others withdraw from behind us or ahead of us beyond
that is never assumed.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.events import NS

_ZERO = Decimal(0)
_DOUBT_NS = NS


class Place(msgspec.Struct, gc=False):
    ahead: Decimal | None
    """Size before ours; None: unknown, the price is beyond what is displayed."""
    doubt: Decimal = _ZERO
    """What the display took off ``ahead``, and a print may be about to tell again."""
    doubt_ns: int = 0

    def shown(self, size: Decimal | None, now_ns: int) -> None:
        """Fresh data displays ``size`` at the price (None: it does not tell)."""
        if size is None:
            return
        if self.ahead is None:
            self.ahead = size  # behind all of it
        elif size < self.ahead:
            if now_ns - self.doubt_ns > _DOUBT_NS:
                self.doubt = _ZERO
            self.doubt += self.ahead - size
            self.doubt_ns = now_ns
            self.ahead = size

    def traded(self, size: Decimal, now_ns: int) -> Decimal:
        """A print of ``size`` at the price: how much of it went beyond what was ahead."""
        if self.ahead is None:
            return _ZERO
        if self.doubt:
            if now_ns - self.doubt_ns > _DOUBT_NS:
                self.doubt = _ZERO
            told = min(self.doubt, size)
            self.doubt -= told
            size -= told
        beyond = max(_ZERO, size - self.ahead)
        self.ahead = max(_ZERO, self.ahead - size)
        return beyond

    def swept(self) -> None:
        """The market traded through the price: nobody is ahead any more."""
        self.ahead, self.doubt = _ZERO, _ZERO
