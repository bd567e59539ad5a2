"""What makes the kernel stop and let Python look: a rise, a crossed exit level, a wake-up (compiled)."""

from __future__ import annotations

from typing import Any

from engine.features.window import change_pct
from engine.kernels import part

RISE_BIT, EXIT_BIT, WAKE_BIT = 1, 2, 4


@part
def fired(s: Any, ring: Any, now_ns: int, is_trade: bool, quote_max_age_ns: int, oldest: int) -> int:
    """Bits of the triggers that the symbol's tick, just consumed, sets off; what is at or before ``oldest``
    is out of the window."""
    bits = 0
    if s.exit_side != 0 and _exit_crossed(s, now_ns, quote_max_age_ns):
        s.exit_armed = 0
        bits |= EXIT_BIT
    if now_ns >= s.wake_ns:
        bits |= WAKE_BIT
    if is_trade and s.rise_change > 0.0 and _rose(s, ring, oldest):
        bits |= RISE_BIT
    return bits


def outdated(quote_ns: int, trade_ns: int, now_ns: int, max_age_ns: int) -> bool:
    """Whether the last trade says more than the quote: newer than it, which is older than ``max_age_ns``.

    A quote that nothing has traded since stays the best that is known, however old.
    """
    return now_ns - quote_ns > max_age_ns and trade_ns > quote_ns


_outdated = part(outdated)


@part
def quoted(s: Any, now_ns: int, quote_max_age_ns: int) -> bool:
    """Whether the symbol has a quote to be believed."""
    return bool(s.quotes > 0 and not _outdated(s.quote_ns, s.trade_ns, now_ns, quote_max_age_ns))


@part
def _exit_crossed(s: Any, now_ns: int, quote_max_age_ns: int) -> bool:
    """A long leaves at the bid, a short at the ask; the last trade stands for a quote missing or outdated.

    The best such price is followed whether or not the levels are armed: an exit at work may fail.
    """
    known = quoted(s, now_ns, quote_max_age_ns)
    if s.exit_side > 0:
        price = s.bid if known else s.last
        if price > s.exit_best:
            s.exit_best = price
        trailing = s.exit_best * s.exit_share + s.exit_slack
        crossed = price <= s.exit_stop or price >= s.exit_target or price <= trailing
    else:
        price = s.ask if known else s.last
        if price < s.exit_best:
            s.exit_best = price
        trailing = s.exit_best * s.exit_share - s.exit_slack
        crossed = price >= s.exit_stop or price <= s.exit_target or price >= trailing
    return bool(crossed and s.exit_armed != 0)


@part
def _rose(s: Any, ring: Any, oldest: int) -> bool:
    change = change_pct(s, ring)
    if s.rise_armed == 0:
        if change < s.rise_change / 2.0:
            s.rise_armed = 1
        return False
    if change >= s.rise_change and _suffices(s, oldest):
        s.rise_armed = 0
        return True
    return False


@part
def _suffices(s: Any, oldest: int) -> bool:
    """Whether the window holds what a rise must rest on; figured as its row shows it, right after a push."""
    volume = s.size_sum
    if not (volume > 0.0 and volume >= s.rise_volume and s.tail - s.head >= s.rise_trades):
        return False
    vwap = s.window_base + s.value_sum / volume
    return bool(volume * vwap >= s.rise_notional and s.gap_ns <= oldest)
