"""Notifications beyond the desk, through Apprise (``tickdesk[notify]``)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.automation.environment import ADDRESSES, resolve
from engine.automation.parts import Level
from engine.errors import AutomationError

TIMEOUT_S = 30.0
THREADS = 4
"""Services that hang hold up no more than these."""
_TYPES: dict[Level, str] = {"info": "info", "warning": "warning", "error": "failure"}


class Notifier:
    """Sends in threads of its own: Apprise blocks, and a slow service must hold up nothing else."""

    def __init__(self, environ: Mapping[str, str] = os.environ, *, timeout_s: float = TIMEOUT_S) -> None:
        self._environ = environ
        self._timeout_s = timeout_s
        self._threads: ThreadPoolExecutor | None = None

    async def send(self, urls: Sequence[str], title: str, text: str, level: Level) -> str:
        """Answers what was done. Raises AutomationError."""
        addresses = [resolve(url, self._environ, may=ADDRESSES) for url in urls]
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="notify")
        sending = asyncio.get_running_loop().run_in_executor(
            self._threads, _send, addresses, title, text, level
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await sending
        except TimeoutError:
            raise AutomationError(f"notify: not sent within {self._timeout_s:g} s") from None
        except AutomationError:
            raise
        except Exception as error:  # of a service's plugin: it may quote the address
            raise AutomationError(f"notify: not delivered ({type(error).__name__})") from None
        return f"notified {len(addresses)}"

    async def check(self, urls: Sequence[str]) -> None:
        """Raises AutomationError when Apprise is not there, or does not know an address."""
        addresses = [resolve(url, self._environ, may=ADDRESSES) for url in urls]
        await asyncio.to_thread(_sender, addresses)

    def close(self) -> None:
        """What is being sent ends by itself."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _sender(addresses: Sequence[str]) -> Any:
    try:
        import apprise
    except ImportError:
        raise AutomationError(
            "notify: urls need Apprise: pip install 'tickdesk[notify]', or leave urls out"
        ) from None
    # Its own lines quote addresses, not all of them masked: what failed is told by the errors below.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    sender: Any = apprise.Apprise()
    for number, address in enumerate(addresses):
        if not sender.add(address):
            raise AutomationError(f"notify: urls[{number}] is no address that Apprise knows: see its list")
    return sender


def _send(addresses: Sequence[str], title: str, text: str, level: Level) -> None:
    if not _sender(addresses).notify(body=text, title=title, notify_type=_TYPES[level]):
        raise AutomationError("notify: not delivered: check the address and the service")
