"""What a headline's words say: good news or bad, by the VADER lexicon and words of the markets."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from engine.errors import ConfigError

MARKET_WORDS: dict[str, float] = {
    "approval": 1.5, "approved": 1.5, "approves": 1.5, "adoption": 1.5, "bullish": 2.5, "inflow": 1.5,
    "inflows": 1.5, "rallies": 2.0, "rally": 2.0, "rebound": 1.8, "rebounds": 1.8, "record": 1.0,
    "soar": 2.5, "soars": 2.5, "surge": 2.2, "surges": 2.2, "upgrade": 1.2, "jumps": 1.8, "gains": 1.8,
    "bankrupt": -3.0, "bankruptcy": -3.0, "ban": -2.0, "bans": -2.0, "bearish": -2.5, "crash": -3.0,
    "crashes": -3.0, "delist": -2.0, "delisted": -2.0, "drops": -1.6, "exploit": -2.2, "exploited": -2.2,
    "falls": -1.6, "hack": -2.5, "hacked": -2.8, "hackers": -2.5, "lawsuit": -2.0, "liquidated": -2.0,
    "liquidation": -1.8, "liquidations": -1.8, "outflow": -1.5, "outflows": -1.5, "plummets": -2.8,
    "plunge": -2.5, "plunges": -2.5, "selloff": -2.3, "sell-off": -2.3, "slides": -1.6, "slump": -2.2,
    "slumps": -2.2, "sues": -1.8, "tumble": -2.2, "tumbles": -2.2,
}  # fmt: skip
"""Valence on the lexicon's scale of -4 to 4. It was made of everyday posts, which do not plunge or rally."""


class Lexicon:
    """Loads the word list, some 10 ms: make one, and off the event loop."""

    def __init__(self) -> None:
        """Raises ConfigError without the library."""
        require()
        self._analyzer = _analyzer()

    def score(self, text: str) -> float:
        """-1 to 1; 0 when no word of it is known."""
        return float(self._analyzer.polarity_scores(text)["compound"])


def require() -> None:
    """Raises ConfigError unless the optional libraries of the news are installed."""
    try:
        import defusedxml.ElementTree  # noqa: F401
        import vaderSentiment.vaderSentiment  # noqa: F401
    except ImportError:
        raise ConfigError(
            "quant.news needs a lexicon and an XML parser: pip install 'tickdesk[news]', or disable it"
        ) from None


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(MARKET_WORDS)
    return analyzer
