"""One session from its seed to its end, and what it was."""

from __future__ import annotations

import hashlib
import traceback
from collections import Counter
from random import Random

import msgspec

from engine.events import NS, Fill, OrderEvent, RiskState
from engine.risk.state import TIGHTNESS
from engine.store.codec import encode
from tests.chaos.session import START_NS
from tests.chaos.sessions.checks import Life, quiet_problems, state_problems, stored_problems
from tests.chaos.sessions.desk import STEP_S, SeededDesk
from tests.chaos.sessions.draw import draw
from tests.chaos.sessions.person import Person

_CHECK_STEPS = 60
_LAST_S = 60.0
"""How long the end may take."""


class Outcome(msgspec.Struct):
    """What a session came to."""

    seed: int
    digest: str = ""
    """SHA-256 of its journal, byte for byte."""
    problems: list[str] = []
    count: dict[str, int] = {}


class Broken(AssertionError):
    """An invariant does not hold."""


def run(seed: int) -> Outcome:
    """The whole of it. Whatever goes wrong is a problem of the outcome."""
    session = _Run(seed)
    try:
        session.run()
    except Broken as broken:
        problems = str(broken).splitlines()
    except Exception as error:  # a bug of the desk, or of this
        problems = [f"{type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-12:]]
    else:
        problems = []
    return Outcome(seed, session.digest(), problems, dict(session.told()))


class _Run:
    def __init__(self, seed: int) -> None:
        self.rng = Random(f"session:{seed}")
        self.drawn = draw(self.rng)
        self.desk = SeededDesk(seed, self.drawn)
        self.person = Person(self.desk, self.rng)
        self._fills = 0
        """Booked so far in this life."""

    def run(self) -> None:
        steps = int(self.drawn.seconds / STEP_S)
        for number in range(steps):
            self.desk.step()
            self.person.go_on()
            self._happens()
            if number % _CHECK_STEPS == _CHECK_STEPS - 1:
                self._check("while it runs")
        self._end()

    def _happens(self) -> None:
        rng, drawn, desk = self.rng, self.drawn, self.desk
        if rng.random() < drawn.acts * STEP_S:
            self.person.act()
        if rng.random() < 0.1 * STEP_S:
            desk.hold = not desk.hold
            if not desk.hold:
                desk.release()
        chance = (0.3 if desk.failed else drawn.crashes) * STEP_S
        fills = desk.desk.trading.fills
        if fills > self._fills:
            chance += drawn.crashes / 4  # just filled: what is kept beside the journal is older than it
        self._fills = fills
        if rng.random() < chance:
            self._crash()
        if rng.random() < 0.01 * STEP_S and drawn.crashes:
            desk.fail_store()
        if rng.random() < 0.01 * STEP_S:
            desk.jump(rng.choice((0.5, 5.0, 3600.0)))
        if desk.desk.targets is not None and rng.random() < 1.0 * STEP_S:
            scores = {symbol: rng.uniform(-1, 1) * 0.05 for symbol in desk.feed.symbols}
            desk.desk.targets.on_scores(desk.desk.now_ns, scores)

    def _crash(self) -> None:
        rng, desk = self.rng, self.desk
        state, clean = desk.desk.trading.gate.state, desk.clean
        life = Life.of(desk.desk)
        how = rng.random()
        if how < 0.1:
            self._check("before a start in the past")
            desk.kill(back_s=rng.choice((5.0, 3600.0)))
        else:
            desk.kill(off_s=rng.choice((0.0, 0.3, 4.0, 90.0, 3600.0)))
        gate = desk.desk.trading.gate
        lost = gate.state is not state and not gate.reason.startswith("daily loss")
        if clean and (lost or TIGHTNESS[gate.state] < TIGHTNESS[state]):
            raise Broken(f"a restart made of {state.value} {gate.state.value}: {gate.reason}")
        if clean:
            self._raise("after a restart", life.problems(desk.desk))
        self._check("after a restart")

    # --- the end

    def _end(self) -> None:
        """The disk and the feed are well again: all is canceled, left, and stored."""
        desk = self.desk
        if desk.failed:
            desk.kill()
        desk.feed.heal()
        desk.hold = False
        self._wait(5.0)
        self._check("when it is quiet")
        self._agree("when it is quiet")
        desk.desk.trading.set_state(RiskState.HALTED, "ann", "the end")
        desk.desk.trading.cancel_all(None, "the end")
        left = int(_LAST_S / STEP_S)
        while left and not desk.desk.trading.flat:
            desk.desk.trading.flatten()
            desk.step()
            left -= 1
        trading = desk.desk.trading
        if not trading.flat:
            told = {order.client_order_id: order for order in trading.blotter.open_orders()}
            raise Broken(f"not flat: {trading.ledger.positions()} {told} {trading.waiting()}")
        self._wait(2.0)
        self._check("at the end")
        self._agree("at the end")
        self._raise("stored", desk.stored_problems() + stored_problems(desk.journal))

    def _wait(self, seconds: float) -> None:
        for _ in range(int(seconds / STEP_S)):
            self.desk.step()

    def _agree(self, when: str) -> None:
        """The desk and the venue agree once no message is on its way; strategies may go on sending some."""
        problems: list[str] = []
        for _ in range(int(10.0 / STEP_S)):
            problems = quiet_problems(self.desk.desk)
            if not problems:
                return
            self.desk.step()
        self._raise(when, problems)

    def _check(self, when: str) -> None:
        desk = self.desk
        self._raise(when, desk.problems() + state_problems(desk.journal) + desk.desk.trading.books.check())

    def _raise(self, when: str, problems: list[str]) -> None:
        if problems:
            raise Broken("\n".join(f"{when}: {problem}" for problem in problems))

    # --- what it was

    def digest(self) -> str:
        sha = hashlib.sha256()
        for event in self.desk.journal:
            sha.update(encode(event).encode())
            sha.update(b"\n")
        return sha.hexdigest()

    def told(self) -> Counter[str]:
        """How much of what was in it."""
        desk = self.desk
        told = Counter(desk.count)
        told["sessions"] = 1
        told["fills"] = sum(isinstance(event, Fill) for event in desk.journal)
        told["orders"] = sum(
            isinstance(event, OrderEvent) and event.request is not None for event in desk.journal
        )
        told["strategies' orders"] = sum(
            isinstance(event, OrderEvent) and event.request is not None and bool(event.request.sources)
            for event in desk.journal
        )
        told["feed faults"] = desk.feed.count.total()
        told["acts"] = sum(n for name, n in self.person.did.items() if hasattr(self.person, name))
        told.update({f"act {name}": n for name, n in self.person.did.items()})
        told.update({f"feed {name}": n for name, n in desk.feed.count.items()})
        told["market s"] = (desk.market_ns - START_NS) // NS
        return told
