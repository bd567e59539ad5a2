"""A unit for systemd, with no more rights than the engine needs:
https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WATCHDOG_S = 30
"""Without a sign of life for so long the engine is ended and started again."""
START_S = 300
"""Compiling its kernels may take a minute or two, once."""
STOP_MARGIN_S = 5
KERNELS = "kernels"
"""In the state directory: beside the code a service may not write."""
_SHARED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
{tmp}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
"""
_SYSTEM = """\
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
CapabilityBoundingSet=
AmbientCapabilities=
OOMScoreAdjust=-100
"""
"""What takes rights that a user's own manager has not."""


@dataclass(frozen=True)
class Service:
    """What the unit is of."""

    command: Sequence[str]
    """The engine in the foreground; the first is a whole path."""
    state_dir: Path
    writes: Sequence[Path] = ()
    """Folders beside it that the engine writes to."""
    environment_file: str = ""
    """With the secrets, mode 0600; it need not be there. In systemd's words: ``%h`` is the user's home."""
    user: str = ""
    """Whom a unit of the system runs as; "": it is a unit of a user's own manager."""
    shutdown_s: float = 20.0
    shared_tmp: bool = False
    """Its program, its socket or what it keeps is in the system's temporary directory."""


def unit(service: Service) -> str:
    """The unit's text."""
    system = bool(service.user)
    where = f"/etc/systemd/system/tickdesk.service as {service.user}" if system else "a user's own manager"
    install = (
        "sudo systemctl daemon-reload && sudo systemctl enable --now tickdesk"
        if system
        else "systemctl --user daemon-reload && systemctl --user enable --now tickdesk; "
        "`loginctl enable-linger` keeps it when you log out"
    )
    return f"""\
# The tickdesk engine, {where}. Then: {install}
[Unit]
Description=tickdesk: a live trading desk's engine
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
{program(service)}# Ended where neither its loop nor its writer gets on any more.
WatchdogSec={WATCHDOG_S}
Restart=on-failure
RestartSec=2
# A wrong configuration, and another engine on this state directory: trying again mends neither.
RestartPreventExitStatus=2 3
TimeoutStartSec={START_S}
# The engine ends within engine.shutdown_s by itself.
TimeoutStopSec={round(service.shutdown_s) + STOP_MARGIN_S}
KillMode=mixed
LimitNOFILE=65536

{sandbox(service)}
[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""


def program(service: Service) -> str:
    """Who runs what, and its surroundings."""
    user = f"User={service.user}\n" if service.user else ""
    command = " ".join(_quoted(word.replace("$", "$$")) for word in service.command)
    environment = f"EnvironmentFile=-{service.environment_file}\n" if service.environment_file else ""
    kernels = _quoted(f"NUMBA_CACHE_DIR={service.state_dir}/{KERNELS}")
    return f"{user}ExecStart={command}\n{environment}Environment={kernels}\n"


def sandbox(service: Service) -> str:
    """What it may write, and what it may not do."""
    tmp = "# Its program, its socket or what it keeps is in /tmp.\nPrivateTmp=no"
    shared = _SHARED.format(tmp=tmp if service.shared_tmp else "PrivateTmp=yes")
    writes = " ".join(map(_writable, (service.state_dir, *service.writes)))
    return (
        f"ReadWritePaths={writes}\n{shared}{_SYSTEM if service.user else ''}"
        "# No MemoryDenyWriteExecute: the kernels are compiled at run time.\n"
    )


def _writable(path: Path) -> str:
    """One that is not there yet must not keep the engine from starting, and from saying so itself."""
    return _quoted(str(path) if path.is_dir() else f"-{path}")


def _quoted(text: str) -> str:
    """A word of a unit: no specifier and no blank of it means anything. Variables are of commands alone."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(ch.isspace() or ch in "\"'\\;" for ch in text) else escaped
