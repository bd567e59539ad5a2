"""``tickdesk worker``: stages of a topology in this process."""

from __future__ import annotations

import argparse
import sys

import msgspec

from console.cli.settings import configuration, state_dir
from engine.config import Config
from engine.errors import ConfigError

EXECUTION = "execution"


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    if arguments.bus:
        config = msgspec.structs.replace(config, bus=msgspec.structs.replace(config.bus, url=arguments.bus))
    stages = tuple(dict.fromkeys(arguments.stages))
    # Its log begins when the libraries are loaded, which takes seconds.
    print(f"tickdesk: loading {', '.join(stages)}…", file=sys.stderr, flush=True)
    if EXECUTION not in stages:
        from engine.workers.stages import run_stages

        return run_stages(
            config,
            state_dir(arguments).absolute(),
            stages,
            tapes=tuple(path.absolute() for path in arguments.tape),
            venue=arguments.venue,
            spare=arguments.spare,
        )
    if len(stages) > 1:
        raise ConfigError("execution is a process of its own: start another worker for the other stages")
    return _execution(config, arguments)


def _execution(config: Config, arguments: argparse.Namespace) -> int:
    """One engine, or the report of a tape that comes over the bus."""
    where = state_dir(arguments)
    if arguments.report:
        from console.cli.replay import lines
        from engine.workers.place import worker_name
        from engine.workers.replay import replay_over_bus

        report = replay_over_bus(config, where, worker_name(where))
        if arguments.json:
            print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        else:
            print("\n".join(lines(report)))
        return 0
    from engine.bus.address import address_of
    from engine.store.lock import StateLock
    from engine.wiring.engine_options import EngineOptions
    from engine.wiring.run import run_engine
    from engine.workers.execution import ExecutionEngine
    from engine.workers.place import take_place
    from engine.workers.spare import stand_by

    address = address_of(config.bus.url)
    lock = stand_by(where) if arguments.spare else StateLock.acquire(where)
    if lock is None:
        return 0
    place = take_place(where)
    return run_engine(
        EngineOptions(config=config, state_dir=where, log_to_stderr=True),
        lambda options, ring, tape, begin, control: ExecutionEngine(options, ring, control, address, place),
        lock,
    )
