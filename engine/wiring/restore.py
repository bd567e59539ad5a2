"""The start of a live desk on what earlier runs left behind: journal, settings, positions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from engine.errors import OrderError, StoreError
from engine.events import RiskState
from engine.feeds.base import Feed
from engine.store.store import Store
from engine.wiring.desk import Desk
from engine.wiring.sources import brought_symbols, unfed_symbols

log = logging.getLogger("engine")

SOURCE = "source"


def restore(store: Store, desk: Desk, now_ns: int, *, where: Path, tape: bool) -> None:
    """Fold the journal into the desk and take up its settings.

    Raises StoreError for a journal of the other kind (live or tape), or one that contradicts itself.
    """
    events = store.recover()
    for text in store.repaired:
        log.warning("store: %s", text)
    settings = store.settings()
    source = "tape" if tape else "live"
    before = settings.get(SOURCE, "live" if events else source)
    if before != source or (events and tape):
        raise StoreError(f"{where} holds the journal of a {before} desk: choose another --state-dir")
    store.put_setting(SOURCE, source)
    try:
        desk.restore(events, now_ns, settings)
    except OrderError as error:
        raise StoreError(
            f"the journal in {where} contradicts itself ({error}): keep it, choose another --state-dir"
        ) from error
    desk.take_up(settings)
    for text in desk.trading.books.check():
        log.error("ledger: %s", text)
    if events:
        _tell_restored(desk, len(events))


def _tell_restored(desk: Desk, events: int) -> None:
    trading = desk.trading
    held = ", ".join(f"{p.quantity} {p.symbol}" for p in trading.ledger.positions()) or "no position"
    log.info("restored %d journal events: %s; stops are watched again", events, held)
    if trading.gate.state is not RiskState.ACTIVE:
        log.warning("still %s: %s", trading.gate.state.value.upper(), trading.gate.reason)


def tell_unfed(desk: Desk, feeds: Sequence[Feed]) -> None:
    """Positions of symbols that no feed of this run brings: nothing can price or close them.

    And symbols of the configuration that none brings.
    """
    brought = brought_symbols(desk.config, feeds)
    unfed = [p.symbol for p in desk.trading.ledger.positions() if p.symbol not in brought]
    if unfed:
        text = f"no feed brings {', '.join(unfed)}: neither priced nor closed until one does"
        desk.alert("error", "positions", text)
    named = unfed_symbols(desk.config, feeds)
    if named:
        log.warning("%s", named)
        desk.alert("warning", "config", named)
