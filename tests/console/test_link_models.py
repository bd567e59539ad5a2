"""The link's words for models, against a real server: each route once, refusals in one line."""

from __future__ import annotations

import pytest

from console.link import EngineLink
from engine.api.model_protocol import TrainingOrder
from engine.errors import LinkError
from tests.api.conftest import Serve, serve
from tests.console import sample_models as sample

__all__ = ["serve"]


async def test_every_route_of_models(serve: Serve) -> None:
    order = TrainingOrder(symbols=("kraken:BTC/USD",), horizon=12, seconds=600, then="activate")
    async with serve() as served:
        link = EngineLink(served.socket)
        assert await link.models() == sample.models()
        assert await link.model("") == await link.model(sample.ACTIVE[:6]) == sample.model()
        assert (await link.contributions("kraken:BTC/USD", 17)) == sample.contributions()
        await link.contributions("kraken:BTC/USD")
        assert await link.training() == sample.training()
        assert (await link.activate_model(sample.ACTIVE)).ok
        assert (await link.shadow_model(sample.ACTIVE)).ok
        assert (await link.shadow_model("")).ok
        assert (await link.roll_back_model()).ok
        assert (await link.deactivate_model()).ok
        assert (await link.train(order)).ok
        assert (await link.cancel_training()).ok
        assert served.desk.asked == [
            ("model", ""),
            ("model", sample.ACTIVE[:6]),
            ("contributions", "kraken:BTC/USD", 17),
            ("contributions", "kraken:BTC/USD", 0),
            ("activate", sample.ACTIVE, "console"),
            ("shadow", sample.ACTIVE, "console"),
            ("shadow", "", "console"),
            ("rollback", "console"),
            ("deactivate", "console"),
            ("train", order, "console"),
            ("cancel training", "console"),
        ]
        await link.close()


async def test_what_is_refused_is_one_line(serve: Serve) -> None:
    async with serve() as served:
        link = EngineLink(served.socket)
        with pytest.raises(LinkError, match="cannot be made active: its metrics leak"):
            await link.activate_model(sample.LEAKY)
        with pytest.raises(LinkError, match="no model has version 'a/b ü'"):
            await link.model("a/b ü")
        with pytest.raises(LinkError, match="too few bars"):
            await link.contributions("nothing")
        with pytest.raises(LinkError, match="a training run is at work"):
            await link.train(TrainingOrder(seed=13))
        await link.close()
