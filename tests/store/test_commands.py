"""The log of commands and their keys: on disk before what they lead to, bounded, done once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.store.commands import (
    UNANSWERED,
    Command,
    StoredKey,
    answer_key,
    claim_key,
    commands,
    free_key,
    prune_commands,
    prune_keys,
)
from engine.store.store import Store
from tests.store import samples


def command(number: int, status: int = UNANSWERED, who: str = "token bot") -> Command:
    outcome = "done" if status else ""
    return Command(
        f"n{number}", number, who, "trade", "::1", "POST", "/v1/kill", "", "", status, outcome, status
    )


def swiftly(store: Store, query: Callable[[sqlite3.Connection], Any]) -> Any:
    answered = threading.Event()
    told: list[Any] = []

    def answer(value: Any, error: Exception | None) -> None:
        told.append(value if error is None else error)
        answered.set()

    store.ask(query, answer, swift=True)
    assert answered.wait(10)
    return told[0]


def test_a_command_is_on_disk_with_the_order_that_it_led_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    store.start()
    try:
        store.behind(command(1))
        store.commit_now(samples.order(1))
        with sqlite3.connect(tmp_path / "desk.db") as seen:  # at once, not with the next batch
            assert seen.execute("SELECT number, status FROM commands").fetchall() == [("n1", UNANSWERED)]
        seen.close()
        store.behind(command(1, 200))
        store.behind(command(2, 409, "console x"))
        assert store.flush()
        read = store.reader().commands
        assert [(row.id, row.ns, row.status, row.outcome) for row in read(99, 10)] == [
            (2, 2, 409, "done"),
            (1, 1, 200, "done"),
        ]
        assert [row.id for row in read(2, 10)] == [1] and [row.id for row in read(99, 1)] == [2]
        assert [row.id for row in read(99, 10, who="token bot")] == [1]
        assert [row.id for row in read(99, 10, since_ns=2)] == [2]
    finally:
        store.close()


def test_the_oldest_commands_go() -> None:
    store = Store(None)
    store.start()
    try:
        for number in range(1, 11):
            store.behind(command(number, 200))
        assert store._call(prune_commands(3)) == 7
        assert [row.ns for row in store._call(commands(99, 99))] == [10, 9, 8]
    finally:
        store.close()


def test_a_key_is_one_owner_s_until_it_is_free_or_old(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    store = Store(path)
    store.start()
    assert swiftly(store, claim_key("bot", "k", "digest", 5)) is None
    assert swiftly(store, claim_key("eve", "k", "other", 6)) is None
    store.close()
    store = Store(path)  # a key outlives its engine
    store.start()
    try:
        kept = swiftly(store, claim_key("bot", "k", "else", 7))
        assert kept == StoredKey("digest", 5, UNANSWERED, b"")
        swiftly(store, answer_key("bot", "k", 200, b"{}"))
        kept = swiftly(store, claim_key("bot", "k", "digest", 7))
        assert msgspec.structs.astuple(kept) == ("digest", 5, 200, b"{}")
        swiftly(store, free_key("eve", "k"))
        assert swiftly(store, claim_key("eve", "k", "new", 8)) is None
        for at in range(20, 30):
            swiftly(store, claim_key("bot", f"k{at}", "d", at))
        assert store._call(prune_keys(8, 4, 100)) == 1 + 7
        assert swiftly(store, claim_key("bot", "k", "anew", 31)) is None
        assert swiftly(store, claim_key("bot", "k29", "x", 31)).digest == "d"
        for key in ("k28", "k29", "k"):
            swiftly(store, answer_key("bot", key, 200, b"12345"))
        store._call(prune_keys(8, 100, 10))
        replies = [swiftly(store, claim_key("bot", key, "d", 32)).reply for key in ("k28", "k29", "k")]
        assert replies == [b"", b"12345", b"12345"], "the newest ones, and of the other its status"
        assert swiftly(store, claim_key("bot", "k28", "d", 32)).status == 200
    finally:
        store.close()
