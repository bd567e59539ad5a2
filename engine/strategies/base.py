"""What a strategy is: feature rows in, signals out. No clock, no files, no sockets.

Indicators that are not warmed up are NaN. Every comparison with NaN is false, so conditions are written as
what must hold (``rsi <= limit``), never as what must not (``not rsi > limit``): then NaN gives no signal.
"""

from __future__ import annotations

import importlib
from abc import ABC
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from engine.events import NS, Family, FeatureRow, Signal

if TYPE_CHECKING:
    # numpy takes longer to import than a command that only checks settings takes to run.
    import numpy as np
    import numpy.typing as npt

    from engine.feature_table import FeatureTable

    Array = npt.NDArray[Any]
    Mask = npt.NDArray[np.bool_]
    Bars = Callable[[str, int], Array]

_TECHNICAL = Family.TECHNICAL
LONGEST_S = 315_360_000
Seconds = Annotated[float, Meta(gt=0, le=LONGEST_S)]
Above0 = Annotated[float, Meta(gt=0)]
From0 = Annotated[float, Meta(ge=0)]


BAR_COLUMNS = ("open", "high", "low", "close", "volume", "vwap")


def no_bars(symbol: str, count: int) -> Array:
    raise RuntimeError(f"no bars of {symbol}: bars are there from the first on_bar on, in an engine only")


class Strategy(ABC):
    """Base of all strategies. One instance sees all symbols; what it remembers, it keeps per symbol.

    The set that runs strategies never calls ``on_bar`` for a filled bar (one without a trade), and makes a
    new instance when a strategy is switched on, changed or read anew, so that nothing remembered from before
    counts.
    """

    name: ClassVar[str]
    """Also the ``source`` of its signals."""
    description: ClassVar[str]
    """One line for the screen."""
    starts_on: ClassVar[bool] = True
    """Whether it runs where the configuration does not say."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        """Typed, ranged parameters; each strategy defines its own."""

        ttl_s: Seconds = 10.0
        """How long a signal counts; its weight decays linearly over this."""

    def __init__(self, params: Params) -> None:
        self._ttl_ns = max(1, round(params.ttl_s * NS))
        self._bars: Bars = no_bars

    def connect(self, bars: Bars) -> None:
        """Give access to closed bars, before the first of them; ``bars(symbol, count)`` as in ``bars``."""
        self._bars = bars

    def candidates(self, table: FeatureTable) -> Mask | None:
        """The rows where ``on_bar`` could speak or would change what it remembers, by position; None: all.

        Rows it leaves out are never made, which is what a bar of hundreds of symbols saves; to let through
        too many is no error. The table holds filled bars too.
        """
        return None

    def on_bar(self, row: FeatureRow) -> Signal | None:
        """A bar with at least one trade closed."""
        return None

    def on_rise(self, row: FeatureRow) -> Signal | None:
        """The rolling window crossed the watched change between two bar closes, with all that ``rapid_rise``
        asks of a rise by its parameters, be it on or off."""
        return None

    def on_scores(self, ns: int, scores: Mapping[str, float]) -> list[Signal]:
        """A model scored all symbols at ``ns``: mean 0, std 0.02 across them; all zero means no opinion."""
        return []

    def bars(self, symbol: str, count: int) -> Array:
        """The last closed bars, oldest first: (<= ``count``, 6) of open, high, low, close, volume, vwap.

        In ``on_bar`` the last one is the bar that closed. At most 512 are kept.
        """
        return self._bars(symbol, count)

    def frame(self, symbol: str, count: int) -> Any:
        """``bars`` as a pandas.DataFrame with named columns, for indicators of pandas-ta-classic.

        Raises ImportError without the extra ``ta``.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise ImportError("frame() needs pandas: pip install 'tickdesk[ta]'") from None
        return pandas.DataFrame(self.bars(symbol, count), columns=list(BAR_COLUMNS))

    def signal(self, symbol: str, ns: int, score: float, confidence: float, reason: str) -> Signal:
        """A signal of this strategy. ``score`` in [-1, 1], ``confidence`` in [0, 1], ``reason`` one line."""
        return Signal(symbol, self.name, _TECHNICAL, score, confidence, ns, self._ttl_ns, reason)
