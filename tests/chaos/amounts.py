"""How much chaos: small by default, as much as wanted by ``make chaos`` (TICKDESK_CHAOS_*)."""

from __future__ import annotations

import os


def _amount(name: str, default: int) -> int:
    return int(os.environ.get(f"TICKDESK_CHAOS_{name}", default))


KILLS = _amount("KILLS", 6)
"""kill -9 of a process that commits; half of them with what was not synced lost as well."""
ENGINE_KILLS = _amount("ENGINE_KILLS", max(1, KILLS // 20))
"""kill -9 of a whole engine under load."""
CANCELS = _amount("CANCELS", 150)
"""Tasks canceled at a random moment."""
SEEDS = _amount("SEEDS", 20)
"""Whole sessions on the simulated venue, each made by its seed."""
FEEDS = _amount("FEEDS", 20)
"""Feeds on venues that go wrong, each run made by its seed."""
MODELS = _amount("MODELS", 8)
"""Damaged model files, as many damaged manifests, and kill -9 of processes that change the registry."""
STOP_S = _amount("STOP_S", 2)
"""How long a process is stopped by SIGSTOP."""
CONSOLES = _amount("CONSOLES", 2)
"""Consoles that attach and go: left, killed, hung up on."""
STALL_S = _amount("STALL_S", 3)
"""How long the terminal of a console reads nothing."""
BUS_FAULTS = _amount("BUS_FAULTS", 2)
"""Workers killed and stopped, servers killed, networks cut, of a desk over the bus."""
BUS_STOP_S = min(STOP_S, 30)
"""SIGSTOP of its workers."""
SEED = _amount("SEED", 20_260_107)
"""Of every random choice; a failure tells it."""
DAILY = _amount("DAILY", 0)
"""How often a daily run is killed at each place; 0: once, at one of them alone."""
