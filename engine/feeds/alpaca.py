"""Alpaca market data: trades, quotes and minute bars of US equities.

Protocol: https://docs.alpaca.markets/docs/streaming-market-data, …/real-time-stock-pricing-data. A frame is
a list of messages, each with its kind in ``T``. Equities have no order book here: there is best bid and offer
only, and no depth.

- A trade's side is not told. Its id is the exchange's own: with the exchange's letter in its last five bits
  it tells trades apart, and they do not rise by one.
- A quote without a bid or an offer comes with price 0: it is none. Sizes are shares; they were round lots of
  100 until 2025-11-03, when the exchanges' consolidated feeds changed.
- A trade that is cancelled or corrected later was told already: this is noted and told, and not undone.
- The consolidated feed (…/v2/sip) also tells prints that are no price of the moment: averages, prices agreed
  elsewhere or earlier, trades told late; and the official open and close, which tell an auction that was
  printed before once more, with all of its volume. They are skipped. Which these are is in the table of
  https://docs.alpaca.markets/docs/market-data-faq#how-are-bars-aggregated; odd lots, which it leaves out of
  prices too, are trades of the moment here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from engine.events import NS, Candle, FeedState, FeedStatus, Gap, MarketEvent, Quote, Trade
from engine.feeds.base import Amount, Price, Traded, TradeId
from engine.feeds.decoder import VenueDecoder
from engine.feeds.timestamps import MAX_NS, rfc3339_ns
from engine.text import clean

_SHARES_NS = 1_762_128_000 * NS
"""2025-11-03: since then quotes tell shares."""
_ROUND_LOT = 100.0
_MINUTE_S, _DAY_S = 60, 86_400
_MOST_FLAWS = 20
"""Messages of one frame that are told to be wrong, one by one."""
_FLAWS = {
    400: ("a message that it could not read", 0.0),
    401: ("that the keys did not come", 0.0),
    402: ("that the keys are wrong: check TICKDESK_ALPACA_KEY and TICKDESK_ALPACA_SECRET", 60.0),
    404: ("that the keys came too late", 0.0),
    406: ("that another connection with these keys is open, and one is all it allows: close the other", 15.0),
    407: ("that the desk reads too slowly", 0.0),
    408: ("that these keys are not enabled for this data", 60.0),
    409: ("that the subscription does not include this data: choose feeds.alpaca.ws_url …/v2/iex", 60.0),
    500: ("an error of its own", 5.0),
}
"""By code: what the venue says, and the least wait before the reconnect that it makes necessary."""
_WARNINGS = {
    403: "that the keys came twice",
    405: "that these are too many symbols: the free plan takes 30 channels, two a symbol; name at most 15",
    410: "that this data has no such channel",
}
"""The same of what the connection survives."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_NO_PRICES = frozenset("CGHMNPQRUVWZ479")
"""Conditions of trades that are no price of the moment, on every tape."""
_AVERAGE, _NASDAQ = "B", "C"
"""One more, which on the tape of Nasdaq's shares stands for trades that were bunched."""


class _Message(msgspec.Struct, tag_field="T", gc=False):
    """``T`` is the kind."""


class _Trade(_Message, tag="t"):
    S: str
    p: Price
    s: Traded
    t: str
    i: TradeId = -1
    x: str = ""
    c: list[str] | None = None
    z: str = ""


class _Quote(_Message, tag="q"):
    S: str
    bp: Amount
    bs: Amount
    ap: Amount
    as_: Amount = msgspec.field(name="as")
    t: str = ""


class _Bar(_Message, tag="b"):
    S: str
    o: Price
    h: Price
    l: Price  # noqa: E741 (the venue's name)
    c: Price
    v: Amount
    t: str
    n: _Count = 0


class _LateBar(_Bar, tag="u"):
    """Told again: a trade came late."""


class _DayBar(_Bar, tag="d"):
    """So far."""


class _Correction(_Message, tag="c"):
    S: str
    oi: int
    op: float
    os: float
    cp: float
    cs: float


class _Cancel(_Message, tag="x"):
    S: str
    i: int
    p: float
    s: float


class _Success(_Message, tag="success"):
    msg: str = ""


class _Error(_Message, tag="error"):
    code: int
    msg: str = ""


class _Subscription(_Message, tag="subscription"):
    """What is subscribed now."""


class _Status(_Message, tag="s"):
    """Halts and the like, as a tape may hold them."""


class _Band(_Message, tag="l"):
    """Limit up, limit down."""


class _Imbalance(_Message, tag="i"):
    """Of an auction."""


_Known = (
    _Trade | _Quote | _Bar | _LateBar | _DayBar | _Correction | _Cancel | _Success | _Error | _Subscription
    | _Status | _Band | _Imbalance
)  # fmt: skip


class _Any(msgspec.Struct):
    T: str = ""
    stream: str = ""
    action: str = ""


class _Lost(msgspec.Struct):
    T: str
    S: str


_lost = msgspec.json.Decoder(_Lost).decode
_messages = msgspec.json.Decoder(list[_Known]).decode
_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message = msgspec.json.Decoder(_Known).decode
_any = msgspec.json.Decoder(_Any).decode
_KINDS = frozenset({"t", "q", "b", "u", "d", "c", "x", "success", "error", "subscription", "s", "l", "i"})


def trade_id(number: int, exchange: str) -> int:
    """Of its own for each trade of a symbol; -1 where it does not fit."""
    letter = ord(exchange) & 31 if len(exchange) == 1 else 0
    return number << 5 | letter if 0 <= number < 1 << 58 else -1


def is_price(conditions: Sequence[str] | None, tape: str) -> bool:
    """Whether a trade of these conditions was made at a price of the moment."""
    if not conditions:
        return True
    averaged = _AVERAGE in conditions and tape != _NASDAQ
    return not averaged and _NO_PRICES.isdisjoint(conditions)


def shares(size: float, event_ns: int) -> float:
    """Of a quote."""
    return size if event_ns >= _SHARES_NS else size * _ROUND_LOT


class AlpacaDecoder(VenueDecoder):
    """Frames of the stock stream. ``subscriptions`` are sent once the venue has accepted the keys."""

    venue = "alpaca"

    def __init__(self, natives: Iterable[str] | None = None, *, subscriptions: Sequence[str] = ()) -> None:
        super().__init__(natives, book_levels=0)
        self._subscriptions = subscriptions
        self.revised = 0
        """Trades that were cancelled or corrected after they had been told."""

    def decode(self, raw: str | bytes, recv_ns: int, out: list[MarketEvent]) -> None:
        try:
            text = raw if isinstance(raw, str) else raw.decode()
            try:
                messages: Iterable[_Known] = _messages(text)
            except msgspec.ValidationError:
                # One is new, or wrong: it costs the others nothing.
                self._one_by_one(text, recv_ns, out)
                return
            for message in messages:
                self._take(message, recv_ns, out)
        except (msgspec.MsgspecError, UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
            self.malform(raw, error, recv_ns, out)

    def _one_by_one(self, text: str, recv_ns: int, out: list[MarketEvent]) -> None:
        parts = _parts(text) if text.lstrip().startswith("[") else [msgspec.Raw(text.encode())]
        malformed = self.malformed
        for part in parts:
            if self.malformed - malformed > _MOST_FLAWS:
                self.malform(text, "too many messages that are none: the rest is dropped", recv_ns, out)
                return
            try:
                kind = _any(part)
                if kind.T in _KINDS:
                    self._take(_message(part), recv_ns, out)
                elif kind.T or kind.stream or kind.action:
                    self.skipped += 1  # a new kind; or of the stream of orders, or a client's own, on a tape
                else:
                    self.malform(bytes(part), "unknown kind of frame", recv_ns, out)
            except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
                self.malform(bytes(part), error, recv_ns, out)
                self._lose(part, recv_ns, out)

    def _lose(self, part: msgspec.Raw, recv_ns: int, out: list[MarketEvent]) -> None:
        """Nothing else would show that a trade is missing."""
        try:
            lost = _lost(part)
        except (msgspec.MsgspecError, RecursionError):
            return  # not even that can be read
        symbol = self._symbols.get(lost.S, "")
        if lost.T == "t" and symbol:
            out.append(Gap(symbol, -1, -1, "a trade cannot be read", recv_ns))

    def _take(self, message: _Known, recv_ns: int, out: list[MarketEvent]) -> None:
        if isinstance(message, _Quote):
            symbol = self._symbol(message.S)
            if not (message.bp and message.ap):
                self.skipped += 1  # one side is empty: there is no best bid and offer
            elif symbol:
                at = rfc3339_ns(message.t)
                bid_size, ask_size = shares(message.bs, at), shares(message.as_, at)
                out.append(Quote(symbol, message.bp, bid_size, message.ap, ask_size, at, recv_ns))
        elif isinstance(message, _Trade):
            symbol, number = self._symbol(message.S), trade_id(message.i, message.x)
            if not is_price(message.c, message.z):
                self.skipped += 1
            elif symbol:
                at = rfc3339_ns(message.t)
                out.append(Trade(symbol, number, message.p, message.s, 0, at, recv_ns))
        elif isinstance(message, _Bar):
            self._bar(message, recv_ns, out)
        elif isinstance(message, _Correction | _Cancel):
            self._revise(message, recv_ns, out)
        elif isinstance(message, _Error):
            self._refused(message, recv_ns, out)
        elif isinstance(message, _Success):
            if message.msg == "authenticated":
                self.outbox += self._subscriptions
        elif isinstance(message, _Subscription):
            self.acks += 1
        else:
            self.skipped += 1

    def _bar(self, bar: _Bar, recv_ns: int, out: list[MarketEvent]) -> None:
        symbol, open_ns = self._symbol(bar.S), rfc3339_ns(bar.t)
        day = isinstance(bar, _DayBar)
        interval_s = _DAY_S if day else _MINUTE_S
        end_ns = open_ns + interval_s * NS
        if end_ns > MAX_NS:
            raise ValueError("a bar outside of 1970 to 2262")
        if symbol:
            prices = bar.o, bar.h, bar.l, bar.c
            told = bar.v, not day, recv_ns if day else end_ns
            out.append(Candle(symbol, interval_s, open_ns, *prices, *told, recv_ns, bar.n or -1))

    def _revise(self, message: _Correction | _Cancel, recv_ns: int, out: list[MarketEvent]) -> None:
        if not self._symbol(message.S):
            return
        self.revised += 1
        name = clean(message.S, 20)
        if isinstance(message, _Cancel):
            detail = f"{name}: the exchange cancelled a trade of {message.s:g} at {message.p:g}"
        else:
            new = f"{message.cs:g} at {message.cp:g}"
            detail = f"{name}: the exchange corrected a trade of {message.os:g} at {message.op:g} to {new}"
        out.append(FeedStatus(self.venue, FeedState.UP, detail, recv_ns))

    def _refused(self, error: _Error, recv_ns: int, out: list[MarketEvent]) -> None:
        what, self.reconnect_delay_s = _FLAWS.get(error.code, ("", self.reconnect_delay_s))
        survives = _WARNINGS.get(error.code, "")
        told = what or survives or clean(error.msg, 80)
        detail = self.troubles[""] = f"the venue says {told} (code {error.code})"
        if what:
            self.reconnect = detail
        out.append(FeedStatus(self.venue, FeedState.STALE, detail, recv_ns))
