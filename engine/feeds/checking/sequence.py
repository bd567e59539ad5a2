"""Holes in the numbers that venues give their messages and trades, found apart from the adapters.

An adapter must notice each of them; what it did not notice is an undetected gap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

import msgspec

_RUNS = 10_000


class Ids:
    """Which trade ids of one symbol were seen, as runs without a hole."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, trade_id: int) -> bool:
        """False when it was seen before."""
        starts, ends = self._starts, self._ends
        if ends and trade_id == ends[-1] + 1:
            ends[-1] = trade_id
            return True
        at = bisect_right(starts, trade_id)
        if at and trade_id <= ends[at - 1]:
            return False
        before = at > 0 and ends[at - 1] == trade_id - 1
        after = at < len(starts) and starts[at] == trade_id + 1
        if before and after:
            ends[at - 1] = ends[at]
            del starts[at], ends[at]
        elif before:
            ends[at - 1] = trade_id
        elif after:
            starts[at] = trade_id
        elif len(starts) < _RUNS:
            starts.insert(at, trade_id)
            ends.insert(at, trade_id)
        return True

    def add_run(self, first: int, last: int) -> None:
        """All ids from ``first`` to ``last``."""
        starts, ends = self._starts, self._ends
        if not ends or first > ends[-1] + 1:
            if len(starts) < _RUNS:
                starts.append(first)
                ends.append(last)
        elif first == ends[-1] + 1:
            ends[-1] = last
        else:
            for trade_id in range(first, last + 1):
                self.add(trade_id)

    @property
    def gaps(self) -> int:
        return max(len(self._starts) - 1, 0)

    @property
    def missing(self) -> int:
        """How many ids are missing between the first and the last."""
        if not self._starts:
            return 0
        seen = sum(end - start + 1 for start, end in zip(self._starts, self._ends, strict=True))
        return self._ends[-1] - self._starts[0] + 1 - seen


class _Step(NamedTuple):
    """A numbered message: of what, the number that must have come before it (None: it begins anew), and
    its own."""

    of: str
    after: int | None
    number: int
    repeat: bool = False
    """One that was seen before may come again."""


class _BinanceData(msgspec.Struct):
    e: str = ""
    s: str = ""
    U: int = 0
    u: int = 0
    pu: int | None = None


class _BinanceFrame(msgspec.Struct):
    data: _BinanceData | None = None
    e: str = ""


class _AdvancedFrame(msgspec.Struct):
    sequence_num: int


class _OkxLevels(msgspec.Struct):
    seqId: int | None = None
    prevSeqId: int | None = None


class _OkxArg(msgspec.Struct):
    channel: str
    instId: str


class _OkxFrame(msgspec.Struct):
    arg: _OkxArg
    data: list[_OkxLevels]


class _BybitData(msgspec.Struct):
    u: int


class _BybitFrame(msgspec.Struct):
    topic: str
    type: str
    data: _BybitData


_binance = msgspec.json.Decoder(_BinanceFrame)
_advanced = msgspec.json.Decoder(_AdvancedFrame)
_okx = msgspec.json.Decoder(_OkxFrame)
_bybit = msgspec.json.Decoder(_BybitFrame)


def _steps_binance(raw: str) -> list[_Step]:
    frame = _binance.decode(raw)
    data = frame.data or msgspec.json.decode(raw, type=_BinanceData)
    if data.e != "depthUpdate":
        return []
    return [_Step(data.s, data.U - 1 if data.pu is None else data.pu, data.u, True)]


def _steps_advanced(raw: str) -> list[_Step]:
    number = _advanced.decode(raw).sequence_num
    return [_Step("", number - 1 if number else None, number)]


def _steps_okx(raw: str) -> list[_Step]:
    frame = _okx.decode(raw)
    return [
        _Step(
            f"{frame.arg.channel} {frame.arg.instId}",
            None if one.prevSeqId == -1 else one.prevSeqId,
            one.seqId,
        )
        for one in frame.data
        if one.seqId is not None and one.prevSeqId is not None
    ]


def _steps_bybit(raw: str) -> list[_Step]:
    frame = _bybit.decode(raw)
    anew = frame.type != "delta" or frame.data.u == 1
    return [_Step(frame.topic, None if anew else frame.data.u - 1, frame.data.u)]


class _Numbered(NamedTuple):
    kinds: frozenset[str]
    """Channels whose messages are numbered; none: all of the connection's in one row."""
    steps: Callable[[str], list[_Step]]


_VENUES = {
    "binance": _Numbered(frozenset({"depth", "depthUpdate"}), _steps_binance),
    "binance-futures": _Numbered(frozenset({"depth", "depthUpdate"}), _steps_binance),
    "coinbase-advanced": _Numbered(frozenset(), _steps_advanced),
    "okx": _Numbered(frozenset({"books", "books-l2-tbt", "books50-l2-tbt"}), _steps_okx),
    "bybit": _Numbered(frozenset({"orderbook"}), _steps_bybit),
    "bybit-linear": _Numbered(frozenset({"orderbook"}), _steps_bybit),
}


class Sequence:
    """The numbered messages of one connection."""

    def __init__(self, venue: str) -> None:
        self._numbered = _VENUES.get(venue)
        self._last: dict[str, int] = {}

    def holes(self, kind: str, raw: str) -> int:
        """How many messages, or runs of them, are missing right before this one. What is not numbered, or not
        of the venue's own form, has none."""
        if self._numbered is None or (self._numbered.kinds and kind not in self._numbered.kinds):
            return 0
        try:
            steps = self._numbered.steps(raw)
        except (msgspec.MsgspecError, ValueError):
            return 0
        found = 0
        for of, after, number, repeat in steps:
            last = self._last.get(of)
            if last is not None and after is not None and after != last:
                found += not (repeat and after < last)
            self._last[of] = number
        return found
