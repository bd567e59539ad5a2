"""The checkpoints of a journal, walked from the first: each fits the events before it, and the fold there."""

from __future__ import annotations

import sqlite3

import msgspec

from engine.store.checkpoints import BEGINNING, Chain, Checkpoint, newest
from engine.store.findings import Findings
from engine.store.fold import Fold, Held

CHAIN = "checkpoints fit the journal"


class ChainAudit:
    """``see`` every event in order."""

    def __init__(self, connection: sqlite3.Connection, findings: Findings) -> None:
        self._findings = findings
        self._left = newest(connection, -1)
        self._chain = Chain(BEGINNING)
        findings.count(CHAIN, len(self._left))

    def see(self, seq: int, body: str, fold: Fold) -> None:
        """``fold`` has the event in it."""
        if not self._left:
            return
        self._chain.add(body)
        if seq >= self._left[0].seq:
            checkpoint = self._left.pop(0)
            self._compare(checkpoint, fold)
            self._chain = Chain(checkpoint)

    def end(self) -> None:
        for checkpoint in self._left:
            self._findings.problem(CHAIN, f"checkpoint {checkpoint.seq}: the journal ends before it")

    def _compare(self, checkpoint: Checkpoint, fold: Fold) -> None:
        where = f"checkpoint {checkpoint.seq}"
        if self._chain.digest() != checkpoint.digest:
            self._findings.problem(CHAIN, f"{where}: the events before it are not those it was made of")
        if not checkpoint.body:
            return  # let go: its digest is all that is kept
        if not checkpoint.whole:
            self._findings.problem(CHAIN, f"{where}: its body was changed")
            return
        try:
            held = checkpoint.held()
        except msgspec.MsgspecError as error:
            self._findings.problem(CHAIN, f"{where}: {error}")
            return
        if _sorted(held) != _sorted(fold.held()):
            self._findings.problem(CHAIN, f"{where}: its body is not the journal's fold")


def _sorted(held: Held) -> Held:
    return Held(
        tuple(sorted(held.positions, key=lambda one: one.symbol)),
        tuple(sorted(held.balances, key=lambda one: one.currency)),
        tuple(sorted(held.limits, key=lambda one: (one.scope, one.name))),
        tuple(sorted(held.open_orders)),
    )
