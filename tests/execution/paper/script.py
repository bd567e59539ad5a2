"""Fill cases as text: what is done and what is reported, one line each; and the same case on the other side.

Steps, ``;`` between them, a millisecond apart:

    buy a 2 limit@100 gtc|ioc|fok|gtd=5 post ro stop@99 take@99 trail@1 from=quote parent=p sib=b,c
    list [buy ... & sell ...]     orders sent together
    q 99x5 101x5                  a quote (bid, ask); "-": no price, "99x?": no size told; "old": stale
    p 100x3 +|-                   a print by itself; the taker bought or sold, where that is known
    d 99x5,98x4 101x5,102x6       a depth snapshot
    wrong                         the book of the depth turned out wrong
    t 10                          ten seconds pass
    cancel a; amend a q=3 p=99 s=98 d=2
    pos -3                        what the position was before: the first step

Reports: ``a accepted``, ``a 2@101 t 0.202`` (quantity, price, taker or maker, fee), ``a updated q=3``, ....
The other side mirrors prices at 100.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.config import PaperConfig
from engine.events import (
    NS,
    Amendment,
    Depth,
    Fill,
    Funding,
    OrderChange,
    OrderRequest,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
    TriggerSource,
)
from engine.execution.gateway import Report
from engine.execution.paper import PaperVenue
from engine.instruments import Instruments

SYMBOL = "sim:BTC-USD"
T0 = 1_700_000_000 * NS
MS = 1_000_000
_TYPES = {"limit": OrderType.LIMIT, "stop": OrderType.STOP, "take": OrderType.TAKE_PROFIT}


def known() -> Instruments:
    instruments = Instruments()
    instruments.add(SYMBOL, tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))
    instruments.add("sim:ETH-USD", tick_size=Decimal("0.01"), lot_size=Decimal("0.01"))
    return instruments


def plain(**changes: Any) -> PaperConfig:
    """Nothing travels, unless it is said."""
    nothing = {"entry_latency_ms": 0.0, "response_latency_ms": 0.0, "latency_jitter_ms": 0.0}
    return PaperConfig(**(nothing | changes))


class Floor:
    """A venue that is played by steps."""

    def __init__(self, *, mirrored: bool = False, **config: Any) -> None:
        self.venue = PaperVenue(plain(**config), known())
        self.mirrored = mirrored
        self.now = T0
        self.reports: list[Report] = []
        self._quote_id = self._trade_id = 0
        self._traded_ns = 0
        self._sides = ((math.nan, math.nan), (math.nan, math.nan))
        self._print = (math.nan, 0.0, 0)

    def play(self, steps: str) -> list[str]:
        """What the steps lead to."""
        for step in steps.split(";"):
            self.now += MS
            self._step(step.strip())
        return [told(report) for report in self.reports]

    def _step(self, step: str) -> None:
        word, _, rest = step.partition(" ")
        venue, now = self.venue, self.now
        if word in ("buy", "sell"):
            self.take(venue.submit(self.order(step), now))
        elif word == "list":
            self.take(
                venue.submit_list([self.order(one.strip()) for one in rest.strip("[]").split("&")], now)
            )
        elif word == "q":
            self._quote(rest.split())
        elif word == "p":
            self._traded(rest.split())
        elif word == "d":
            bids, asks = ([_level(one) for one in side.split(",")] for side in rest.split())
            bids, asks = self._mirror(bids, asks)
            venue.on_depth(Depth(SYMBOL, tuple(bids), tuple(asks), now, now))
        elif word == "wrong":
            venue.forget_depth(SYMBOL)
        elif word == "t":
            self.now += int(float(rest) * NS)
            self.take(venue.due(self.now))
        elif word == "cancel":
            self.take(venue.cancel(rest, now))
        elif word == "amend":
            name, *changes = rest.split()
            self.take(venue.amend(name, self._amendment(changes), now))
        elif word == "pos":
            held = Decimal(rest) * (-1 if self.mirrored else 1)
            venue.restore((), None, {SYMBOL: held}, now)
        else:
            raise ValueError(step)

    def _quote(self, words: Sequence[str]) -> None:
        bids, asks = self._mirror([_level(words[0])], [_level(words[1])])
        self._sides = bids[0], asks[0]
        self._quote_id += 1
        self.tick(stale=words[2:] == ["old"])

    def _traded(self, words: Sequence[str]) -> None:
        price, size = _level(words[0])
        aggressor = {"+": 1, "-": -1}.get(words[1], 0) if len(words) > 1 else 0
        if self.mirrored:
            price, aggressor = 200 - price, -aggressor
        self._print, self._trade_id, self._traded_ns = (price, size, aggressor), self._trade_id + 1, self.now
        self.tick()

    def printed(self, price: float, size: float, *, ago_ns: int) -> None:
        """A print that the venue was not told of, so long ago."""
        self._print, self._trade_id, self._traded_ns = (price, size, -1), self._trade_id + 1, self.now
        self.now += ago_ns

    def tick(self, *, stale: bool = False) -> None:
        """Tell the venue what stands."""
        (bid, bid_size), (ask, ask_size) = self._sides
        last, size, aggressor = self._print
        self.take(
            self.venue.on_quote(
                SYMBOL,
                bid,
                bid_size,
                ask,
                ask_size,
                last,
                self.now,
                self._quote_id,
                stale=stale,
                trade_id=self._trade_id,
                last_size=size,
                traded_ns=self._traded_ns,
                aggressor=aggressor,
            )
        )

    def take(self, reports: Sequence[Report]) -> None:
        self.reports += reports

    def _mirror(self, bids: list[Any], asks: list[Any]) -> tuple[list[Any], list[Any]]:
        if not self.mirrored:
            return bids, asks
        return [(200 - p, s) for p, s in asks], [(200 - p, s) for p, s in bids]

    def _price(self, text: str) -> Decimal:
        return 200 - Decimal(text) if self.mirrored else Decimal(text)

    def _amendment(self, changes: Sequence[str]) -> Amendment:
        found: dict[str, Decimal] = {}
        for change in changes:
            name, _, value = change.partition("=")
            field = {"q": "quantity", "p": "price", "s": "stop_price", "d": "trail"}[name]
            found[field] = self._price(value) if name in "ps" else Decimal(value)
        return Amendment(**found)

    def order(self, text: str) -> OrderRequest:
        side_word, name, quantity, *words = text.split()
        side = Side(side_word)
        fields: dict[str, Any] = {"type": OrderType.MARKET, "reduce_only": False}
        for word in words:
            key, at, value = word.partition("@") if "@" in word else word.partition("=")
            if key == "limit":
                fields["price"] = self._price(value)
                stopped = "stop_price" in fields
                fields["type"] = OrderType.STOP_LIMIT if stopped else OrderType.LIMIT
            elif key in ("stop", "take"):
                fields["stop_price"] = self._price(value)
                fields["type"] = _TYPES[key]
            elif key == "trail":
                fields["trail"], fields["type"] = Decimal(value), OrderType.TRAILING_STOP
            elif key == "ro":
                fields["reduce_only"] = True
            elif key == "post":
                fields["post_only"] = True
            elif key == "from":
                fields["trigger"] = TriggerSource(value)
            elif key == "parent":
                fields["parent_id"] = value
            elif key == "sib":
                fields["siblings"] = tuple(value.split(","))
            elif key == "gtd":
                fields["time_in_force"] = TimeInForce.GTD
                fields["expire_ns"] = T0 + int(float(value) * NS)
            elif key != "market":
                fields["time_in_force"] = TimeInForce(key)
            assert at or key in ("ro", "post", "market", "ioc", "fok", "gtc"), word
        return OrderRequest(
            client_order_id=name,
            symbol=SYMBOL,
            side=side.opposite if self.mirrored else side,
            quantity=Decimal(quantity),
            purpose=Purpose.ENTRY,
            decision_ns=self.now,
            decision_price=100.0,
            **fields,
        )


def _level(text: str) -> tuple[float, float]:
    if text == "-":
        return math.nan, math.nan
    price, _, size = text.partition("x")
    return float(price), math.nan if size == "?" else float(size)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def told(report: Report) -> str:
    """A report as the cases write it."""
    assert not isinstance(report, Funding)
    name = report.client_order_id
    if isinstance(report, Fill):
        kind = report.liquidity[0]
        return f"{name} {_number(report.quantity)}@{_number(report.price)} {kind} {_number(report.fee)}"
    if isinstance(report, OrderChange):
        amendment = report.amendment
        if amendment is None:
            return f"{name} {report.kind.value}"
        parts = (("q", amendment.quantity), ("p", amendment.price), ("s", amendment.stop_price))
        shown = [f"{key}={_number(value)}" for key, value in (*parts, ("d", amendment.trail)) if value]
        return " ".join((name, report.kind.value, *shown))
    return f"{name} {report.state.value}"


def mirrored(line: str) -> str:
    """What the report says on the other side: prices at the mirror, fees of these."""
    words = line.split()
    if "@" in words[1]:
        quantity, price = (Decimal(one) for one in words[1].split("@"))
        rate = Decimal("0.001") if words[2] == "t" else Decimal("0.0002")
        return f"{words[0]} {words[1].split('@')[0]}@{_number(200 - price)} {words[2]} " + _number(
            quantity * (200 - price) * rate
        )
    return " ".join(
        f"{word[:2]}{_number(200 - Decimal(word[2:]))}" if word[:2] in ("p=", "s=") else word
        for word in words
    )


def cases(text: str) -> list[tuple[str, str, list[str]]]:
    """(group and name, steps, reports) of a table: ``[group]`` lines, then ``name: steps`` and below it,
    indented, ``-> reports``."""
    found: list[tuple[str, str, list[str]]] = []
    group = ""
    for line in text.replace("\n    ->", "->").splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line:
            name, _, rest = line.partition(": ")
            steps, _, reports = rest.partition("->")
            told_ = [one.strip() for one in reports.split(";") if one.strip()]
            found.append((f"{group}: {name}", steps.strip(), told_))
    return found
