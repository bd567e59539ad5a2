"""Ids depend on their inputs and on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Purpose, Side
from engine.execution.ids import child_order_id, client_order_id, list_id, ticket_order_id, trade_id

KNOWN = client_order_id(Purpose.ENTRY, "sim:BTC-USD", Side.BUY, 1_700_000_000, "op-1")


def test_ids_are_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "from engine.events import Purpose, Side\n"
        "from engine.execution.ids import client_order_id, trade_id\n"
        "i = client_order_id(Purpose.ENTRY, 'sim:BTC-USD', Side.BUY, 1_700_000_000, 'op-1')\n"
        "print(i, trade_id(i, 3))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert out.stdout.split() == [KNOWN, trade_id(KNOWN, 3)]


@settings(max_examples=100)
@given(st.text(max_size=40), st.integers(), st.text(max_size=60))
def test_ids_fit_what_brokers_accept(symbol: str, ns: int, salt: str) -> None:
    made = client_order_id(Purpose.STOP_LOSS, symbol, Side.SELL, ns, salt)
    assert len(made) <= 36 and made.isascii() and made.replace("-", "").isalnum()


def test_every_input_tells_ids_apart() -> None:
    made = {
        KNOWN,
        client_order_id(Purpose.FLATTEN, "sim:BTC-USD", Side.BUY, 1_700_000_000, "op-1"),
        client_order_id(Purpose.ENTRY, "sim:ETH-USD", Side.BUY, 1_700_000_000, "op-1"),
        client_order_id(Purpose.ENTRY, "sim:BTC-USD", Side.SELL, 1_700_000_000, "op-1"),
        client_order_id(Purpose.ENTRY, "sim:BTC-USD", Side.BUY, 1_700_000_001, "op-1"),
        client_order_id(Purpose.ENTRY, "sim:BTC-USD", Side.BUY, 1_700_000_000, "op-2"),
    }
    assert len(made) == 6
    assert len({trade_id(KNOWN, n) for n in range(1000)}) == 1000


def test_ids_of_one_kind_are_never_those_of_another() -> None:
    made = [
        ticket_order_id("a"),
        ticket_order_id("b"),
        child_order_id("a", Purpose.STOP_LOSS),
        child_order_id("a", Purpose.TAKE_PROFIT),
        child_order_id("b", Purpose.STOP_LOSS),
        list_id(("a",)),
        list_id(("a", "b")),
        list_id(("ab",)),
        trade_id("a", 0),
    ]
    assert len({identity[3:] for identity in made}) == len(made)
    assert all(len(identity) == 27 and identity.isascii() for identity in made)
    assert ticket_order_id("a") == made[0]
