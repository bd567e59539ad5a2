"""A tape that comes over the bus, played as fast as it goes, as ``tickdesk replay`` does in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.bus.address import address_of
from engine.bus.blocking_reader import BlockingReader
from engine.bus.cursor import Lost
from engine.bus.keys import Keys
from engine.config import Config
from engine.errors import BusError
from engine.strategies.registry import StrategySet
from engine.wiring.desk import Desk
from engine.wiring.replay import ReplayReport, report, run_desk
from engine.workers.heard import HeardSignals
from engine.workers.intake import BusIntake
from engine.workers.player import Player

GROUP = "execution"
PATIENCE_S = 60.0
"""Without anything to play for so long, something has ended that should not have."""


def replay_over_bus(
    config: Config,
    state_dir: Path,
    worker: str,
    *,
    names: tuple[str, ...] = (),
    note: Callable[[str], None] = lambda text: None,
    beat: Callable[[Player, BusIntake], None] = lambda player, intake: None,
) -> ReplayReport:
    """Play rounds until their tape ends; what is stored goes to ``state_dir/replay.db``, made anew.

    ``names``: of the tapes, for the report. Raises BusError, StoreError, ConfigError.
    """
    heard: list[HeardSignals] = []

    def said(strategies: StrategySet) -> HeardSignals:
        heard.append(HeardSignals(strategies))
        return heard[0]

    def play(desk: Desk) -> None:
        _play(config, desk, heard[0], worker, beat)

    run = run_desk(config, state_dir, play, note=note, said=said)
    return report(run, tapes=names, venue="bus", lines=0, undecodable=0, truncated=False)


def _play(
    config: Config,
    desk: Desk,
    heard: HeardSignals,
    worker: str,
    beat: Callable[[Player, BusIntake], None],
) -> None:
    keys, address = Keys(config.bus.prefix), address_of(config.bus.url)
    player = Player(desk, heard)
    intake = BusIntake(keys, config.bus.shards, player.play)
    reader = BlockingReader(address, GROUP, worker, intake.sources(0), _lost)
    try:
        last_s = time.monotonic()
        while not player.ended:
            for stream, batch in reader.read():
                intake.put(stream, batch)
            if intake.drain():
                last_s = time.monotonic()
                for stream in reader.cursors:
                    reader.ack(stream, player.round)
            elif time.monotonic() - last_s > PATIENCE_S:
                waits = intake.join.waits_for()
                missing = f"the strategies of shards {waits}" if waits else "rounds"
                why = "see what the workers print"
                if not player.round:
                    why += "; of a tape that was played there before, choose another bus.prefix"
                raise BusError(f"nothing of {missing} for {PATIENCE_S:g} s: {why}")
            beat(player, intake)
    finally:
        reader.close()


def _lost(lost: Lost) -> None:
    raise BusError(f"{lost.stream}: {lost.why} ({lost.after} to {lost.number}): the replay is not whole")
