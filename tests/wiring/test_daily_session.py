"""A session: entries on from the open to the close, off after it, flat where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.protocol import Reply, RiskPatch, StateFrame
from engine.api.rows import PositionRow
from engine.config import Config
from engine.errors import NoEngineError
from engine.research.daily import STEPS, Calendar, begin_of
from engine.store.daily import DailyStore
from engine.wiring.daily_context import Context, StepFailed
from engine.wiring.daily_session import flatten, open_session, stop_entries, trade
from tests.console import sample_desk as sample

DAY = "2026-11-20"  # a Friday
SESSION = ("mon-fri 13:30-13:45",)
MINUTE = 60 * 10**9
OPEN_NS = begin_of(DAY) + 810 * MINUTE
CLOSE_NS = begin_of(DAY) + 825 * MINUTE


class Desk:
    """A desk's trading state and positions; away for the first ``away`` questions."""

    def __init__(self) -> None:
        self.state, self.reason = "active", ""
        self.held = {"sim:A": "3", "sim:B": "0"}
        self.away = 0
        self.halts_meanwhile = False
        """Between a look at its state and the wish for another."""
        self.asked: list[str] = []

    def ask(self, method: str, path: str, reply: Any, *, body: bytes | None = None, **more: Any) -> Any:
        self.asked.append(f"{method} {path}")
        if self.away > 0:
            self.away -= 1
            raise NoEngineError("no engine runs")
        if path == "/v1/risk":
            patch = msgspec.json.decode(body or b"{}", type=RiskPatch)
            if self.halts_meanwhile:
                self.state, self.reason = "halted", "asked by a person"
            if patch.expected not in (None, self.state):
                return Reply(False, f"the desk is {self.state.upper()} by now")
            self.state, self.reason = patch.state, patch.reason
            return Reply(True, f"→ {patch.state.upper()}")
        if path == "/v1/flatten":
            self.held = {}
            return Reply(True, "closed 1/1, verified flat")
        frame = sample.full_frame()
        status = msgspec.structs.replace(frame.status, risk_state=self.state, risk_reason=self.reason)
        positions = tuple(_position(symbol, quantity) for symbol, quantity in self.held.items())
        return StateFrame(True, status, positions=positions)


def _position(symbol: str, quantity: str) -> PositionRow:
    return PositionRow(symbol, quantity, *("",) * 6, 0, False)


class Session:
    def __init__(self, where: Path, now_ns: int, sessions: tuple[str, ...] = SESSION, **wanted: Any) -> None:
        self.desk, self.now_ns = Desk(), now_ns
        self.store = DailyStore(where)
        run = self.store.run(
            *(DAY, "paper-run", "paper"),
            dry=False,
            options=msgspec.json.encode(wanted).decode(),
            steps=STEPS["paper-run"],
            now_ns=now_ns,
        )
        self.context = Context(
            *(Config(), where, run, self.store, self.desk, Calendar(sessions)),
            *(lambda: self.now_ns, self._sleep, lambda text: None),
        )

    def _sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 10**9)


def test_it_waits_for_the_open_and_ends_with_the_close(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS - 90 * MINUTE)
    session.desk.state, session.desk.reason = "reducing", "paper-run 2026-11-19: the session is over"
    assert open_session(session.context).text == "entries on until 2026-11-20 13:45:00Z"
    assert session.now_ns == OPEN_NS and session.desk.state == "active"
    told = trade(session.context).text
    assert session.now_ns == CLOSE_NS and "1 positions" in told
    assert stop_entries(session.context).text == "→ REDUCING"
    assert session.desk.reason == "paper-run 2026-11-20: the session is over"
    assert flatten(session.context).skipped and session.desk.held


def test_between_two_hours_of_a_day_it_waits_for_the_next_open(tmp_path: Path) -> None:
    """Of a market that is open over midnight entries were on all day."""
    now_ns = begin_of(DAY) + 12 * 60 * MINUTE + 7
    run = Session(tmp_path, now_ns, ("mon-fri 22:00-06:00",), for_s=1800.0)
    run.desk.state, run.desk.reason = "reducing", "paper-run 2026-11-19: the session is over"
    assert open_session(run.context).text == "entries on until 2026-11-20 22:30:00Z"
    assert run.now_ns == begin_of(DAY) + 22 * 60 * MINUTE
    assert run.desk.state == "active"


def test_entries_are_off_while_the_market_is_closed_within_the_day(tmp_path: Path) -> None:
    """Of a market that is open over midnight both ends lie in the day."""
    told: list[tuple[int, str]] = []

    class Watched(Session):
        def _sleep(self, seconds: float) -> None:
            if not told or told[-1][1] != self.desk.state:
                told.append(((self.now_ns - begin_of(DAY)) // MINUTE, self.desk.state))
            super()._sleep(60.0)

    run = Watched(tmp_path, begin_of(DAY) + 60 * MINUTE, ("mon-fri 22:00-06:00",))
    open_session(run.context)
    trade(run.context)
    assert told == [(60, "active"), (6 * 60, "reducing"), (22 * 60, "active")]


def test_a_session_that_goes_on_keeps_its_end(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS + MINUTE, (), for_s=600.0, flatten=True)
    open_session(session.context)
    session.now_ns += 5 * MINUTE  # killed, and begun again
    open_session(session.context)
    session.desk.away = 20
    trade(session.context)
    assert session.now_ns == OPEN_NS + 11 * MINUTE
    assert flatten(session.context).text == "closed 1/1, verified flat"
    assert flatten(session.context).text == "nothing is held"


def test_an_engine_that_was_started_anew_is_let_enter_again(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS)
    open_session(session.context)
    session.desk.state, session.desk.reason = "reducing", "paper-run 2026-11-20: it is being prepared"
    trade(session.context)
    assert session.desk.state == "active"
    session.desk.state, session.desk.reason = "reducing", "daily loss"
    trade(session.context)  # over by now: nothing is let on
    assert session.desk.state == "reducing"


def test_what_a_person_has_stopped_stays_stopped(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS)
    session.desk.state, session.desk.reason = "halted", "asked by a person"
    with pytest.raises(StepFailed, match="HALTED: asked by a person") as caught:
        open_session(session.context)
    assert "a person resumes it" in caught.value.todo and session.desk.state == "halted"
    assert stop_entries(session.context).text.startswith("the desk is HALTED already")


def test_a_halt_between_a_look_and_a_wish_stays(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS)
    desk, ours = session.desk, "paper-run 2026-11-20: it is being prepared"
    desk.halts_meanwhile = True
    desk.state, desk.reason = "reducing", ours
    with pytest.raises(StepFailed, match="HALTED by now"):
        open_session(session.context)
    assert desk.state == "halted"
    desk.state = "active"
    assert stop_entries(session.context).text == "the desk is HALTED by now: asked by a person"
    desk.state, desk.halts_meanwhile = "active", False
    open_session(session.context)
    desk.state, desk.reason, desk.halts_meanwhile = "reducing", ours, True
    trade(session.context)
    assert desk.state == "halted"


def test_after_the_close_there_is_no_session_any_more(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="the market closed 2026-11-20 13:45:00Z"):
        open_session(Session(tmp_path, CLOSE_NS).context)


def test_a_session_that_goes_on_after_its_end_lets_nothing_enter(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS - 90 * MINUTE)
    session.desk.state, session.desk.reason = "reducing", "paper-run 2026-11-20: it is being prepared"
    session.context.store.note_product(
        session.context.run.id, "open", f'{{"from_ns":{OPEN_NS},"until_ns":{CLOSE_NS}}}'
    )
    session.now_ns = CLOSE_NS + MINUTE  # killed while it waited for the open
    assert "the session ended 2026-11-20 13:45:00Z" in open_session(session.context).text
    assert session.desk.state == "reducing" and "POST /v1/risk" not in session.desk.asked


def test_an_engine_that_stays_away_ends_the_session(tmp_path: Path) -> None:
    session = Session(tmp_path, OPEN_NS)
    open_session(session.context)
    session.desk.away = 1_000
    with pytest.raises(StepFailed, match="no engine runs") as caught:
        trade(session.context)
    assert "engine.log" in caught.value.todo
