"""A daily run from its first step to its last: killed anywhere, it goes on, and sends no order twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.config import Config, DailyConfig, TargetsConfig
from engine.errors import RefusedError
from engine.models import builtin
from engine.models.registry import Registry
from engine.research.daily import STEPS, repeated
from engine.store.daily import DailyStore, KeptRun, StoredOrder, kept_runs
from engine.store.read import DATABASE
from engine.store.store import Store as EngineStore
from engine.wiring.daily_orders import none_taken
from engine.wiring.daily_rows import daily_details
from tests.wiring import daily_desk
from tests.wiring.daily_desk import DAY, HELD, NOON, SYMBOLS, TARGETS, Desk, Killed, Life, started

CONFIG = Config(daily=DailyConfig(fill_s=2.0, prices_s=1.0), targets=TargetsConfig())
EVERY = int(os.environ.get("TICKDESK_CHAOS_DAILY_EVERY", "11"))
"""Of the points at which a run may be killed, one in so many is tried; 1: all."""
ORDERS = [
    ("sim:B", "sell", "3", True),
    ("sim:C", "sell", "7", True),
    ("sim:A", "buy", "9", False),
    ("sim:B", "sell", "4", False),
    ("sim:A", "buy", "8", False),
    ("sim:A", "buy", "8", False),
]
"""What the made-up desk is to trade, in order: symbol, side, quantity, whether it reduces."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a desk's database, and the model that is shipped active."""
    where = tmp_path_factory.mktemp("daily")
    store = EngineStore(where / DATABASE)
    store.start()
    store.close()
    registry = Registry(where)
    registry.activate(registry.register(builtin.PATH).version)
    return where


@pytest.fixture
def anew(state: Path) -> Callable[[], Path]:
    """The same without any daily run."""

    def fresh() -> Path:
        for path in state.glob("daily.db*"):
            path.unlink()
        return state

    return fresh


def kept(where: Path) -> KeptRun:
    (found,) = [one for one in kept_runs(where, 10) if not one.run.dry]
    return found


def sent(desk: Desk) -> list[tuple[str, str, str | None, bool]]:
    return [
        (ticket.symbol, ticket.side, ticket.quantity, ticket.reduce_only) for ticket in desk.placed.values()
    ]


def assert_done(desk: Desk, where: Path) -> None:
    """All steps are done, and each order of the plan was sent once."""
    assert sent(desk) == ORDERS
    assert desk.held == TARGETS
    found = kept(where)
    assert found.run.state == "done" and {step.state for step in found.steps} <= {"done", "skipped"}
    assert [order.state for order in found.orders] == ["done"] * len(ORDERS)
    assert [order.key for order in found.orders] == list(desk.placed)


def test_a_whole_run(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)
    texts = {step.name: step.text for step in kept(where).steps}
    assert texts["data"] == "12 bars of 3 symbols loaded"
    assert texts["orders"] == "6 orders: 6 filled"
    assert texts["report"].startswith("Net P&L: ")
    assert (where / "reports" / f"{DAY}-daily.html").is_file()
    (detail,) = daily_details(where, DAY)
    assert detail.run.state == "done" and detail.report[0].startswith("Net P&L: ")
    # The same again does nothing.
    assert started(desk, where, CONFIG, Life())
    assert sent(desk) == ORDERS


def test_a_run_that_is_killed_anywhere_sends_each_order_once(anew: Callable[[], Path]) -> None:
    whole = Life()
    assert started(Desk(), anew(), CONFIG, whole)
    assert whole.points > 80
    for left in range(1, whole.points + 1, EVERY):
        desk, where = Desk(), anew()
        with pytest.raises(Killed):
            started(desk, where, CONFIG, Life(left))
        assert started(desk, where, CONFIG, Life()), left
        assert_done(desk, where)


@pytest.mark.parametrize("lives", [21, 31])
def test_a_run_that_is_killed_again_and_again_gets_there(anew: Callable[[], Path], lives: int) -> None:
    """However short its lives are, as long as each gets one step further."""
    desk, where = Desk(), anew()
    for _ in range(100):
        try:
            assert started(desk, where, CONFIG, Life(lives))
            break
        except Killed:
            continue
    assert_done(desk, where)


def test_the_engine_hangs_up_after_it_took_an_order(anew: Callable[[], Path]) -> None:
    """Killed between the order and the note of it, and planned to be too old by then: it is found."""
    left = _life_of_first_order(anew())
    desk, where = Desk(), anew()
    with pytest.raises(Killed):
        started(desk, where, CONFIG, Life(left))
    assert len(desk.placed) == 1
    assert [order.state for order in kept(where).orders][:2] == ["sending", "planned"]
    desk.now_ns += 3600 * 10**9
    assert not started(desk, where, CONFIG, Life())
    assert len(desk.placed) == 1
    found = kept(where)
    assert [order.state for order in found.orders][:2] == ["done", "planned"]
    (failed,) = [step for step in found.steps if step.state == "failed"]
    assert failed.name == "orders" and "older than daily.plan_s" in failed.text
    assert "--again data" in failed.todo
    # What to do next, done: planned anew from what is held now, under numbers of their own.
    store = DailyStore(where)
    store.again(found.run.id, repeated("daily", "data"), desk.now_ns)
    store.close()
    assert started(desk, where, CONFIG, Life())
    assert desk.held == TARGETS
    assert [order.number for order in kept(where).orders if order.plan == 2] == [7, 8, 9, 10, 11]
    assert len(desk.placed) == len(set(desk.placed)) == 6


def _life_of_first_order(where: Path) -> int:
    """How long a run lives that is killed just after its first order was taken."""

    class Told(Desk):
        def ask(self, method: str, path: str, *args: object, **more: object) -> object:
            found = super().ask(method, path, *args, **more)  # type: ignore[arg-type]
            if (method, path) == ("POST", "/v1/orders"):
                raise Killed
            return found

    desk, life = Told(), Life()
    with pytest.raises(Killed):
        started(desk, where, CONFIG, life)
    return life.points


def test_a_dry_run_sends_nothing(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    assert started(desk, where, CONFIG, Life(), dry=True)
    assert desk.placed == {} and desk.held == HELD
    (found,) = kept_runs(where, 10)
    assert found.run.dry and [order.state for order in found.orders] == ["planned"] * len(ORDERS)
    texts = {step.name: step.text for step in found.steps}
    assert texts["orders"] == "dry run: 6 orders were not sent"
    # The real one is another run, and its numbers begin with the first.
    assert started(desk, where, CONFIG, Life())
    assert sent(desk) == ORDERS and next(iter(desk.placed)) == f"daily:{DAY}:1"


def test_denied_orders_are_told_and_not_sent_again(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.deny = {"sim:A"}
    assert started(desk, where, CONFIG, Life())
    assert len(desk.placed) == len(ORDERS)
    (step,) = [step for step in kept(where).steps if step.name == "orders"]
    assert "3 filled, 3 denied (sim:A: POSITION_LIMIT 21 of 20 %" in step.text


def test_orders_that_were_all_denied_are_not_done(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.deny = set(SYMBOLS)
    assert not started(desk, where, CONFIG, Life())
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert step.name == "orders" and step.text.startswith("6 orders: 0 filled, 5 denied (")
    assert step.text.endswith("; most often: POSITION_LIMIT 21 of 20 %") and "--again targets" in step.todo
    # Again they are neither sent nor done; planned anew they are.
    placed = len(desk.placed)
    assert not started(desk, where, CONFIG, Life()) and len(desk.placed) == placed
    desk.deny = set()
    store = DailyStore(where)
    store.again(kept(where).run.id, repeated("daily", "targets"), desk.now_ns)
    store.close()
    assert started(desk, where, CONFIG, Life()) and desk.held == TARGETS


def test_the_commonest_reason_is_told() -> None:
    def denied(number: int, text: str, state: str = "denied", plan: int = 2) -> StoredOrder:
        return StoredOrder(number, plan, "", b"", "add", "sim:A", "buy", "1", state, text=text)

    mine = [denied(1, "COLLAR 3 %"), denied(2, "NOT_ACTIVE reducing"), denied(3, "NOT_ACTIVE reducing")]
    older = denied(4, "filled", "done", plan=1)
    assert none_taken([older, *mine, denied(5, "its reduction did not fill", "left")]) == mine[1].text
    assert none_taken([*mine, denied(5, "canceled", "done")]) == ""
    assert none_taken([*mine, denied(5, "", "sent")]) == ""
    assert none_taken([denied(5, "planned anew", "left")]) == ""
    assert none_taken([]) == ""


@pytest.mark.parametrize("risk", ["reducing", "halted"])
def test_a_desk_that_takes_no_entries_fails_closed(anew: Callable[[], Path], risk: str) -> None:
    desk, where = Desk(), anew()
    desk.state, desk.state_reason = risk, "paper-run 2026-11-20: the session is over"
    assert not started(desk, where, CONFIG, Life())
    found = kept(where)
    assert desk.placed == {} and found.orders == ()
    (step,) = [step for step in found.steps if step.state == "failed"]
    assert step.name == "targets" and "`A` in the console" in step.todo
    assert f"the desk is {risk.upper()} (paper-run 2026-11-20: the session is over)" in step.text
    # A dry run tells it.
    assert started(desk, where, CONFIG, Life(), dry=True)
    dry = next(one for one in kept_runs(where, 10) if one.run.dry)
    assert next(step for step in dry.steps if step.name == "targets").text.endswith("would be denied")
    desk.state = "active"
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)


def test_a_plan_of_reductions_alone_passes_a_desk_that_reduces(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.state, desk.held = "reducing", {"sim:A": TARGETS["sim:A"] + 2, "sim:B": TARGETS["sim:B"] - 1}
    assert started(desk, where, CONFIG, Life())
    assert desk.held == {"sim:A": TARGETS["sim:A"], "sim:B": TARGETS["sim:B"]}


def test_nothing_is_added_before_what_is_reduced(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.hold = {"sim:B"}
    assert started(desk, where, CONFIG, Life())
    assert [ticket for ticket in sent(desk) if ticket[0] == "sim:B"] == [ORDERS[0]]
    orders = {order.number: order for order in kept(where).orders}
    assert orders[1].state == "sent" and orders[4].state == "left"
    assert orders[4].text == "its reduction did not fill: sent"
    (step,) = [step for step in kept(where).steps if step.name == "orders"]
    assert "1 not sent" in step.text and "1 still open" in step.text


def test_stale_prices_fail_closed_and_say_what_to_do(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()

    def went_stale(method: str, path: str) -> None:
        if path == "/v1/targets/plan":
            desk.stale = {"sim:C"}

    desk.fail = went_stale
    assert not started(desk, where, CONFIG, Life())
    assert desk.placed == {}
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert step.name == "targets" and "sim:C: STALE" in step.text and "their market is open" in step.todo
    assert kept(where).run.text.startswith("targets: 1 symbols have no price")
    desk.fail, desk.stale = lambda method, path: None, set()
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)


@pytest.mark.parametrize("code", ["NotReadyError", "StoreError", "KEY_IN_USE", "OutcomeUnknownError"])
def test_an_order_that_is_not_taken_yet_is_sent_again(anew: Callable[[], Path], code: str) -> None:
    desk, where = Desk(), anew()
    desk.fail = daily_desk.refusing(code, 3, "/v1/orders")
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)


def test_an_order_of_unknown_outcome_is_not_noted_as_denied(anew: Callable[[], Path]) -> None:
    desk, where, life = Desk(), anew(), Life()
    codes = iter(["OutcomeUnknownError"])

    def fail(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/orders"):
            code = next(codes, "StoreError")  # the disk has failed: later ones are refused at once
            raise RefusedError(f"not now ({code})", code)

    desk.fail = fail
    assert not started(desk, where, CONFIG, life)
    assert kept(where).orders[0].state == "sending"
    assert "is not known" in kept(where).run.text


def test_an_order_that_is_refused_for_good_is_not(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.fail = daily_desk.refusing("OrderError", 1, "/v1/orders")
    assert started(desk, where, CONFIG, Life())
    assert kept(where).orders[0].state == "denied" and len(desk.placed) < len(ORDERS)


def test_a_desk_that_follows_targets_is_left_to_itself(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.follows = True
    assert started(desk, where, CONFIG, Life())
    assert desk.placed == {}
    texts = {step.name: step.text for step in kept(where).steps}
    assert "targets.enabled" in texts["targets"] and texts["orders"] == "nothing is to be traded"


def test_books_that_differ_end_the_run_until_they_agree(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.drifts = "paper: 2 differences"
    assert not started(desk, where, CONFIG, Life())
    assert kept(where).run.text == "reconcile: paper: 2 differences"
    desk.drifts = ""
    assert started(desk, where, CONFIG, Life())
    assert_done(desk, where)
    assert {step.name: step.attempt for step in kept(where).steps} == {
        name: 2 if name == "reconcile" else 1 for name in STEPS["daily"]
    }


def test_too_few_fresh_symbols_do_not_pass_the_gate(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    desk.stale = set(SYMBOLS[1:])
    assert not started(desk, where, CONFIG, Life())
    (step,) = [step for step in kept(where).steps if step.state == "failed"]
    assert step.name == "gate" and "no quote for 12 s" in step.text and "--again data" in step.todo


def test_a_model_is_trained_when_it_is_due(anew: Callable[[], Path]) -> None:
    desk, where = Desk(), anew()
    models = msgspec.structs.replace(
        CONFIG.models, retrain=msgspec.structs.replace(CONFIG.models.retrain, every_s=60.0)
    )
    desk.now_ns = max(NOON, Registry(where).list()[0].registered_ns + 120 * 10**9)
    with pytest.raises(Killed):  # after the training was asked for
        desk.fail = _kills_at("GET", "/v1/training", 2)
        started(desk, where, msgspec.structs.replace(CONFIG, models=models), Life())
    trained = desk.training
    assert trained.state == "done"
    desk.fail = lambda method, path: None
    assert started(desk, where, msgspec.structs.replace(CONFIG, models=models), Life())
    assert desk.training is trained  # it is not trained twice
    (step,) = [step for step in kept(where).steps if step.name == "train"]
    assert (step.state, step.text, step.attempt) == ("done", "trained", 2)


def _kills_at(method: str, path: str, time: int) -> Callable[[str, str], None]:
    seen = [0]

    def fail(asked: str, where: str) -> None:
        if (asked, where) == (method, path):
            seen[0] += 1
            if seen[0] == time:
                raise Killed

    return fail


def test_a_bug_is_noted_before_it_is_raised(anew: Callable[[], Path]) -> None:
    def fail(method: str, path: str) -> None:
        if path == "/v1/reconcile":
            raise ZeroDivisionError

    desk, where = Desk(), anew()
    desk.fail = fail
    with pytest.raises(ZeroDivisionError):
        started(desk, where, CONFIG, Life())
    assert kept(where).run.text == "reconcile: internal error (ZeroDivisionError)"
