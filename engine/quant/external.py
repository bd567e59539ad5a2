"""An external quant server's side of the exchange, without IO: what is asked, and what its answer means.

Its scores become signals of the source ``external:<server>:<family>``, which stand in for the engine's own
modules while they live. "combined" is told in their reason, and not blended: the engine blends itself.
"block" in any place means: no entries in this symbol for now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from engine.events import NS, Family, Signal
from engine.refusal import refused
from engine.signal_exchange import Answer, Candle, SignalsReply, SignalsRequest
from engine.text import clean

PREFIX = "external:"
BLOCK = "block"
MAX_REPLY = 1 << 16
"""Bytes."""

_FAMILIES = (
    ("speed", Family.SPEED),
    ("microstructure", Family.MICROSTRUCTURE),
    ("oi", Family.OPEN_INTEREST),
    ("options", Family.OPTIONS),
    ("sentiment", Family.SENTIMENT),
    ("volatility", Family.VOLATILITY),
)
_MS = 1_000_000
_REPLY = msgspec.json.Decoder(SignalsReply)
_ENCODER = msgspec.json.Encoder()


class Judged(NamedTuple):
    """What an answer says of one symbol."""

    signals: tuple[Signal, ...]
    block: str
    """Why entries are blocked, "" when they are not."""


def request(symbol: str, bars: npt.NDArray[np.float64], open_ns: npt.NDArray[np.int64], now_ns: int) -> bytes:
    """The body that asks for ``symbol``.

    ``bars``: (n, 5 or more) of open, high, low, close, volume, oldest first; ``open_ns``: when each began.
    """
    candles = tuple(
        Candle(began_ns // _MS, *row)
        for began_ns, row in zip(open_ns.tolist(), bars[:, :5].tolist(), strict=True)
    )
    return _ENCODER.encode(SignalsRequest(symbol, candles, now_ns // _MS))


def judge(body: bytes, symbol: str, server: str, now_ns: int, *, ttl_ns: int, confidence: float) -> Judged:
    """What it says is as old as its timestamp says: a server may answer from what it keeps.

    Raises ValueError (one line) for an answer that is none, that holds a score beyond [-1, 1], or whose
    ``ttl_ns`` was over when it came; "block" counts all the same.
    """
    if len(body) > MAX_REPLY:
        raise ValueError(f"an answer of {len(body)} bytes, more than {MAX_REPLY}")
    try:
        reply = _REPLY.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        said = _said(body)
        wrong = f"refused: {clean(refused(error, SignalsReply, said, json=True), 120)}"
        scored = said.get("signals") if isinstance(said, dict) else None
        block = _blocked(server, scored.get) if isinstance(scored, dict) else ""
        if block:  # whatever else is wrong, entries rather wait; what it was sent may be in that
            return Judged((), f"{block}; the rest of its answer is refused")
        raise ValueError(wrong) from None
    scores = reply.signals
    block = _blocked(server, partial(getattr, scores))
    # A clock that is ahead of ours makes nothing newer than now.
    # Not before 1970: it may have more digits than a float takes.
    age_ns = max(now_ns - max(reply.timestamp, 0) * _MS, 0)
    if age_ns >= ttl_ns:
        told = clean(reply.timestamp, 24)
        late = f"its timestamp {told} is {age_ns / NS:,.1f} s old, ttl_s is {ttl_ns / NS:g}"
        if block:  # whatever the clocks say, entries rather wait
            return Judged((), f"{block}; {late}")
        raise ValueError(f"{late}: milliseconds since the epoch, UTC")
    told_ns = now_ns - age_ns
    signals = []
    for name, family in _FAMILIES:
        score: Answer = getattr(scores, name)
        if isinstance(score, float):
            reason = (
                f"{server}: {name} {score:+.2f}{_combined(scores.combined)}, in {reply.latency_ms:.6g} ms"
            )
            signals.append(
                Signal(symbol, f"{PREFIX}{server}:{name}", family, score, confidence, told_ns, ttl_ns, reason)
            )
    return Judged(tuple(signals), block)


def _said(body: bytes) -> object:
    """What it is, where it is JSON at all."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _blocked(server: str, score_of: Callable[[str], object]) -> str:
    """Where it says block; "" where it does not."""
    places = [name for name in (*(name for name, _ in _FAMILIES), "combined") if score_of(name) == BLOCK]
    return f"{server} says block ({', '.join(places)})" if places else ""


def _combined(score: Answer) -> str:
    return f", combined {score:+.2f}" if isinstance(score, float) else ""


def sources(server: str) -> Sequence[str]:
    """The sources that a server's signals can have."""
    return tuple(f"{PREFIX}{server}:{name}" for name, _ in _FAMILIES)
