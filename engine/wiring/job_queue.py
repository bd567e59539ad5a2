"""The queue in Celery: one application for the engine, which sends, and for workers, which receive.

Messages are JSON alone. What decides who does the work is the board; a message only tells a worker to look.
Options: https://docs.celeryq.dev/en/stable/userguide/configuration.html,
https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.automation.work import Work, encode
from engine.config.jobs import JobsConfig
from engine.feeds.address import place
from engine.wiring.job_board import QUEUE, TIMEOUT_S, check_jobs, queue_prefix

if TYPE_CHECKING:
    from celery import Celery

TASK = "tickdesk.job"
AFTER_LIMIT_S = 10.0
"""What takes so much longer than its limit is killed."""
AFTER_KILL_S = 20.0
"""A message whose worker is gone comes again so long after that."""
_HIDDEN = "(work)"


def application(config: JobsConfig) -> Celery:
    """Raises ConfigError without the libraries. It connects to nothing yet."""
    check_jobs(config)
    from celery import Celery

    app = Celery("tickdesk", set_as_current=False)
    app.conf.update(settings(config))
    return app


def settings(config: JobsConfig) -> dict[str, Any]:
    """Celery's."""
    found: dict[str, Any] = {
        "broker_url": _kombu(config.broker_url),
        "broker_transport_options": {
            "global_keyprefix": queue_prefix(config),
            "visibility_timeout": visible_s(config),
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 2 * TIMEOUT_S,
            "socket_connect_timeout": TIMEOUT_S,
            "client_name": "tickdesk-celery",
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": QUEUE,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_time_limit": config.time_limit_s + AFTER_LIMIT_S,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 1_000,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
    }
    if config.broker_url.startswith("rediss://") and "ssl_" not in config.broker_url:
        # Left alone, Celery takes any certificate.
        found["broker_use_ssl"] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return found


def visible_s(config: JobsConfig) -> float:
    """A message that is not acknowledged for so long comes again: not before what does it is surely dead."""
    return config.time_limit_s + AFTER_LIMIT_S + AFTER_KILL_S


def send(app: Celery, work: Work) -> None:
    """Tell the workers; waits for the broker, at most a few seconds. Raises what ``unsent()`` names."""
    app.send_task(
        TASK,
        args=(encode(work).decode(),),
        task_id=work.id,
        retry=False,
        ignore_result=True,
        # The arguments are shown in logs of workers otherwise.
        argsrepr=_HIDDEN,
        kwargsrepr="{}",
    )


def unsent() -> tuple[type[Exception], ...]:
    """What ``send`` raises when the broker cannot be asked."""
    from kombu.exceptions import KombuError
    from redis import RedisError

    return (KombuError, RedisError, OSError)


def shown(url: str) -> str:
    """The part of the broker's address that is no secret."""
    try:
        parts = urlsplit(url)
        return parts.path if parts.scheme == "unix" else place(url)
    except ValueError:
        return "redis"


def _kombu(url: str) -> str:
    """Its way to write ``unix:///path?db=1``."""
    if not url.startswith("unix://"):
        return url
    return re.sub(r"([?&])db=", r"\1virtual_host=", url.replace("unix://", "redis+socket://", 1))
