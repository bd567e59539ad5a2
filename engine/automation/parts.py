"""What an automation is made of: its trigger and its steps, typed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Level = Literal["info", "warning", "error"]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Symbol = Annotated[str, Meta(min_length=1, max_length=64)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]
_DAY_S = 86_400


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    pass


class SignalTrigger(_Part, frozen=True, tag="signal"):
    """Watches tickers: starts a run for a signal that passes all of it.

    A signal without a direction (score 0) starts nothing.
    """

    symbols: tuple[Symbol, ...] = ()
    """``"binance:BTCUSDT"``, or ``"BTCUSDT"`` on any venue; empty: all."""
    sources: tuple[Symbol, ...] = ()
    """Strategies, or quant modules and servers outside the engine; empty: all strategies."""
    min_score: Share = 0.0
    """Least |score|."""
    min_confidence: Share = 0.0
    side: Literal["buy", "sell", "any"] = "any"
    cooldown_s: Annotated[float, Meta(ge=0, le=7 * _DAY_S)] = 0.0
    """After a run has started, a symbol starts none for so long."""

    def __str__(self) -> str:
        what = ", ".join(self.sources) or "any strategy"
        side = "" if self.side == "any" else f" {self.side}"
        least = f" |score| ≥ {self.min_score:g}" if self.min_score else ""
        sure = f" confidence ≥ {self.min_confidence:g}" if self.min_confidence else ""
        return f"signal of {what}{side}{least}{sure} on {', '.join(self.symbols) or 'all symbols'}"


class PeriodicTrigger(_Part, frozen=True, tag="periodic"):
    """Starts a run by the clock: every so often, or at a time of day.

    What was due while the engine was off is not made up for.
    """

    every_s: Annotated[int, Meta(ge=1, le=7 * _DAY_S)] | None = None
    """At the multiples of it since 1970-01-01 00:00 UTC: 3600 is every full hour."""
    at: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = ""
    """``"HH:MM"``, UTC."""
    days: tuple[Day, ...] = ()
    """With ``at``; empty: every day."""

    def __str__(self) -> str:
        if self.every_s is not None:
            return f"every {self.every_s} s"
        return f"at {self.at} UTC{' on ' if self.days else ''}{', '.join(self.days)}"


class Notify(_Part, frozen=True, tag="notify"):
    """Tells a person: an alert on the desk or, with ``urls``, through Apprise (``tickdesk[notify]``)."""

    text: Text
    level: Level = "info"
    urls: Annotated[tuple[Text, ...], Meta(max_length=10)] = ()
    """Apprise URLs; ``env:NAME`` takes one from the engine's environment."""

    def __str__(self) -> str:
        return "notify"


class Order(_Part, frozen=True, tag="order"):
    """Sends an order through the desk's risk gate, which may deny it: at market unless an offset is given.

    An entry has exactly one size. ``close`` closes the whole position, at market, and has none.
    """

    side: Literal["signal", "buy", "sell", "close"]
    symbol: Annotated[str, Meta(max_length=64)] = ""
    """``"" ``: the signal's."""
    notional: Positive | None = None
    """In the account's currency."""
    quantity: Positive | None = None
    """In units of the instrument; rounded down to whole lots."""
    percent: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """Of equity."""
    price_offset_pct: Annotated[float, Meta(ge=-50, le=50)] | None = None
    """Makes it a limit order, so far from the mid: above 0 is better than the market and rests."""
    stop_loss_pct: Annotated[float, Meta(gt=0, le=50)] | None = None
    """Makes it a bracket: a stop so far from the limit, else from the mid, that waits for the fills."""
    take_profit_pct: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """The same with a limit that takes the profit."""
    time_in_force: Literal["gtc", "ioc", "fok"] = "gtc"

    def __str__(self) -> str:
        return "close" if self.side == "close" else "order"


class RunStrategy(_Part, frozen=True, tag="strategy"):
    """Switches a strategy on or off, for good or for a time, or gives it a weight."""

    name: Symbol
    enabled: bool | None = None
    weight: Annotated[float, Meta(gt=0, le=100)] | None = None
    for_s: Annotated[float, Meta(gt=0, le=7 * _DAY_S)] | None = None
    """So long after, ``enabled`` is what it was before; across a restart too."""

    def __str__(self) -> str:
        return f"strategy {self.name}" + ("" if self.enabled is None else " on" if self.enabled else " off")


class Webhook(_Part, frozen=True, tag="webhook"):
    """Calls an address with the run and its signal as a JSON object. Any 2xx is success.

    Tried again after a timeout, a failed connection, 408, 429 or 5xx. The header ``Idempotency-Key`` is the
    run's id and the step's number, the same in every attempt.
    """

    url: Text
    """http or https; ``env:NAME`` takes it from the engine's environment."""
    method: Literal["POST"] = "POST"
    text: Annotated[str, Meta(max_length=1000)] = ""
    """A template; goes along as ``text``."""
    headers: dict[str, Annotated[str, Meta(max_length=1000)]] = {}
    """A value ``env:NAME`` comes from the engine's environment; secrets are given in no other way."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    """Of one attempt."""
    retries: Annotated[int, Meta(ge=0, le=5)] = 2

    def __str__(self) -> str:
        return "call webhook"


class Halt(_Part, frozen=True, tag="halt"):
    """Tightens the desk's trading state; never loosens it."""

    state: Literal["reducing", "halted"]

    def __str__(self) -> str:
        return "halt" if self.state == "halted" else "reduce"


Trigger = SignalTrigger | PeriodicTrigger
Step = Notify | Order | RunStrategy | Webhook | Halt
