"""Fills, orders and funding for tests of the books, and random days of trading."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from engine.events import NS, Fill, Funding, OrderRequest, OrderType, Purpose, Side
from engine.portfolio.books import Books

D = Decimal
BTC, ETH, EURO, YEN = "sim:BTC-USD", "sim:ETH-USDT", "sim:BTC-EUR", "sim:BTC-JPY"
CURRENCIES = {BTC: "", ETH: "USDT", EURO: "EUR", YEN: "JPY"}
SOURCES = ("trend", "model", "rapid_rise")
DAY = 86_400 * NS
T0 = 19_000 * DAY + 12 * 3600 * NS


def books(cash: str = "10000") -> Books:
    return Books(D(cash), "USD", ("USD", "USDT"))


def fill(
    n: int,
    quantity: str | Decimal,
    price: str | Decimal,
    fee: str | Decimal = "0",
    symbol: str = BTC,
    ns: int | None = None,
    decision: float | None = None,
) -> Fill:
    """The n-th fill, of a signed quantity, in the symbol's currency."""
    signed = D(quantity)
    side = Side.BUY if signed > 0 else Side.SELL
    decision = float(price) if decision is None else decision
    at = T0 + n * NS if ns is None else ns
    return Fill(
        f"tx-{n}", f"td-{n}", symbol, side, abs(signed), D(price), D(fee), "taker", decision, at,
        CURRENCIES[symbol],
    )  # fmt: skip


def order(one: Fill, *sources: str, purpose: Purpose = Purpose.ENTRY) -> OrderRequest:
    """The order that a fill is of; without strategies a person's."""
    opportunity = f"op-{one.trade_id}" if sources else ""
    return OrderRequest(
        one.client_order_id, one.symbol, one.side, OrderType.MARKET, one.quantity, purpose,
        purpose is not Purpose.ENTRY, one.ns, one.decision_price, opportunity, "", sources,
    )  # fmt: skip


def funding(n: int, amount: str | Decimal, symbol: str = BTC, currency: str | None = None) -> Funding:
    paid_in = CURRENCIES[symbol] if currency is None else currency
    return Funding(f"fu-{n}", symbol, D(amount), paid_in, 0.0001, T0 + n * NS)


class Bought:
    """What a random step does: a fill."""

    def __init__(self, symbol: str, lots: int, ticks: int, fee: int, sources: list[str], kind: str) -> None:
        self.symbol, self.sources, self.kind = symbol, tuple(sources), kind
        self.lots, self.price, self.fee = lots, D(ticks).scaleb(-5), D(fee).scaleb(-8)

    def __repr__(self) -> str:
        return f"Bought({self.symbol}, {self.lots}, {self.price}, {self.fee}, {self.sources}, {self.kind})"

    def quantity(self, held: Decimal) -> Decimal:
        """Signed: a plain one, all that is held, a part of it, or more than all of it."""
        plain = D(self.lots).scaleb(-6)
        if not held or self.kind == "plain":
            return plain
        if self.kind == "dust":
            return D(self.lots).scaleb(-17)
        if self.kind == "part":  # of what is held, in a proportion that no decimal number is
            return plain.copy_sign(-held) if abs(plain) < abs(held) else -held / 2
        part = {"close": D(1), "turn": D("1.7")}[self.kind]
        return (-held * part).quantize(D("1e-18")) or plain


symbols = st.sampled_from([BTC, ETH, EURO, YEN])
fills = [
    st.builds(
        Bought,
        st.sampled_from(traded),
        st.integers(-(10**9), 10**9).filter(bool),
        st.integers(1, 10**10),
        st.integers(-(10**6), 10**9),
        st.lists(st.sampled_from(SOURCES), unique=True, max_size=3),
        st.sampled_from(kinds),
    )
    for traded in ((BTC,), (EURO,), (BTC, ETH, EURO, YEN))
    for kinds in (("plain",), ("part", "dust"), ("part", "close", "turn"))
]
marks = st.tuples(st.just("mark"), symbols, st.integers(1, 10**10).map(lambda n: D(n).scaleb(-5)))
rates = st.tuples(
    st.just("rate"),
    st.sampled_from(["EUR", "JPY"]),
    st.none() | st.integers(1, 10**9).map(lambda n: D(n).scaleb(-6)),
)
payments = st.tuples(st.just("fund"), symbols, st.integers(-(10**9), 10**9).map(lambda n: D(n).scaleb(-7)))
days = st.tuples(st.just("roll"), st.just(""), st.integers(0, 2 * DAY))
steps = st.lists(st.one_of(*fills, marks, rates, payments, days), min_size=8, max_size=60)
