"""Models, contributions and training over the link: typed, bounded, one-line errors."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.protocol import ErrorReply, Reply
from tests.api.conftest import Serve
from tests.console import sample_models as sample

decode = msgspec.json.decode
WHO = {"X-Tickdesk-Client": "test"}


async def test_models_training_and_contributions_are_shown(serve: Serve) -> None:
    async with serve() as served:

        async def get(path: str, kind: type) -> object:
            status, body = await served.request("GET", path)
            assert status == 200
            return decode(body, type=kind)

        assert await get("/v1/models", ModelsDetail) == sample.models()
        assert await get(f"/v1/models/{sample.ACTIVE[:4]}", ModelDetail) == sample.model()
        assert await get("/v1/model/info", ModelDetail) == sample.model()
        assert await get("/v1/training", TrainingRow) == sample.training()
        for path in ("BTC-USD", "kraken:BTC/USD?ns=17", "kraken%3ABTC%2FUSD?ns=17"):
            assert await get(f"/v1/model/contributions/{path}", Contributions) == sample.contributions()
        assert served.desk.asked == [
            ("model", sample.ACTIVE[:4]),
            ("model", ""),
            ("contributions", "BTC-USD", 0),
            ("contributions", "kraken:BTC/USD", 17),
            ("contributions", "kraken:BTC/USD", 17),
        ]


async def test_commands_reach_the_models_with_who_asked(serve: Serve) -> None:
    async with serve() as served:
        order = TrainingOrder(symbols=("kraken:BTC/USD",), bar_s=60.0, horizon=5, then="shadow")
        for method, path, body in (
            ("POST", f"/v1/models/{sample.ACTIVE[:6]}/activate", None),
            ("POST", f"/v1/models/{sample.ACTIVE}/shadow", None),
            ("DELETE", "/v1/models/shadow", None),
            ("POST", "/v1/model/reload", None),
            ("POST", "/v1/model/rollback", None),
            ("POST", "/v1/model/deactivate", None),
            ("POST", "/v1/training", None),
            ("POST", "/v1/training", msgspec.json.encode(order)),
            ("DELETE", "/v1/training", None),
        ):
            status, answer = await served.request(method, path, body, **WHO)
            assert status == 200 and decode(answer, type=Reply).ok
        assert served.desk.asked == [
            ("activate", sample.ACTIVE, "test"),
            ("shadow", sample.ACTIVE, "test"),
            ("shadow", "", "test"),
            ("reload", "test"),
            ("rollback", "test"),
            ("deactivate", "test"),
            ("train", TrainingOrder(), "test"),
            ("train", order, "test"),
            ("cancel training", "test"),
        ]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "says"),
    [
        ("GET", "/v1/models/nope", None, 404, "no model has version 'nope'"),
        ("POST", "/v1/models/nope/activate", None, 404, "no model has version"),
        ("POST", "/v1/models/nope/shadow", None, 404, "no model has version"),
        ("POST", f"/v1/models/{sample.LEAKY}/activate", None, 409, "its metrics leak"),
        ("GET", f"/v1/models/{'x' * 300}", None, 400, "is no name"),
        ("GET", "/v1/models/shadow%1b", None, 400, "is no name"),
        ("POST", "/v1/models/shadow", None, 405, "it takes DELETE, GET"),
        ("GET", "/v1/model/contributions/nothing", None, 404, "too few bars"),
        ("GET", "/v1/model/contributions/BTC-USD?ns=-1", None, 400, "ns: a number from 0"),
        ("GET", "/v1/model/contributions/BTC-USD?ns=99999999999999999999", None, 400, "ns: a number from 0"),
        ("POST", "/v1/training", b'{"seed":13}', 409, "a training run is at work"),
        ("POST", "/v1/training", b'{"seed":-1}', 400, "seed"),
        ("POST", "/v1/training", b'{"then":"trade"}', 400, "then"),
        ("POST", "/v1/training", b'{"horizon":0}', 400, "horizon"),
        ("POST", "/v1/training", b'{"days":1e999}', 400, "days"),
        ("POST", "/v1/training", b'{"mlflow":"http://x"}', 400, "mlflow"),
        ("POST", "/v1/training", b'{"symbols":["' + b"x" * 81 + b'"]}', 400, "symbols"),
        ("POST", "/v1/training", b'{"symbols":["' + b"x" * 70_000 + b'"]}', 413, "too large"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_errors_are_one_line_and_change_nothing(
    serve: Serve, method: str, path: str, body: bytes | None, expected: int, says: str
) -> None:
    async with serve() as served:
        status, answer = await served.request(method, path, body)
        error = decode(answer, type=ErrorReply)
        assert (status, says.lower() in error.error.lower()) == (expected, True), error
        assert error.error.isprintable() and error.code
        assert all(asked[0] in ("model", "contributions") for asked in served.desk.asked)
