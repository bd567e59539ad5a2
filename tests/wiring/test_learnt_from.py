"""Figures from the simulated venue say nothing of markets, and are never held against theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.models import artefact, builtin
from engine.models.registry import Registry
from engine.wiring.learnt_from import elsewhere, incomparable, only_simulated
from engine.wiring.take_up import take_up
from tests.wiring.trained import Slot, ranked, registered

MADE_UP, REAL = ("sim:BTC-USD", "sim:ETH-USD"), ("binance:BTCUSDT", "binance:ETHUSDT")


def model(slot: Slot, folder: Path, rank_ic: float, symbols: tuple[str, ...]) -> str:
    found = ranked(artefact.read(builtin.PATH), rank_ic, symbols=symbols)
    return registered(slot, found, folder)


@pytest.mark.parametrize(
    ("learnt", "desk", "strange"),
    [
        (MADE_UP, REAL, True),
        (MADE_UP, MADE_UP, False),
        (MADE_UP, (*MADE_UP[:1], "poll:AAPL"), False),
        (REAL, MADE_UP, False),
        ((*MADE_UP, *REAL), REAL, False),
        ((), REAL, False),
        (MADE_UP, (), False),
    ],
)
def test_a_desk_of_markets_is_strange_to_who_saw_none(
    learnt: tuple[str, ...], desk: tuple[str, ...], strange: bool
) -> None:
    assert bool(elsewhere(learnt, desk)) == strange


def test_nobody_knows_of_a_model_without_symbols() -> None:
    assert not only_simulated(()) and only_simulated(MADE_UP) and not only_simulated((*MADE_UP, *REAL))


@pytest.mark.parametrize(
    ("new", "old", "desk", "asked", "says"),
    [
        (MADE_UP, REAL, REAL, "shadow", "it has only seen the simulated venue, and this desk trades other"),
        (MADE_UP, None, REAL, "shadow", "it has only seen the simulated venue, and this desk trades other"),
        (REAL, MADE_UP, REAL, "shadow", "which is active: that has only seen the simulated venue"),
        (MADE_UP, REAL, MADE_UP, "shadow", "which is active: it has only seen the simulated venue"),
        (MADE_UP, MADE_UP, MADE_UP, "activate", "and is not below"),
        (REAL, REAL, REAL, "activate", "and is not below"),
    ],
)
async def test_what_the_desk_trained_on_other_data_runs_beside(
    tmp_path: Path,
    new: tuple[str, ...],
    old: tuple[str, ...] | None,
    desk: tuple[str, ...],
    asked: str,
    says: str,
) -> None:
    slot = Slot(tmp_path)
    if old is not None:
        slot.registry.activate(model(slot, tmp_path, 0.1, old))
    version = model(slot, tmp_path, 0.4, new)
    assert says in await take_up(slot, version, "activate", "anna", desk=desk)
    assert [one[:2] for one in slot.asked] == [(asked, version)]


def test_an_active_model_that_cannot_be_read_is_held_against_nobody(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    active, new = (model(slot, tmp_path, *one) for one in ((0.1, MADE_UP), (0.4, REAL)))
    slot.registry.activate(active)
    (slot.registry.directory / active / artefact.MANIFEST).write_bytes(b"{")
    registry = Registry(tmp_path)
    assert not incomparable(registry.get(new), registry.active("model"), REAL)
