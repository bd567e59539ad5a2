"""A circuit breaker around what is asked outside: after some failures nothing is asked for a while, then one
request tries."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from purgatory.domain.model import Context, OpenedState

T = TypeVar("T")

_OPEN, _HALF_OPEN = "opened", "half-opened"


class OpenCircuitError(Exception):
    """Nothing was asked: the circuit is open, or another request tries whether it can be closed."""


class Circuit:
    """Opens after ``failures`` in a row, for ``reset_s``; ``spared`` exceptions are no failures."""

    def __init__(
        self, name: str, failures: int, reset_s: float, spared: Sequence[type[BaseException]] = ()
    ) -> None:
        # Not with the module: a desk that asks nobody need not pay for it at every start.
        from purgatory import AsyncCircuitBreakerFactory
        from purgatory.domain.model import OpenedState

        self._name = name
        self._factory = AsyncCircuitBreakerFactory(
            default_threshold=failures, default_ttl=reset_s, exclude=list(spared)
        )
        self._reset_s = reset_s
        self._opened: type[OpenedState] = OpenedState
        self._context: Context | None = None
        self._probing = False
        """One request tries whether the circuit can be closed; the others wait for what it finds."""

    @property
    def open(self) -> bool:
        """Whether the last request that ended left it open."""
        return self._context is not None and self._context.state == _OPEN

    @property
    def blocked(self) -> bool:
        """Whether ``call`` would ask nothing now."""
        if self._probing:
            return True
        if self._context is None or self._context.state != _OPEN:
            return False
        self._set_back(self._context)
        opened_at = self._context.opened_at
        return opened_at is not None and time.time() <= opened_at + self._reset_s

    def _set_back(self, context: Context) -> None:
        """The library goes by the system's clock: set back, it would keep the circuit open for as long."""
        if context.state == _OPEN and (context.opened_at or 0.0) > time.time():
            context.set_state(self._opened(self._name))

    async def call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` returns or raises. Raises OpenCircuitError when nothing may be asked."""
        breaker = await self._factory.get_breaker(self._name)
        self._context = breaker.context
        self._set_back(breaker.context)
        if self._probing:
            raise OpenCircuitError
        try:
            async with breaker:
                probing = self._probing = breaker.context.state == _HALF_OPEN
                try:
                    return await ask()
                finally:
                    if probing:
                        self._probing = False
        except self._opened as opened:
            # The library raises one and the same object each time: it must not gather tracebacks.
            opened.with_traceback(None)
            raise OpenCircuitError from None
