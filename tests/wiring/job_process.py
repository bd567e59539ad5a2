"""A real Celery worker in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.config.jobs import JobsConfig

START_S = 30.0


class JobWorker:
    """``tickdesk jobs worker`` in a session of its own."""

    def __init__(self, config: JobsConfig, folder: Path, environ: dict[str, str]) -> None:
        self._config = config
        self._folder = folder
        self._environ = environ
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "worker.log"

    @property
    def name(self) -> str:
        return f"w{self._count}@test"

    def start(self) -> None:
        """Answers when it takes jobs."""
        self._count += 1
        settings = []
        for key in ("prefix", "lease_s", "time_limit_s", "attempts"):
            settings += ["--set", f"automations.jobs.{key}={getattr(self._config, key)}"]
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("TICKDESK_")},
            **self._environ,
            "TICKDESK_AUTOMATIONS__JOBS__BROKER_URL": self._config.broker_url,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "console", "--state-dir", str(self._folder), *settings),
                    *("jobs", "worker", "--concurrency", "1", "--worker-name", self.name),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while f"{self.name} ready" not in self.log.read_text():
            assert time.monotonic() < deadline and self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def child(self) -> int:
        """The process that does jobs."""
        assert self._process is not None
        pid = self._process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def kill(self) -> None:
        """All of it, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None
