"""How many files this process may have open: each connection is one."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("engine.gateway")

BESIDE = 300
"""Connections to the engine, logs, libraries."""
MOST = 65_536


def allow(connections: int) -> None:
    """Many systems begin with 1,024, of which a process may raise its own; what is missing is told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Twice: those whose TLS is not agreed on yet, or that are refused, are open for a moment, too.
    wanted = min(2 * connections + BESIDE, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    may = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays %d: %s", soft, error)
        return
    if may < connections + BESIDE:
        log.warning("%d open files are too few for api.max_connections = %d: see ulimit -n", may, connections)
