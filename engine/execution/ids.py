"""Deterministic identifiers: the same inputs give the same id, in every process and after every restart.

Each is 27 characters: a prefix and 96 bits in hex.
"""

from __future__ import annotations

from hashlib import blake2b

from engine.events import Purpose, Side


def client_order_id(purpose: Purpose, symbol: str, side: Side, decision_ns: int, salt: str = "") -> str:
    """The id of the order that this decision leads to: 27 characters, ``td-`` and 96 bits in hex.

    ``salt`` tells apart decisions that are otherwise equal (an opportunity's id, a counter).
    """
    # Members of these enums are their texts: to ask them for their values takes longer than the digest.
    return "td-" + _digest((purpose, symbol, side, str(decision_ns), salt))


def ticket_order_id(token: str) -> str:
    """The id of the order that a ticket with this token is, whatever else it says and whenever it comes."""
    return "td-" + _digest(("ticket", token))


def child_order_id(parent_id: str, purpose: Purpose) -> str:
    """The id of the child that a bracket's parent has for ``purpose``."""
    return "td-" + _digest(("child", parent_id, purpose))


def list_id(order_ids: tuple[str, ...]) -> str:
    """The id of the list of these orders."""
    return "tl-" + _digest(("list", *order_ids))


def trade_id(order_id: str, n: int) -> str:
    """The id of the ``n``-th fill (from 0) of an order: a fill that is replayed has the id it had."""
    return "tx-" + _digest((order_id, str(n)))


def _digest(parts: tuple[str, ...]) -> str:
    # A separator that no cleaned text contains, so that ("a", "bc") and ("ab", "c") differ.
    return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()
