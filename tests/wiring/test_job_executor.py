"""Jobs on a real Celery worker and a real Redis: what is delivered twice, cut off or left alone."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.api.health_protocol import JobsHealth
from engine.automation.executor import InProcess
from engine.automation.parts import Webhook
from engine.automation.work import Call, Outcome, Work
from engine.config import Config
from engine.config.jobs import JobsConfig
from engine.config.signals import AutomationsConfig
from engine.store import automations as stored
from engine.wiring.job_board import JobBoard
from engine.wiring.job_executor import JobExecutor
from engine.wiring.job_queue import application, send
from tests.wiring.hook import Hook, serving, until
from tests.wiring.job_process import JobWorker
from tests.wiring.redis_process import RedisProcess
from tests.wiring.running_automations import SYMBOL, Running

pytest.importorskip("celery")

TOKEN = "of the worker's environment"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"), "always", listens=True)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def config(redis: RedisProcess) -> JobsConfig:
    return JobsConfig(
        broker_url=redis.url, prefix="t", wait_s=10.0, lease_s=1.0, time_limit_s=20.0, attempts=3
    )


@pytest.fixture(scope="module")
def worker(config: JobsConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobWorker]:
    started = JobWorker(config, tmp_path_factory.mktemp("worker"), {"HOOK_TOKEN": TOKEN})
    started.start()
    yield started
    started.kill()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with serving() as served:
        yield served


class Engine:
    """An engine's executor, and what it told."""

    def __init__(self, config: JobsConfig) -> None:
        self.alerts: list[str] = []
        self.late: list[Outcome] = []
        self.places: list[tuple[str, int]] = []
        self.name = secrets.token_hex(12)
        self.executor = JobExecutor(
            config,
            InProcess({}, pause_s=0.01),
            engine=self.name,
            alert=lambda level, text: self.alerts.append(f"{level}: {text}"),
            late=self.late.append,
        )

    async def __aenter__(self) -> Engine:
        self.executor.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.executor.close()

    def work(self, *steps: Webhook) -> Work:
        return Work(
            run_id=secrets.token_hex(12),
            automation="one",
            first=0,
            steps=tuple(Call(step=step, body='{"a": 1}') for step in steps),
            last=True,
            engine=self.name,
        )

    async def do(self, work: Work) -> Outcome:
        return await self.executor.do(work, lambda place, attempt: self.places.append((place, attempt)))


def calling(hook: Hook, **more: Any) -> Webhook:
    return Webhook(url=hook.url, retries=0, timeout_s=15, **more)


async def test_a_worker_does_it_with_its_own_environment(
    config: JobsConfig, worker: JobWorker, hook: Hook
) -> None:
    async with Engine(config) as engine:
        work = engine.work(calling(hook, headers={"Authorization": "env:HOOK_TOKEN"}))
        outcome = await engine.do(work)
        assert (outcome.done, outcome.error, outcome.worker) == (1, "", worker.name)
        assert outcome.texts == ("webhook answered 200",)
        assert engine.places == [("waiting", 1), (worker.name, 1)]
        ((headers, body),) = hook.calls
        assert headers["Authorization"] == TOKEN and headers["Idempotency-Key"] == f"{work.run_id}-1"
        assert body == {"a": 1} and engine.alerts == []
        assert TOKEN not in worker.log.read_text()


async def test_what_fails_is_told_as_in_process(config: JobsConfig, worker: JobWorker, hook: Hook) -> None:
    async with Engine(config) as engine:
        hook.answers = [200, 404]
        outcome = await engine.do(engine.work(calling(hook), calling(hook), calling(hook)))
        assert (outcome.done, outcome.error) == (1, "webhook: answered 404") and len(hook.calls) == 2
        unset = await engine.do(engine.work(calling(hook, headers={"Authorization": "env:NOT_SET"})))
        assert "NOT_SET" in unset.error and len(hook.calls) == 2


async def test_a_message_that_comes_again_does_nothing(
    config: JobsConfig, worker: JobWorker, hook: Hook
) -> None:
    async with Engine(config) as engine:
        work = engine.work(calling(hook))
        app = application(config)
        await engine.do(work)
        for _ in range(3):
            send(app, work)
        # They are behind the first: one worker does one after the other.
        await engine.do(engine.work(calling(hook)))
        assert len(hook.calls) == 2 and engine.late == []


async def test_messages_that_are_no_work_hurt_nobody(
    config: JobsConfig, worker: JobWorker, hook: Hook
) -> None:
    app = application(config)
    for argument in ("", "{}", '{"run_id": "../../etc"}', 7, None, ["x"], "x" * 200_000):
        app.send_task("tickdesk.job", args=(argument,), retry=False)
    app.send_task("tickdesk.job", args=(), retry=False)
    app.send_task("os.system", args=("false",), retry=False)
    async with Engine(config) as engine:
        unposted = engine.work(calling(hook))
        send(app, unposted)  # what the board does not know is done by nobody
        assert (await engine.do(engine.work(calling(hook)))).error == ""
        assert len(hook.calls) == 1


async def test_a_killed_child_has_its_job_taken_up_where_it_was(
    config: JobsConfig, worker: JobWorker, hook: Hook
) -> None:
    async with Engine(config) as engine:
        hook.answers = [200, "hang", 200]
        work = engine.work(calling(hook), calling(hook))
        doing = asyncio.create_task(engine.do(work))
        await until(lambda: len(hook.calls) == 2)
        os.kill(worker.child(), signal.SIGKILL)
        outcome = await doing
        assert (outcome.done, outcome.error, outcome.attempt) == (2, "", 2)
        assert len(hook.calls) == 3, "the first step is done once, the second again"
        keys = [headers["Idempotency-Key"] for headers, _ in hook.calls]
        assert keys == [f"{work.run_id}-{number}" for number in (1, 2, 2)]
        assert engine.places[-1] == (worker.name, 2)


async def test_a_broker_that_goes_and_comes_doubles_nothing(
    config: JobsConfig, worker: JobWorker, redis: RedisProcess, hook: Hook
) -> None:
    async with Engine(config) as engine:
        hook.answers = ["hang"]
        doing = asyncio.create_task(engine.do(engine.work(calling(hook))))
        await until(lambda: engine.places[-1:] == [(worker.name, 1)] and hook.calls)
        assert (engine.executor.health().ok, engine.executor.health().given) == (True, 1)
        redis.kill()
        await until(lambda: engine.alerts)
        assert not engine.executor.health().ok
        hook.hanging.set()
        redis.start()
        outcome = await doing
        assert (outcome.done, outcome.error) == (1, "") and len(hook.calls) == 1
        await until(lambda: len(engine.alerts) == 2)
        assert "cannot be reached" in engine.alerts[0] and "answers again" in engine.alerts[1]


async def test_without_a_broker_it_waits_and_is_done_here(redis: RedisProcess, hook: Hook) -> None:
    nowhere = JobsConfig(broker_url="redis://:secret@127.0.0.1:1/0", wait_s=0.2)
    async with Engine(nowhere) as engine:
        outcomes = await asyncio.gather(*(engine.do(engine.work(calling(hook))) for _ in range(5)))
        assert [(one.done, one.worker) for one in outcomes] == [(1, "in process")] * 5
        assert len(hook.calls) == 5
        (told,) = engine.alerts
        assert told.startswith("warning: the broker 127.0.0.1:1 cannot be reached") and "secret" not in told
        assert engine.executor.health() == JobsHealth(False, "127.0.0.1:1: cannot be reached", 0)
    async with Engine(msgspec.structs.replace(nowhere, when_down="fail")) as engine:
        outcome = await engine.do(engine.work(calling(hook)))
        assert outcome.done == 0 and "the broker cannot be reached" in outcome.error
        assert len(hook.calls) == 5


async def test_without_a_worker_it_is_withdrawn_before_it_is_done_here(
    config: JobsConfig, redis: RedisProcess, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = msgspec.structs.replace(config, prefix="alone", wait_s=0.1)
    async with Engine(alone) as engine, JobBoard(alone) as board:
        work = engine.work(calling(hook))
        assert (await engine.do(work)).worker == "in process"
        assert engine.executor.health().detail.endswith(": no worker takes jobs")
        await engine.do(engine.work(calling(hook)))
        monkeypatch.setattr("engine.wiring.job_board.MAX_QUEUED", 2)
        assert not await board.has_room()
        await engine.do(engine.work(calling(hook)))
        client = redis.client()
        assert client.llen("alone:jobs:celery:work") == 2, "nobody takes them: they do not grow for ever"
        assert len(engine.alerts) == 1 and "no worker takes jobs" in engine.alerts[0]
        assert (await board.claim(work, "a worker that comes late")).verdict == "withdrawn"
        assert len(hook.calls) == 3


async def test_a_broker_that_stays_away_is_not_waited_for_for_ever(tmp_path: Path, hook: Hook) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisProcess(folder, "always", listens=True)
    server.start()
    config = JobsConfig(broker_url=server.url, wait_s=0.1, deadline_s=30)
    async with Engine(msgspec.structs.replace(config, time_limit_s=0.3)) as engine:
        doing = asyncio.create_task(engine.do(engine.work(calling(hook))))
        await until(lambda: server.client().exists("dfp:jobs:celery:work"))
        server.kill()
        outcome = await doing
        assert outcome.error == "the broker does not answer: it may have been done" and not hook.calls
        assert (await engine.do(engine.work(calling(hook)))).worker == "in process"


async def test_a_broker_that_forgot_is_not_made_up_for(
    config: JobsConfig, redis: RedisProcess, hook: Hook
) -> None:
    alone = msgspec.structs.replace(config, prefix="forgetful", wait_s=0.2)
    async with Engine(alone) as engine:
        work = engine.work(calling(hook))
        doing = asyncio.create_task(engine.do(work))
        key = f"forgetful:jobs:work:{engine.name}:{work.id}"
        client = redis.client()
        await until(lambda: client.delete(key))
        outcome = await doing
        assert outcome.done == 0 and "may have been done" in outcome.error and not hook.calls


# --- automations ---


def on_workers(config: JobsConfig) -> Config:
    return Config(automations=AutomationsConfig(jobs=config))


async def test_orders_are_the_desks_between_calls_of_a_worker(
    config: JobsConfig, worker: JobWorker, hook: Hook, tmp_path: Path
) -> None:
    call = {"type": "webhook", "url": hook.url}
    order = {"type": "order", "side": "buy", "notional": 500}
    async with Running(tmp_path / "tickdesk.db", on_workers(config)) as running:
        await running.put("one", call, order, {**call, "text": "{symbol}"})
        running.signal()
        row = await running.ended(1)
        assert (row.succeeded, row.error, row.place) == (1, "", worker.name)
        assert [body.get("text") for _, body in hook.calls] == [None, SYMBOL]
        assert hook.calls[0][1]["signal"]["score"] == 0.8
        assert len({event.client_order_id for event in running.orders()}) == 1
        (run,) = await running.recorded(1)
        assert (run.state, run.place, run.attempt) == (stored.SUCCEEDED, worker.name, 1)
        (job,) = await running.automations.jobs(10, "one", "succeeded")
        assert (job.place, job.symbol, job.ended_ns) == (worker.name, SYMBOL, run.ended_ns)
        assert await running.automations.jobs(10, "", "failed") == []


async def test_what_a_worker_ends_after_the_engine_has_is_learned(
    config: JobsConfig, worker: JobWorker, hook: Hook, tmp_path: Path
) -> None:
    hook.answers = ["hang"]
    async with Running(tmp_path / "tickdesk.db", on_workers(config)) as running:
        await running.put("one", {"type": "webhook", "url": hook.url})
        running.signal()
        await until(lambda: hook.calls and running.row().place == worker.name)
        (job,) = await running.automations.jobs(10, "", "running")
        assert (job.place, job.step) == (worker.name, "1/1 call webhook")
    async with Running(tmp_path / "tickdesk.db", on_workers(config)) as running:
        (run,) = await running.recorded(1)
        assert run.state == stored.INTERRUPTED
        hook.hanging.set()

        def learned() -> bool:
            reader = running.store.reader()
            try:
                return reader.automation_runs()[0].state == stored.SUCCEEDED
            finally:
                reader.close()

        await until(learned)
    assert len(hook.calls) == 1


async def test_another_worker_takes_up_what_a_killed_one_left(
    config: JobsConfig, worker: JobWorker, hook: Hook
) -> None:
    async with Engine(config) as engine:
        hook.answers = ["hang", 200]
        doing = asyncio.create_task(engine.do(engine.work(calling(hook))))
        await until(lambda: hook.calls)
        worker.kill()
        await asyncio.to_thread(worker.start)
        outcome = await doing
        assert (outcome.done, outcome.error, outcome.attempt, outcome.worker) == (1, "", 2, worker.name)
        assert len(hook.calls) == 2
