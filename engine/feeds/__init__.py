"""Market data in: one module per venue (protocol facts, sans-IO), the live socket feed, and tapes."""
