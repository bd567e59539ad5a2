"""The board: who may do which work, decided in Redis, so that what is delivered twice is done once.

    <prefix>:jobs:work:<engine>:<id>
                                 hash: state (posted, claimed, withdrawn, done), until and lease (ms, by the
                                 server's clock), owner, attempt, done and texts (steps), outcome; it expires
    <prefix>:jobs:news:<engine>  list: who began what, and what came of it; it is bounded, and expires
    <prefix>:jobs:celery:…       the queue of Celery, which tells workers to look here

Work that is not on the board is done by nobody: a server that lost its memory doubles nothing.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from engine.automation.definition import MAX_STEPS
from engine.automation.work import Begun, Outcome, Work, encode
from engine.config.jobs import JobsConfig
from engine.errors import ConfigError
from engine.text import clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT_S = 2.0
QUEUE = "work"
KEEP_MS = 3_600_000
"""So long work stays on the board after it is done, or could be: a later message finds nothing."""
KEEP_NEWS_MS = 86_400_000
"""After it an engine hears no more of what was done while it was away."""
MAX_QUEUED = 1_000
"""Messages that wait for a worker; beyond them none is sent."""
MAX_NEWS = 10_000
NEWS_S = 1
"""How long the server is asked to wait for news."""
MISSING = (
    "jobs on workers need Celery and Redis: pip install 'tickdesk[celery]',"
    " or leave automations.jobs.broker_url empty"
)

Verdict = Literal["yours", "busy", "posted", "expired", "lost", "late", "spent", "withdrawn", "done", "gone"]

_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_STATE = (
    _NOW
    + """
local k = KEYS[1]
local state, till, lease, attempt = unpack(redis.call('HMGET', k, 'state', 'until', 'lease', 'attempt'))
if not state then return {'gone'} end
attempt = tonumber(attempt)
local told = redis.call('HMGET', k, 'texts', 'outcome')
local texts, outcome = told[1] or '[]', told[2] or ''
if state == 'done' or state == 'withdrawn' then return {state, 0, attempt, texts, outcome} end
local left = tonumber(lease) - now
"""
)
_POST = (
    _NOW
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'posted', 'until', now + ARGV[1], 'lease', 0, 'attempt', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
)
_CLAIM = (
    _STATE
    + """
if state == 'claimed' and left > 0 then return {'busy', left, attempt, texts, outcome} end
local verdict = 'yours'
if attempt >= tonumber(ARGV[3]) then verdict = 'spent' elseif now > tonumber(till) then verdict = 'late' end
if verdict == 'yours' then attempt = attempt + 1 end
redis.call('HSET', k, 'state', 'claimed', 'owner', ARGV[1], 'lease', now + ARGV[2], 'attempt', attempt)
return {verdict, 0, attempt, texts, outcome}
"""
)
_WITHDRAW = (
    _STATE
    + """
if state == 'claimed' then
    if left > 0 then return {'busy', left, attempt, texts, outcome} end
    if ARGV[1] == '0' or now <= tonumber(till) then return {'expired', 0, attempt, texts, outcome} end
    redis.call('HSET', k, 'state', 'withdrawn')
    return {'lost', 0, attempt, texts, outcome}
end
redis.call('HSET', k, 'state', 'withdrawn')
redis.call('PEXPIRE', k, ARGV[2])
return {'yours', 0, attempt, texts, outcome}
"""
)
_OWN = """
local own = redis.call('HMGET', KEYS[1], 'owner', 'state')
if own[1] ~= ARGV[1] or own[2] ~= 'claimed' then return 0 end
"""
_RENEW = (
    _OWN
    + _NOW
    + """
redis.call('HSET', KEYS[1], 'lease', now + ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'texts', ARGV[3]) end
return 1
"""
)
_FINISH = (
    _OWN
    + """
redis.call('HSET', KEYS[1], 'state', 'done', 'outcome', ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
)

_texts = msgspec.json.Decoder(tuple[str, ...])


class Standing(NamedTuple):
    """How work stands on the board."""

    verdict: Verdict
    left_s: float = 0.0
    """``busy``: until its worker is taken for dead."""
    attempt: int = 0
    texts: tuple[str, ...] = ()
    """What came of the steps that are done."""
    outcome: bytes = b""
    """``done``: an Outcome as JSON."""


def check_jobs(config: JobsConfig) -> None:
    """Raises ConfigError without the libraries, or for a URL that is none; connects to nothing."""
    if not config.broker_url:
        return
    try:
        import celery  # noqa: F401
        from redis.asyncio import ConnectionPool
    except ImportError:
        raise ConfigError(MISSING) from None
    try:
        ConnectionPool.from_url(config.broker_url)
    except ValueError:
        raise ConfigError(
            "automations.jobs.broker_url is no address: write redis://host:port/0, rediss://… or unix:///path"
        ) from None


class JobBoard:
    """A connection of one event loop. Every call is bounded by ``TIMEOUT_S`` and raises ``failures()``."""

    def __init__(self, config: JobsConfig) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._config = config
        self._redis: Redis = Redis.from_url(
            config.broker_url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="tickdesk-jobs",
        )
        run = self._redis.register_script
        self._post, self._claim, self._withdraw = run(_POST), run(_CLAIM), run(_WITHDRAW)
        self._renew, self._finish = run(_RENEW), run(_FINISH)

    async def __aenter__(self) -> JobBoard:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._redis.aclose()

    def _key(self, work: Work) -> str:
        return f"{self._config.prefix}:jobs:work:{work.engine}:{work.id}"

    def _news_key(self, engine: str) -> str:
        return f"{self._config.prefix}:jobs:news:{engine}"

    # --- the engine ---

    async def post(self, work: Work) -> bool:
        """Say that it may be done from now on; False when it was said before."""
        until_ms = round(self._config.deadline_s * 1000)
        over_ms = until_ms + round((self._config.time_limit_s + self._config.lease_s) * 1000)
        return bool(await self._post(keys=[self._key(work)], args=[until_ms, over_ms + KEEP_MS]))

    async def has_room(self) -> bool:
        """Whether the queue takes another message: where no worker is, it must not grow for ever."""
        asked: Any = self._redis.llen(f"{queue_prefix(self._config)}{QUEUE}")
        return int(await asked) < MAX_QUEUED

    async def withdraw(self, work: Work, *, lost: bool = True) -> Standing:
        """Make sure that nobody begins it any more; ``yours``: nobody had.

        ``lost``: also where somebody began it, is not heard of, and the time for further attempts is over.
        """
        return _standing(await self._withdraw(keys=[self._key(work)], args=[int(lost), KEEP_MS]))

    async def news(self, engine: str) -> bytes | None:
        """The oldest that nobody has heard; None when there is none for a second."""
        asked: Any = self._redis.brpop([self._news_key(engine)], timeout=NEWS_S)
        found = await asked
        return None if found is None else bytes(found[1])

    # --- the worker ---

    async def claim(self, work: Work, owner: str) -> Standing:
        """Ask to do it. ``yours``, ``spent`` and ``late`` make ``owner`` the one who finishes it."""
        lease_ms = round(self._config.lease_s * 1000)
        args = (owner, lease_ms, self._config.attempts)
        return _standing(await self._claim(keys=[self._key(work)], args=args))

    async def began(self, work: Work, begun: Begun) -> None:
        """For those who look: nothing is decided by it."""
        key = self._news_key(work.engine)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, encode(begun))
            pipeline.ltrim(key, 0, MAX_NEWS - 1)
            pipeline.pexpire(key, KEEP_NEWS_MS)
            await pipeline.execute()

    async def renew(self, work: Work, owner: str, texts: tuple[str, ...] | None = None) -> bool:
        """It is still at work, and has done so much; False when it is another's by now."""
        told = b"" if texts is None else msgspec.json.encode(texts)
        lease_ms = round(self._config.lease_s * 1000)
        return bool(await self._renew(keys=[self._key(work)], args=[owner, lease_ms, told]))

    async def finish(self, work: Work, owner: str, outcome: Outcome) -> bool:
        """It is done, and the engine hears of it; False when it is another's by now."""
        keys = [self._key(work), self._news_key(work.engine)]
        args = (owner, encode(outcome), MAX_NEWS, KEEP_NEWS_MS, KEEP_MS)
        return bool(await self._finish(keys=keys, args=args))


def queue_prefix(config: JobsConfig) -> str:
    """How the keys of Celery begin."""
    return f"{config.prefix}:jobs:celery:"


def failures() -> tuple[type[Exception], ...]:
    """What is raised when Redis cannot be asked."""
    from redis import RedisError

    return (RedisError, OSError, TimeoutError)


def _standing(raw: Any) -> Standing:
    verdict = bytes(raw[0]).decode()
    if len(raw) == 1:
        return Standing(verdict)  # type: ignore[arg-type]
    try:
        texts = tuple(clean(text, 200) for text in _texts.decode(raw[3]))[:MAX_STEPS]
    except msgspec.DecodeError:
        texts = ()
    return Standing(verdict, int(raw[1]) / 1000, int(raw[2]), texts, bytes(raw[4]))  # type: ignore[arg-type]
