"""``tickdesk record [--venue NAME --symbols A,B] [--raw] -o FILE [--for 10m]``: a tape, without a desk."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from console.cli.settings import configuration
from engine.config import Config, FeedConfig, SimulatedConfig
from engine.errors import ConfigError, TapeError
from engine.symbols import resolve
from engine.text import clean

if TYPE_CHECKING:
    from engine.wiring.record_tape import Progress

_SIM = "sim"


def run(arguments: argparse.Namespace) -> int:
    from engine.clock import LiveClock
    from engine.wiring.record_tape import record

    config = chosen(configuration(arguments), arguments.venue, arguments.symbols)
    if arguments.raw:
        _refuse_many(config)
    form = ".jsonl.gz" if arguments.raw else ".tape"
    out = arguments.output or Path(f"{arguments.venue or 'ticks'}{form}")
    if not out.name.endswith(form):
        what = "--raw writes frames as JSON lines" if arguments.raw else "ticks are written as a tape"
        raise ConfigError(
            f"{out}: {what}, so its name must end with {form}; tickdesk tape convert has others"
        )
    if out.exists():
        raise ConfigError(f"{out} exists already: choose another name with -o, or remove it")

    async def main() -> Progress:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        return await record(
            config,
            out,
            frames=arguments.raw,
            seconds=arguments.seconds or 0.0,
            clock=LiveClock(),
            stop=stop,
            tell=_tell,
        )

    done = asyncio.run(main())
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if not (done.messages if arguments.raw else done.ticks):
        _tell_nothing(out, done)
    size = out.stat().st_size if out.exists() else 0
    what = f"{done.frames:,} frames" if arguments.raw else f"{done.ticks:,} ticks"
    lost = f", {done.lost:,} LOST: the disk did not follow" if done.lost else ""
    missed = f", {done.gaps:,} gaps told by the feeds" if done.gaps else ""
    print(f"{out}: {what}, {size:,} bytes in {done.seconds:.0f} s{lost}{missed}")
    return 1 if done.lost else 0


def _tell_nothing(out: Path, done: Progress) -> NoReturn:
    """Raises TapeError."""
    written = f"{out} holds only what the feeds told of themselves" if out.exists() else "nothing is written"
    raise TapeError(f"nothing came in {done.seconds:.0f} s, {written} ({done.state})")


def chosen(config: Config, venue: str | None, symbols: str | None) -> Config:
    """The configuration with only the feed that was named. Raises ConfigError, SymbolError."""
    if venue is None:
        if symbols:
            raise ConfigError("--symbols needs --venue: say whose they are")
        return config
    place = _SIM if venue in (_SIM, "simulated") else venue
    named = [part.strip() for part in (symbols or "").split(",") if part.strip()]
    natives = tuple(dict.fromkeys(resolve(place, one, config.symbols) for one in named))
    if place == _SIM:
        simulated = SimulatedConfig(enabled=True, symbols=natives) if natives else config.simulated
        return msgspec.structs.replace(config, feeds={}, simulated=simulated)
    feed = config.feeds.get(venue, FeedConfig())
    feed = msgspec.structs.replace(feed, enabled=True, symbols=natives or feed.symbols)
    if not feed.symbols:
        raise ConfigError(f"feeds.{clean(venue, 40)}.symbols names none: say --symbols A,B")
    return msgspec.structs.replace(config, feeds={venue: feed})


def _refuse_many(config: Config) -> None:
    """A capture is read by one venue's adapter."""
    venues = [venue for venue, feed in config.feeds.items() if feed.enabled]
    if len(venues) != 1:
        told = f"of {', '.join(venues)}" if venues else "of a venue: the simulated one has no frames"
        raise ConfigError(f"--raw writes the frames of one venue: say --venue, {clean(told, 100)}")


def _tell(progress: Progress) -> None:
    if not sys.stderr.isatty():
        return
    minutes, seconds = divmod(int(progress.seconds), 60)
    count = f"{progress.frames:,} frames" if progress.frames else f"{progress.ticks:,} ticks"
    lost = f" · {progress.lost:,} LOST" if progress.lost else ""
    line = f"{minutes:d}:{seconds:02d} · {count} · {progress.size / 1e6:,.1f} MB{lost} · {progress.state}"
    with contextlib.suppress(OSError):  # the terminal was closed: the tape is ended all the same
        print(f"\r\x1b[K{line[:150]}", end="", file=sys.stderr, flush=True)
