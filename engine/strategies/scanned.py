"""A shipped strategy whose candidates a compiled scan finds."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from engine.strategies.base import Strategy

if TYPE_CHECKING:
    from engine.feature_table import FeatureTable
    from engine.strategies.base import Mask
    from engine.strategies.scan import Scan


class ScannedStrategy(Strategy):
    """One whose scan may also run outside of it, together with those of others: see ``scan_of``."""

    def __init__(self, params: Strategy.Params) -> None:
        super().__init__(params)
        self._scan: Scan | None = None

    def candidates(self, table: FeatureTable) -> Mask:
        return self.scan()(table)

    def scan(self) -> Scan:
        """What finds its candidates; made when it is first wanted, for that takes the compiled code."""
        if self._scan is None:
            self._scan = self._new_scan()
        return self._scan

    @abstractmethod
    def _new_scan(self) -> Scan:
        """Made of its parameters."""
        raise NotImplementedError


def scan_of(strategy: Strategy) -> Scan | None:
    """The scan that says all that its candidates are; None: it finds them in another way.

    None, too, where it cannot be made: the strategy is then asked itself, and fails by itself.
    """
    if not isinstance(strategy, ScannedStrategy):
        return None
    if type(strategy).candidates is not ScannedStrategy.candidates:
        return None
    try:
        return strategy.scan()
    except Exception:
        return None
