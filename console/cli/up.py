"""``tickdesk up``: a whole topology on one machine, kept running until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.desk import config_options
from console.cli.settings import configuration, state_dir
from engine.errors import EngineBusyError, StoreError
from engine.ops.systemd_unit import WATCHDOG_S
from engine.store.lock import StateLock, holder
from engine.store.read import DATABASE
from engine.text import clean

if TYPE_CHECKING:
    from engine.workers.supervisor import Child

ENDS_S = 5.0
"""So long the server of a topology that was killed may take to end."""
SPARES_S = 15.0
"""So long the topology has the machine to itself before what stands by for it is loaded."""
_URL = "TICKDESK_BUS__URL"
"""Not on the command line: everybody can read that."""
_TAPES = "TICKDESK_RECORD__DIR"
_LIFE = "life"
"""Where workers say that they live."""
_MARGIN_S = 2.0
"""An engine that is gone within ``engine.shutdown_s`` by itself is not hurried."""


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments)
    url = arguments.bus or config.bus.url
    if arguments.tape and arguments.state_dir is None:
        with tempfile.TemporaryDirectory(prefix="tickdesk-up-", ignore_cleanup_errors=True) as temporary:
            return asyncio.run(_run(arguments, Path(temporary), url))
    return asyncio.run(_run(arguments, state_dir(arguments), url))


async def _run(arguments: argparse.Namespace, where: Path, url: str) -> int:
    from engine.workers.own_redis import FOLDER, WORKERS, redis_command
    from engine.workers.supervisor import Child, Supervisor

    folder = where / WORKERS
    shares_not = configuration(arguments).engine.processor == "own"
    lock = await _locked(where, folder)
    try:
        server: list[Child] = []
        if not url:
            if arguments.tape:
                _begin_anew(where, folder / FOLDER)
            command, url = redis_command(folder / FOLDER)
            # A server that outlives us keeps the lock: two on the same files would spoil them.
            server.append(
                Child("redis", command, folder / "redis.out", locks=(lock.fileno(),), aside=shares_not)
            )
        workers = _children(arguments, where, folder, url)
        supervisor = Supervisor([*workers, *server], _tell)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, supervisor.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: _tell("SIGHUP: the topology stays"))
        _tell(f"the desk's state is in {where}; what the workers print, in {folder}")
        with _watched(workers, folder / _LIFE):
            return await supervisor.run()
    finally:
        lock.release()


def _begin_anew(where: Path, bus: Path) -> None:
    """A tape is played from its start, whatever a run before has left of it on the bus. Raises StoreError."""
    if (where / DATABASE).exists():
        raise StoreError(f"{where} holds the journal of a live desk: choose another --state-dir")
    try:
        shutil.rmtree(bus)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"cannot empty {bus}: {error.strerror}; choose another --state-dir") from None


async def _locked(where: Path, folder: Path) -> StateLock:
    """One topology in a state directory; one that is ending is waited for. Raises StoreError."""
    until_s = time.monotonic() + ENDS_S
    while True:
        try:
            return StateLock.acquire(folder)
        except EngineBusyError:
            pid = holder(folder)
            if pid is not None or time.monotonic() > until_s:
                who = f"(pid {pid})" if pid else "that is ending"
                raise EngineBusyError(
                    f"another `tickdesk up` {who} has {where}: `tickdesk attach --state-dir {where}` shows "
                    "its desk, or choose another --state-dir"
                ) from None
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def _watched(workers: Sequence[Child], folder: Path) -> Iterator[None]:
    """While this is open, ``workers`` say that they live, each in ``folder``."""
    from engine.workers.life_signs import LifeSigns

    with contextlib.ExitStack() as opened:
        for child in workers:
            try:
                child.life = opened.enter_context(
                    contextlib.closing(LifeSigns(folder / child.name, WATCHDOG_S))
                )
            except OSError as error:
                _tell(f"{child.name} is not killed where it hangs: {clean(error, 100)}")
        yield


def _children(arguments: argparse.Namespace, where: Path, folder: Path, url: str) -> list[Child]:
    """In the order in which they end: what feeds the others first."""
    from engine.workers.supervisor import Child

    config = configuration(arguments)
    environment = {_URL: url}
    if not config.record.dir:
        environment[_TAPES] = str(where / "tapes")  # as of a desk of one process

    spares = not (arguments.no_spares or arguments.tape)

    def worker(name: str, stage: str, *options: str, last: bool = False) -> list[Child]:
        home = where if stage == "execution" else folder / name
        command = [sys.executable, "-P", "-m", "console", "worker", stage, "--state-dir", str(home)]
        command += [*config_options(arguments), *options, *(["--spare"] if spares else [])]
        return [
            Child(
                one,
                command,
                None if last else folder / f"{one}.out",
                end_s=config.engine.shutdown_s + _MARGIN_S if stage == "execution" else 5.0,
                group=name if spares else "",
                later_s=later_s,
                last=last,
                told=stage == "execution",  # by `tickdesk stop`, or from a console
                environment=environment,
            )
            for one, later_s in ((name, 0.0), *([(f"{name}-spare", SPARES_S)] if spares else []))
        ]

    tape: list[str] = []
    report: list[str] = []
    if arguments.tape:
        tape = ["--tape", *(str(one.absolute()) for one in arguments.tape)]
        tape += ["--venue", arguments.venue] if arguments.venue else []
        report = ["--report", *(["--json"] if arguments.json else [])]
    made = worker("market", "market", *tape)
    for number in range(1, arguments.features + 1):
        made += worker(f"features-{number}", "features")
    return [*made, *worker("execution", "execution", *report, last=bool(report))]


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # whoever read it is gone: the workers are kept all the same
        print(f"tickdesk: {text}", file=sys.stderr, flush=True)
