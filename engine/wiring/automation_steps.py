"""What the steps of an automation do on the desk, and what of them is for outside of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from engine.api.protocol import StrategyPatch
from engine.automation import template
from engine.automation.dispatcher import Job
from engine.automation.parts import Halt, Notify, Order, RunStrategy, Step, Webhook
from engine.automation.work import Call, Outside, Tell
from engine.errors import AutomationError
from engine.events import NS, RiskState
from engine.risk.state import TIGHTNESS
from engine.text import clean
from engine.wiring import order_template
from engine.wiring.desk import Desk

REVERTS = "automation:reverts"
"""Name of a setting: strategies that were switched for a time."""
MAX_TEXT = 300
_CENT = Decimal("0.01")


class Revert(msgspec.Struct, frozen=True):
    """A strategy is to be switched back at ``ns`` (UTC), if it is still what an automation made it."""

    enabled: bool
    """What it was before."""
    ns: int
    who: str


class Steps:
    """Does steps on one desk. On a tape nothing outside the desk is called: its past is not the world's."""

    def __init__(
        self,
        desk: Desk,
        *,
        tape: bool,
        keep: Callable[[str, object], None],
    ) -> None:
        self._desk = desk
        self._tape = tape
        self._keep = keep
        self._reverts: dict[str, Revert] = {}
        desk.tuning.on_switched = self._switched

    def outside(self, job: Job, step: Step) -> Outside | None:
        """The step with its texts filled in, for whoever does it; None when the desk does it."""
        if self._tape:
            return None
        match step:
            case Notify() if step.urls:
                return Tell(
                    urls=step.urls,
                    title=f"tickdesk: {job.name}",
                    text=self._text(job, step),
                    level=step.level,
                )
            case Webhook():
                bare = msgspec.structs.replace(step, text="")
                return Call(step=bare, body=msgspec.json.encode(self._body(job, step)).decode())
            case _:
                return None

    def do(self, job: Job, number: int, step: Step) -> str:
        """Do a step of the desk; answers what came of it in one line.

        Raises AutomationError, or whatever else the desk refuses it with (TickdeskError).
        """
        match step:
            case Notify():
                self._desk.alert(step.level, who(job.name), self._text(job, step))
                return "notified"
            case Webhook():
                return "webhook not called: the desk plays a tape"
            case RunStrategy():
                return self._switch(job, step)
            case Halt():
                return self._tighten(job, step)
            case Order():
                return order_template.send(
                    self._desk, step, job.signal, job.run_id, number, clean(_reason(job), MAX_TEXT)
                )

    # --- telling ---

    def _text(self, job: Job, step: Notify) -> str:
        return clean(template.render(step.text, self._values(job)), MAX_TEXT)

    def _body(self, job: Job, step: Webhook) -> dict[str, Any]:
        signal = job.signal
        body: dict[str, Any] = {
            "run_id": job.run_id,
            "automation": job.name,
            "time": _iso(self._desk.now_ns),
            "signal": None if signal is None else msgspec.to_builtins(signal),
        }
        if step.text:
            body["text"] = template.render(step.text, self._values(job))
        return body

    def _values(self, job: Job) -> dict[str, str]:
        """Of every field that the job's templates may name."""
        desk, signal = self._desk, job.signal
        ledger = desk.trading.ledger
        values = {
            "name": job.name,
            "time": _iso(desk.now_ns),
            "equity": _money(ledger.equity()),
            "day_pnl": _money(ledger.day_pnl(desk.now_ns)),
            "risk_state": desk.trading.gate.state.value,
        }
        if signal is not None:
            instrument = desk.instruments.get(signal.symbol)
            mid = None if instrument is None else desk.trading.watch.mid(instrument.index)
            values |= {
                "symbol": signal.symbol,
                "side": "buy" if signal.score > 0 else "sell",
                "score": f"{signal.score:+.2f}",
                "confidence": f"{signal.confidence:.2f}",
                "reason": signal.reason,
                "source": signal.source,
                "price": "unknown" if mid is None or not mid > 0 else f"{mid:.8g}",
            }
        return values

    # --- the desk ---

    def _tighten(self, job: Job, step: Halt) -> str:
        trading, wanted = self._desk.trading, RiskState(step.state)
        # While somebody is loosening it, what stands is still the tighter of the two.
        tighter = max(trading.gate.state, wanted, key=TIGHTNESS.__getitem__)
        change = trading.set_state(tighter, who(job.name), clean(_reason(job), MAX_TEXT))
        return tighter.value if change is not None else f"already {tighter.value}"

    def _switch(self, job: Job, step: RunStrategy) -> str:
        desk, name = self._desk, step.name
        before = desk.signals.strategies.enabled(name)
        if step.enabled and name in desk.trading.gate.disabled:
            raise AutomationError(
                f"{name} was switched off for repeating itself: a person has to switch it on"
            )
        patch = StrategyPatch(enabled=step.enabled, weight=step.weight)
        text = desk.tuning.set_strategy(name, patch, who(job.name))
        if step.for_s is not None and step.enabled is not None:
            pending = self._reverts.get(name)
            # Switched again before it was switched back: what it was at first is what it becomes.
            first = before if pending is None else pending.enabled
            if first != step.enabled:
                until_ns = desk.now_ns + round(step.for_s * NS)
                self._reverts[name] = Revert(first, until_ns, who(job.name))
                self._keep_reverts()
        return text

    # --- back again ---

    def take_up(self, settings: Mapping[str, Any]) -> None:
        """Take up what an earlier run of the engine was to switch back. Raises nothing."""
        try:
            self._reverts = msgspec.convert(settings.get(REVERTS, {}), dict[str, Revert])
        except msgspec.ValidationError:
            self._desk.alert("warning", "automations", "strategies to be switched back are not readable")

    def due_ns(self) -> int | None:
        """When the next strategy is to be switched back."""
        return min((revert.ns for revert in self._reverts.values()), default=None)

    def revert(self, now_ns: int) -> None:
        """Switch back what is due; what somebody has switched meanwhile stays."""
        due = sorted(name for name, revert in self._reverts.items() if revert.ns <= now_ns)
        for name in due:
            revert = self._reverts.pop(name)
            strategies = self._desk.signals.strategies
            known = {state.name for state in strategies.states()}
            # One that repeated itself meanwhile is for a person to switch on.
            barred = revert.enabled and name in self._desk.trading.gate.disabled
            if name in known and strategies.enabled(name) != revert.enabled and not barred:
                self._desk.tuning.set_strategy(name, StrategyPatch(enabled=revert.enabled), revert.who)
        if due:
            self._keep_reverts()

    def _switched(self, name: str, by: str) -> None:
        """What a person has chosen stays."""
        if not by.startswith(who("")) and self._reverts.pop(name, None) is not None:
            self._keep_reverts()

    def _keep_reverts(self) -> None:
        self._keep(REVERTS, msgspec.to_builtins(self._reverts))


def who(name: str) -> str:
    """As whom an automation acts."""
    return f"automation:{name}"


def _reason(job: Job) -> str:
    why = "its time has come" if job.signal is None else job.signal.reason
    return f"{who(job.name)}: {why}"


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount.quantize(_CENT):f}"


def _iso(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / NS, UTC):%Y-%m-%dT%H:%M:%S}Z"
