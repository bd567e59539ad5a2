"""What the execution worker's desk knows of the market as of a round: windows, bars, indicators, prices,
signals.

Kept on the bus as a shard's memory is: fields of a hash, of which only what changed is written again. Orders,
positions and what watches them are the journal's: they are not in here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from engine.config import Config
from engine.errors import BusError
from engine.features.engine import FeatureEngine
from engine.features.remember import Remembered, take_up
from engine.wiring.desk import Desk
from engine.workers.checkpoint import layout_of

log = logging.getLogger("engine.execution")

_HEAD, _QUANT, _BLEND = "head", "quant", "blend"


class DeskHead(msgspec.Struct, frozen=True, array_like=True):
    layout: str
    """Of another one the rest means something else."""
    round: int
    symbols: tuple[tuple[str, float], ...]
    """By the index that they have in the desk, with a price to assume a grid from where none was told."""
    sources: tuple[tuple[str, str], ...]
    """(source, family) of the signals, by column."""


_encode = msgspec.msgpack.Encoder().encode
_head_of = msgspec.msgpack.Decoder(DeskHead).decode


class DeskMemory:
    """Tells what a desk remembers, and from the second time on only what changed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._engine = Remembered(desk.features)

    def forget(self) -> None:
        """It is not sure that what was told is kept: tell all of it again."""
        self._engine.forget()

    def changes(self, number: int) -> dict[str, bytes]:
        """Fields to write, as of round ``number``, between two rounds."""
        desk = self._desk
        found = self._engine.changes()
        symbols = tuple((one.symbol, _price(desk.features, one.index)) for one in desk.instruments)
        sources, found[_BLEND] = desk.signals.blender.memory()
        found[_QUANT] = desk.signals.quant.memory()
        found[_HEAD] = _encode(DeskHead(layout_of(desk.config), number, symbols, tuple(sources)))
        return found


def remember(desk: Desk, fields: Mapping[bytes, bytes], add: Callable[[str, float], None]) -> int:
    """Let ``desk``, which is new, know what another one knew; returns the round that this is as of.

    ``add(symbol, price)`` gives it an instrument. Nothing is watched in what it knows: that follows from the
    journal. Raises BusError, before anything is changed, where the fields are not for it.
    """
    told = {name.decode(errors="replace"): body for name, body in fields.items()}
    config = desk.config
    try:
        head = _head_of(told.get(_HEAD, b""))
        if head.layout != layout_of(config):
            raise ValueError("it is of another version or other settings of [features]")
        _take_up(_trial(config), told, head)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BusError(f"what the desk knew of the market cannot be taken up: {error}") from None
    for symbol, price in head.symbols:
        add(symbol, price)
    if [one.symbol for one in desk.instruments] != [symbol for symbol, _ in head.symbols]:
        raise RuntimeError("the desk knew symbols already")
    take_up(desk.features, told)
    try:
        desk.signals.quant.take_up(told.get(_QUANT, b""))
        desk.signals.blender.take_up(head.sources, told.get(_BLEND, b""))
    except ValueError as error:
        log.warning("signals begin anew: %s", error)
    for instrument in desk.instruments:
        desk.features.clear_exit(instrument.index)
        desk.features.clear_wake(instrument.index)
    desk.watch_rises()
    return head.round


def _trial(config: Config) -> FeatureEngine:
    return FeatureEngine(config.features, quote_max_age_s=config.risk.stale_data_s)


def _take_up(engine: FeatureEngine, told: Mapping[str, bytes], head: DeskHead) -> None:
    for symbol, _ in head.symbols:
        engine.add_symbol(symbol)
    take_up(engine, told)


def _price(features: FeatureEngine, index: int) -> float:
    bid, _, _, _, last = features.quote(index)
    return last if last > 0 else bid if bid > 0 else 1.0
