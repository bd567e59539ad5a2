"""What Alpaca sends, decoded. Numbers come as text or as JSON numbers; both are taken exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.errors import OrderError
from engine.text import clean

_ZERO = Decimal(0)
_LARGEST = Decimal("1e18")
"""A quantity, price or amount beyond it is no number of a venue; arithmetic below it stays exact."""
_FINEST = -36
"""Decimal places: text of a number that has a billion of them fills the memory."""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$", re.ASCII)

T = TypeVar("T")


class OrderRow(msgspec.Struct, frozen=True):
    """An order, in an answer of REST and in an update."""

    id: str
    symbol: str
    status: str
    side: str
    client_order_id: str = ""
    type: str = ""
    qty: Decimal | None = None
    filled_qty: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    legs: list[OrderRow] | None = None

    @property
    def filled(self) -> Decimal:
        return self.filled_qty or _ZERO


class Update(msgspec.Struct, frozen=True):
    """The ``data`` of a ``trade_updates`` frame."""

    event: str
    order: OrderRow
    event_id: str | None = None
    execution_id: str | None = None
    timestamp: str | None = None
    at: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    """Of this execution."""


class Status(msgspec.Struct, frozen=True):
    """The ``data`` of the other frames."""

    status: str = ""
    action: str = ""
    error: str = ""
    streams: tuple[str, ...] = ()


class Frame(msgspec.Struct, frozen=True):
    """A frame of the stream, its ``data`` not decoded yet."""

    stream: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Execution(msgspec.Struct, frozen=True):
    """A row of the account's activities of the type FILL."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cum_qty: Decimal | None = None
    transaction_time: str | None = None

    @property
    def execution_id(self) -> str:
        """The activity's id is a time and, behind ``::``, the execution's own."""
        return self.id.rpartition("::")[2]


class FeeRow(msgspec.Struct, frozen=True):
    """A row of the account's activities of the types FEE and CFEE."""

    id: str
    net_amount: Decimal | None = None
    """In the account's currency, below zero when paid; 0 or absent where it was taken in kind."""


class AccountRow(msgspec.Struct, frozen=True):
    cash: Decimal
    currency: str = "USD"
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    """Of each of the three: it takes no order while it stands."""

    @property
    def blocks(self) -> str:
        """Those that stand, as Alpaca calls them."""
        names = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
        return ", ".join(name for name in names if getattr(self, name))


class PositionRow(msgspec.Struct, frozen=True):
    symbol: str
    qty: Decimal
    side: str = ""
    qty_available: Decimal | None = None
    """Not promised to other orders."""


class Refusal(msgspec.Struct, frozen=True):
    """The body of an answer that is an error."""

    code: int = 0
    message: str = ""


DUPLICATE_ID = 40010001
"""Code of a refusal: the client order id was used before."""


def decode(body: bytes, kind: type[T]) -> T:
    """Raises OrderError, in words that do not repeat the body, when it is not a ``kind`` of sane numbers."""
    try:
        decoded = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OrderError(f"unreadable: {clean(error, 120)}") from None
    rows = decoded if isinstance(decoded, list) else (decoded,)
    for row in rows:
        _check(row)
    return decoded


def _check(row: object) -> None:
    """Refuse NaN, infinities and absurd sizes, which JSON text can hold."""
    if not isinstance(row, msgspec.Struct):
        return
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, Decimal):
            if not _is_sane(value):
                raise OrderError(f"unreadable: {name} is no number of a venue")
        elif isinstance(value, list):
            for inner in value:
                _check(inner)
        else:
            _check(value)


def _is_sane(value: Decimal) -> bool:
    """Compared exactly: arithmetic would raise for what is beyond its own range."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _FINEST and value.copy_abs() <= _LARGEST


def refusal(body: bytes) -> Refusal:
    """The error an answer tells; of a body that is none, its beginning."""
    try:
        told = msgspec.json.decode(body, type=Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal(0, clean(body[:400].decode("utf-8", "replace"), 120))
    return Refusal(told.code, clean(told.message, 160))


def stamp_ns(text: str | None, default: int) -> int:
    """An RFC 3339 time with up to 9 decimals as ns since the epoch; ``default`` for anything else."""
    match = _STAMP.match(text or "")
    if match is None:
        return default
    seconds, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(seconds + ("+00:00" if zone in "Zz" else zone))
    except ValueError:
        return default
    return int(whole.astimezone(UTC).timestamp()) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


def same_symbol(one: str, other: str) -> bool:
    """Whether two spellings are one symbol: Alpaca says ``BTC/USD`` for orders, ``BTCUSD`` for positions."""
    return plain(one) == plain(other)


def plain(symbol: str) -> str:
    return symbol.replace("/", "").upper()
