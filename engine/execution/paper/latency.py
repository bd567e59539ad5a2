"""How long things travel: drawn from the seed, the order's id and what travels, whatever was drawn before.

Each leg is uniform around its mean, by the configured jitter or the mean itself, whichever is less.
"""

from __future__ import annotations

from hashlib import blake2b

from engine.config import PaperConfig

_MS = 1_000_000


class Latency:
    """``feed`` is how much later than the venue the desk knows its price: a message meets the market that the
    desk sees ``feed`` after the message's arrival. All times are then the desk's."""

    def __init__(self, config: PaperConfig) -> None:
        self._config = config
        feed = config.feed_latency_ms
        self._there_at_once = not (feed or config.entry_latency_ms)
        self.back_at_once = not (feed or config.response_latency_ms)
        """Whether reports take no time at all."""

    def inward_ns(self, client_order_id: str, what: str) -> int:
        """From the desk's sending until the market that it meets is seen. ``what`` tells messages apart."""
        if self._there_at_once:
            return 0
        config = self._config
        entry = self._leg(config.entry_latency_ms, client_order_id, f"entry {what}")
        return entry + self._leg(config.feed_latency_ms, client_order_id, f"feed {what}")

    def outward_ns(self, client_order_id: str, event_ns: int) -> int:
        """From an execution until its report is back at the desk, which saw the market ``feed`` late."""
        if self.back_at_once:
            return 0
        config = self._config
        back = self._leg(config.response_latency_ms, client_order_id, f"response {event_ns}")
        if not config.feed_latency_ms:
            return back
        return max(0, back - self._leg(config.feed_latency_ms, client_order_id, f"feed back {event_ns}"))

    def _leg(self, mean_ms: float, client_order_id: str, what: str) -> int:
        if not mean_ms:
            return 0
        text = f"{self._config.seed}\x1f{client_order_id}\x1f{what}"
        digest = blake2b(text.encode(), digest_size=8).digest()
        draw = int.from_bytes(digest, "big") / 2**63 - 1.0  # [-1, 1]
        return int((mean_ms + draw * min(self._config.latency_jitter_ms, mean_ms)) * _MS)
