"""The board on a real Redis: whatever comes in whatever order, one acts."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from engine.automation.parts import Webhook
from engine.automation.work import Begun, Call, Outcome, Work, decode_news
from engine.config import load
from engine.config.jobs import JobsConfig
from engine.errors import ConfigError
from engine.wiring.job_board import JobBoard, check_jobs, failures
from engine.wiring.job_queue import application, settings, shown
from tests.wiring.redis_process import RedisProcess

pytest.importorskip("celery")

ENGINE = "e" * 24


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def config(redis: RedisProcess) -> JobsConfig:
    return JobsConfig(broker_url=redis.url, attempts=2, lease_s=30.0)


@pytest.fixture
async def board(config: JobsConfig) -> AsyncIterator[JobBoard]:
    async with JobBoard(config) as made:
        yield made


def work(number: int, first: int = 0) -> Work:
    step = Call(step=Webhook(url="https://x.test/"), body="{}")
    return Work(
        run_id=f"{number:024x}", automation="one", first=first, steps=(step,), last=True, engine=ENGINE
    )


def outcome(of: Work, **more: object) -> Outcome:
    told = Outcome(run_id=of.run_id, first=of.first, done=1, texts=("ok",), worker="w", last=True)
    return msgspec.structs.replace(told, **more)


async def test_of_all_who_ask_at_once_one_may(board: JobBoard) -> None:
    for number in range(20):
        one = work(number)
        await board.post(one)
        asked = [board.claim(one, f"worker {each}") for each in range(5)]
        asked += [board.withdraw(one) for _ in range(2)]
        verdicts = [standing.verdict for standing in await asyncio.gather(*asked)]
        assert verdicts.count("yours") == 1, verdicts
        assert set(verdicts) <= {"yours", "busy", "withdrawn"}


async def test_what_was_never_posted_is_nobodys(board: JobBoard) -> None:
    one = work(100)
    assert (await board.claim(one, "w")).verdict == "gone"
    assert (await board.withdraw(one)).verdict == "gone"
    assert not await board.finish(one, "w", outcome(one))


async def test_steps_outlive_who_did_them(config: JobsConfig) -> None:
    quick = msgspec.structs.replace(config, lease_s=0.05)
    one = work(200)
    async with JobBoard(quick) as board:
        assert await board.post(one) and not await board.post(one)
        assert (await board.claim(one, "a")).attempt == 1
        assert await board.renew(one, "a", ("first",))
        await asyncio.sleep(0.06)
        assert (await board.withdraw(one)).verdict == "expired", "another attempt may begin it"
        again = await board.claim(one, "b")
        assert (again.verdict, again.attempt, again.texts) == ("yours", 2, ("first",))
        assert not await board.renew(one, "a") and not await board.finish(one, "a", outcome(one))
        await asyncio.sleep(0.06)
        spent = await board.claim(one, "c")
        assert (spent.verdict, spent.attempt) == ("spent", 2)
        assert await board.finish(one, "c", outcome(one, error="cut off"))
        done = await board.claim(one, "d")
        told = decode_news(done.outcome)
        assert done.verdict == "done" and isinstance(told, Outcome) and told.error == "cut off"
        assert (await board.withdraw(one)).verdict == "done"


async def test_after_the_deadline_nobody_begins(config: JobsConfig) -> None:
    short = msgspec.structs.replace(config, deadline_s=0.01, lease_s=0.05)
    waiting, dead = work(300), work(301)
    async with JobBoard(short) as board:
        await board.post(waiting)
        await board.post(dead)
        assert (await board.claim(dead, "a")).verdict == "yours"
        await asyncio.sleep(0.06)
        assert (await board.claim(waiting, "b")).verdict == "late"
        assert (await board.withdraw(dead, lost=False)).verdict == "expired"
        assert (await board.withdraw(dead)).verdict == "lost"
        assert (await board.claim(dead, "c")).verdict == "withdrawn"


async def test_news_come_in_order_and_are_bounded(board: JobBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.wiring.job_board.MAX_NEWS", 3)
    ones = [work(number) for number in range(400, 405)]
    for one in ones:
        await board.began(one, Begun(one.run_id, 0, "w", 1))
    heard = [decode_news(await board.news(ENGINE) or b"").run_id for _ in range(3)]
    assert heard == [one.run_id for one in ones[2:]]


async def test_a_server_that_is_away_is_told_of_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = JobsConfig(broker_url=f"unix://{tmp_path_factory.mktemp('none')}/none.sock")
    async with JobBoard(nowhere) as board:
        with pytest.raises(failures()):
            await board.post(work(500))


# --- the queue's settings ---


def test_messages_are_json_alone_and_acknowledged_when_done() -> None:
    app = application(JobsConfig(broker_url="redis://:secret@127.0.0.1:1/3", time_limit_s=60.0))
    conf = app.conf
    assert conf.accept_content == ["json"] and conf.task_serializer == conf.result_serializer == "json"
    assert conf.task_acks_late and conf.task_reject_on_worker_lost and conf.task_ignore_result
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit > 60
    assert shown(conf.broker_url) == "127.0.0.1:1"


def test_a_certificate_is_asked_for() -> None:
    import ssl

    asked = settings(JobsConfig(broker_url="rediss://redis.test/0"))["broker_use_ssl"]
    assert asked["ssl_cert_reqs"] == ssl.CERT_REQUIRED
    assert settings(JobsConfig(broker_url="unix:///run/r.sock?db=2"))["broker_url"] == (
        "redis+socket:///run/r.sock?virtual_host=2"
    )


def test_without_the_extra_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    check_jobs(JobsConfig())
    with pytest.raises(ConfigError, match="is no address"):
        check_jobs(JobsConfig(broker_url="amqp://x"))
    monkeypatch.setitem(sys.modules, "celery", None)
    check_jobs(JobsConfig())
    with pytest.raises(ConfigError, match=r"pip install 'tickdesk\[celery\]'"):
        check_jobs(JobsConfig(broker_url="redis://127.0.0.1/0"))


def test_the_configuration_is_checked() -> None:
    jobs = load(environ={"TICKDESK_AUTOMATIONS__JOBS__BROKER_URL": "redis://h/0"}).automations.jobs
    assert jobs.broker_url == "redis://h/0" and jobs.when_down == "in_process"
    with pytest.raises(ConfigError, match="prefix"):
        load(environ={}, overrides=["automations.jobs.prefix=a b"])
