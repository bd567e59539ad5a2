"""The index' answers."""

from __future__ import annotations

import msgspec
import pytest

from engine.config import FearGreedConfig
from engine.events import NS, Sentiment
from engine.feeds.context.fear_greed import FearGreed, reading
from engine.feeds.context.source import AnswerError
from tests.feeds.context.bodies import FEAR_GREED
from tests.feeds.context.server import LoopbackServer, says

NOW = 1_700_000_000 * NS


def test_the_newest_reading() -> None:
    assert reading(FEAR_GREED.encode(), NOW) == Sentiment(
        "fear-greed", "", -0.5, "Extreme Fear", 1_699_920_000 * NS, NOW
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (FEAR_GREED.replace('"error":null', '"error":"rate limit"'), "error: rate limit"),
        ('{"metadata":{"error":null},"data":[]}', "without a reading"),
        ('{"code":-1,"msg":"no"}', "without a reading"),
        (FEAR_GREED.replace('"25"', '"101"'), "not within 0 to 100"),
        (FEAR_GREED.replace('"25"', '"-1"'), "not within 0 to 100"),
        (FEAR_GREED.replace("1699920000", "1999920000"), "from the future"),
    ],
)
def test_what_is_no_reading_is_told(body: str, why: str) -> None:
    with pytest.raises(AnswerError, match=why):
        reading(body.encode(), NOW)


@pytest.mark.parametrize("body", ["", "[]", "<html>", '{"data":[{"value":"x"}]}'])
def test_rubbish(body: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        reading(body.encode(), NOW)


async def test_it_is_asked_for_one_reading(server: LoopbackServer) -> None:
    server.answers = {"/fng/": [says(FEAR_GREED)]}
    index = FearGreed(FearGreedConfig(url=server.url), lambda: NOW)
    try:
        (event,) = await index.poll()
    finally:
        await index.close()
    assert isinstance(event, Sentiment) and event.value == -0.5
    assert server.asked == ["/fng/?limit=1"]
