"""What can be taken out of a database as rows: each kind is one query over its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from engine.errors import StoreError
from engine.store import schema
from engine.store.exact import EXACT, read
from engine.store.fold import TABLES
from engine.store.rows import CurrencyPoint, EquityPoint, PositionPoint

_PLACES = 18
"""Finer than any price or amount of a venue."""
_STEP = Decimal(1).scaleb(-_PLACES)


class Kind(NamedTuple):
    """One thing that can be exported."""

    table: str
    columns: tuple[str, ...]
    order: str
    time: str
    """The column that ``since`` and ``until`` bound; "" when rows are of no time."""
    symbol: bool = True
    outside: tuple[str, ...] = ()
    """Columns whose text may come from outside the desk."""
    source: Mapping[str, str] = MappingProxyType({})
    """The table's name of a column, or SQL that tells it, where it is exported under another."""
    quotients: tuple[str, ...] = ()
    """Columns in which a division may have left as many digits as it is computed in."""


KINDS: Mapping[str, Kind] = {
    "orders": Kind(
        "orders",
        TABLES["orders"],
        "created_ns, client_order_id",
        "created_ns",
        outside=("symbol", "reason", "list_id", "venue_order_id", "who", "gateway"),
    ),
    "fills": Kind("fills", TABLES["fills"], "seq", "ns", outside=("symbol", "trade_id", "currency")),
    "positions": Kind(
        "positions",
        (*TABLES["positions"], "currency"),
        "symbol",
        "",
        outside=("symbol", "currency"),
        quotients=("entry_price", "realized"),
        # A symbol keeps the currency it was first counted in.
        source=MappingProxyType(
            {"currency": "(SELECT currency FROM fills WHERE symbol = positions.symbol ORDER BY seq LIMIT 1)"}
        ),
    ),
    # What trading added since the beginning: the starting cash is the configuration's, and in no table.
    "balances": Kind(
        "balances",
        tuple("flow" if name == "cash" else name for name in TABLES["balances"]),
        "currency",
        "",
        symbol=False,
        outside=("currency",),
        source=MappingProxyType({"flow": "cash"}),
    ),
    "funding": Kind("funding", TABLES["funding"], "seq", "ns", outside=("symbol", "funding_id", "currency")),
    "limits": Kind(
        "limits",
        TABLES["limits"],
        "scope, name",
        "ns",
        symbol=False,
        outside=("scope", "name", "value", "who"),
    ),
    "equity": Kind("equity", EquityPoint.__struct_fields__, "ns", "ns", symbol=False),
    "position-history": Kind(
        "position_points", PositionPoint.__struct_fields__, "ns, rowid", "ns", outside=("symbol",)
    ),
    "currency-history": Kind(
        "currency_points",
        CurrencyPoint.__struct_fields__,
        "ns, rowid",
        "ns",
        symbol=False,
        outside=("currency",),
    ),
    "verdicts": Kind(
        "verdicts",
        ("client_order_id", "ns", "symbol", "approved", "code", "detail"),
        "rowid",
        "ns",
        outside=("symbol", "detail"),
    ),
    "signals": Kind(
        "signals",
        ("ns", "symbol", "source", "family", "score", "confidence", "ttl_ns", "reason"),
        "rowid",
        "ns",
        outside=("symbol", "source", "reason"),
    ),
    "opportunities": Kind(
        "opportunities",
        (
            *("opportunity_id", "symbol", "side", "score", "confidence", "price"),
            *("created_ns", "expires_ns", "merged"),
        ),
        "created_ns, opportunity_id",
        "created_ns",
        outside=("symbol",),
    ),
    "journal": Kind(
        "journal",
        ("seq", "ns", "kind", "client_order_id", "body"),
        "seq",
        "ns",
        symbol=False,
        outside=("client_order_id", "body"),
    ),
}


def rows(
    connection: sqlite3.Connection,
    kind: Kind,
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    symbol: str = "",
) -> sqlite3.Cursor:
    """The kind's rows in order; ``until_ns`` is exclusive. Raises ``StoreError`` for what it cannot tell."""
    _check_version(connection)
    where: list[str] = []
    values: list[int | str] = []
    for bound, comparison in ((since_ns, ">="), (until_ns, "<")):
        if bound is not None:
            if not kind.time:
                raise StoreError(f"{kind.table} are as they are now: leave --since and --until out")
            where.append(f"{kind.time} {comparison} ?")
            values.append(bound)
    if symbol:
        if not kind.symbol:
            raise StoreError(f"{kind.table} are of no single symbol: leave --symbol out")
        where.append("symbol = ?")
        values.append(symbol)
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    connection.create_function("on_step", 1, _on_step, deterministic=True)
    columns = ", ".join(
        f"on_step({name})" if name in kind.quotients else kind.source.get(name, name) for name in kind.columns
    )
    return connection.execute(
        f"SELECT {columns} FROM {kind.table} {condition} ORDER BY {kind.order}",  # noqa: S608
        values,
    )


def _on_step(told: Any) -> Any:
    """A number without the digits that only its computing has; what is none stays as it is."""
    number = read(told)
    exponent = number.as_tuple().exponent if number is not None else 0
    if number is None or not isinstance(exponent, int) or exponent >= -_PLACES:
        return told
    return f"{number.quantize(_STEP, context=EXACT).normalize(EXACT):f}"


def symbols(connection: sqlite3.Connection, kind: Kind) -> list[str]:
    """Of which there are rows; none for a kind of no single symbol. Raises ``StoreError``."""
    _check_version(connection)
    if not kind.symbol:
        return []
    return [one for (one,) in connection.execute(f"SELECT DISTINCT symbol FROM {kind.table}")]  # noqa: S608


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != schema.VERSION:
        raise StoreError(
            f"the database is of version {version}, this tickdesk knows {schema.VERSION}: "
            "start the engine on it once, or upgrade tickdesk"
        )
