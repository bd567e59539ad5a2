"""A timer for systemd that starts the daily run, and the service it starts:
https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html
"""

from __future__ import annotations

from engine.ops.systemd_unit import Service, program, sandbox

NAME = "tickdesk-daily"
NOTHING_TO_DO = 5
"""The daily run's exit code on a day without a session."""


def daily_service(service: Service, timeout_s: float) -> str:
    """The service. ``timeout_s``: how long a run may take. One that is killed is started again and goes on;
    one that fails waits for a person, who was told."""
    return f"""\
# {_where(service, "service")}
[Unit]
Description=tickdesk: the daily run
Wants=network-online.target
After=network-online.target tickdesk.service
StartLimitIntervalSec=3600
StartLimitBurst=4

[Service]
Type=oneshot
{program(service)}# On a day without a session there is nothing to do.
SuccessExitStatus={NOTHING_TO_DO}
Restart=on-abnormal
RestartSec=60
TimeoutStartSec={round(timeout_s)}
TimeoutStopSec={round(service.shutdown_s) + 40}
KillMode=mixed
LimitNOFILE=65536

{sandbox(service)}"""


def daily_timer(service: Service, at: str) -> str:
    """The timer. ``at``: HH:MM, UTC. A run that was missed while the machine was off is made up for."""
    manager = "" if service.user else "--user "
    sudo = "sudo " if service.user else ""
    return f"""\
# {_where(service, "timer")}
# Then: {sudo}systemctl {manager}daemon-reload && {sudo}systemctl {manager}enable --now {NAME}.timer
[Unit]
Description=tickdesk: the daily run at {at} UTC

[Timer]
OnCalendar=*-*-* {at}:00 UTC
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""


def _where(service: Service, kind: str) -> str:
    folder = "/etc/systemd/system" if service.user else "~/.config/systemd/user"
    return f"{folder}/{NAME}.{kind}"
