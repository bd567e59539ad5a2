"""One delivery of work, in this process, on a real Redis: limits, leases, and what was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from engine.automation.outside import AGAIN
from engine.automation.parts import Webhook
from engine.automation.work import Call, Outcome, Outside, Tell, Work, decode_news, encode
from engine.config.jobs import JobsConfig
from engine.wiring import job_worker
from engine.wiring.job_board import JobBoard, failures
from engine.wiring.job_worker import BusyError, done
from tests.wiring.hook import Hook, serving, until
from tests.wiring.redis_process import RedisProcess

pytest.importorskip("celery")

ENGINE = "e" * 24
CALL = Call(step=Webhook(url="env:HOOK", retries=0), body="{}")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Bench:
    def __init__(self, config: JobsConfig, board: JobBoard, hook: Hook) -> None:
        self.config, self.board, self.hook = config, board, hook
        self.count = 0

    async def posted(self, *steps: Outside) -> Work:
        self.count += 1
        work = Work(
            run_id=f"{self.count:024x}", automation="one", first=0, steps=steps, last=True, engine=ENGINE
        )
        await self.board.post(work)
        return work

    async def deliver(self, work: Work) -> None:
        environ = {"HOOK": self.hook.url, "PHONE": self.hook.url.replace("http:", "json:")}
        await done(self.config, encode(work).decode(), "here", environ)

    async def outcome(self) -> Outcome:
        """The newest that the engine would hear of."""
        while True:
            news = decode_news(await self.board.news(ENGINE) or b"")
            if isinstance(news, Outcome):
                return news

    def change(self, **values: float) -> None:
        self.config = msgspec.structs.replace(self.config, **values)
        self.board._config = self.config


@pytest.fixture
async def bench(redis: RedisProcess) -> AsyncIterator[Bench]:
    client = redis.client()
    client.flushall()
    client.close()
    config = JobsConfig(broker_url=redis.url, lease_s=30.0, attempts=2)
    async with JobBoard(config) as board, serving() as hook:
        yield Bench(config, board, hook)


async def test_what_takes_too_long_is_given_up(bench: Bench) -> None:
    bench.hook.answers = [200, "hang"]
    bench.change(time_limit_s=0.2)
    await bench.deliver(await bench.posted(CALL, CALL))
    outcome = await bench.outcome()
    assert (outcome.done, outcome.texts) == (1, ("webhook answered 200",))
    assert outcome.error == "not done within 0.2 s: it may have been done"


async def test_while_one_is_at_it_another_waits(bench: Bench) -> None:
    bench.hook.answers = ["hang"]
    work = await bench.posted(CALL)
    first = asyncio.create_task(bench.deliver(work))
    await until(lambda: bench.hook.calls)
    with pytest.raises(BusyError) as busy:
        await bench.deliver(work)
    assert 0 < busy.value.left_s <= 30
    bench.hook.hanging.set()
    await first
    await bench.deliver(work)
    assert (await bench.outcome()).error == "" and len(bench.hook.calls) == 1


async def test_who_is_at_work_is_heard_of(bench: Bench) -> None:
    bench.hook.answers = ["hang"]
    bench.change(lease_s=0.15)
    work = await bench.posted(CALL)
    first = asyncio.create_task(bench.deliver(work))
    await until(lambda: bench.hook.calls)
    await asyncio.sleep(0.3)
    assert (await bench.board.withdraw(work)).verdict == "busy"
    bench.hook.hanging.set()
    await first


async def test_who_was_taken_over_goes_no_further(bench: Bench) -> None:
    bench.hook.answers = ["hang", 200]
    work = await bench.posted(CALL, CALL)
    first = asyncio.create_task(bench.deliver(work))
    await until(lambda: bench.hook.calls)
    await bench.board._redis.hset(bench.board._key(work), "owner", "another")  # as after a long sleep
    bench.hook.hanging.set()
    await first
    assert len(bench.hook.calls) == 1
    assert (await bench.board.withdraw(work)).verdict == "busy"


async def test_a_notification_that_was_cut_off_says_so_when_it_comes_again(bench: Bench) -> None:
    pytest.importorskip("apprise")
    tell = Tell(urls=("env:PHONE",), title="tickdesk: one", text="up", level="info")
    work = await bench.posted(tell, tell)
    bench.change(lease_s=0.01)
    await bench.board.claim(work, "dead")
    await asyncio.sleep(0.02)
    bench.change(lease_s=30.0)
    await bench.deliver(work)
    assert [body["message"] for _, body in bench.hook.calls] == ["up" + AGAIN, "up"]
    assert (await bench.outcome()).attempt == 2


async def test_work_that_kills_its_workers_is_given_up(bench: Bench) -> None:
    work = await bench.posted(CALL)
    bench.change(lease_s=0.01)
    for owner in ("dead", "dead too"):
        await bench.board.claim(work, owner)
        await asyncio.sleep(0.02)
    bench.change(lease_s=30.0)
    await bench.deliver(work)
    outcome = await bench.outcome()
    assert outcome.error == "cut off in 2 attempts: it may have been done" and not bench.hook.calls


async def test_what_comes_too_late_is_not_done(bench: Bench) -> None:
    bench.change(deadline_s=0.01)
    work = await bench.posted(CALL)
    await asyncio.sleep(0.02)
    await bench.deliver(work)
    assert "too late" in (await bench.outcome()).error and not bench.hook.calls


async def test_a_bug_is_an_outcome(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.automation.outside.WebhookCaller.call", lambda *_: 1 / 0)
    await bench.deliver(await bench.posted(CALL))
    assert (await bench.outcome()).error == "internal error (ZeroDivisionError): see the worker's log"


async def test_a_board_that_is_away_is_asked_for_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_worker, "ASKED_S", 0.05)
    work = await bench.posted(CALL)
    bench.config = msgspec.structs.replace(bench.config, broker_url="redis://127.0.0.1:1/0")
    with pytest.raises(failures()):
        await bench.deliver(work)
    assert not bench.hook.calls
