"""What ``tickdesk models info|training``, ``status`` and ``doctor`` say of a running engine's model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from console.cli import main, status
from console.doctor import services
from engine.api import address
from engine.api.protocol import Health, ModelRow
from tests.console import sample_desk, sample_explanation, sample_models

Says = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]
BROKEN = "the strategy goes on without a model: /x/model.txt is damaged"


@pytest.fixture
async def says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Says]:
    """``says({path: answer}, words...)`` with an engine that answers so: (exit code, output, errors)."""
    answers: dict[str, object] = {}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(answers[request.path]))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(address.prepare(tmp_path))).start()

    async def run(given: dict[str, object], *words: str) -> tuple[int, str, str]:
        answers.update(given)
        code = await asyncio.to_thread(main, [*words, "--state-dir", str(tmp_path)])
        done = capsys.readouterr()
        return code, done.out, done.err

    yield run
    await runner.cleanup()


async def test_a_shadow_without_an_active_model_is_shown(says: Says) -> None:
    shadow = next(row for row in sample_models.entries() if row.role == "shadow")
    desk = msgspec.structs.replace(
        sample_models.models(), models=(shadow,), comparison=None, drift=(), error=BROKEN
    )
    page = msgspec.structs.replace(sample_models.model(), entry=shadow)
    given = {"/v1/models": desk, f"/v1/models/{shadow.version}": page}
    code, out, err = await says(given, "models", "info")
    assert code == 0, err
    assert out.startswith(f"no model is at work: {BROKEN}\n") and shadow.version in out
    assert out.count(BROKEN) == 1
    code, out, _ = await says(given, "models", "info", "--json")
    assert code == 0 and msgspec.json.decode(out)["entry"]["role"] == "shadow"


async def test_without_any_model_it_says_why(says: Says) -> None:
    desk = msgspec.structs.replace(sample_models.models(), models=(), comparison=None, drift=(), error=BROKEN)
    code, out, _ = await says({"/v1/models": desk}, "models", "info")
    assert code == 0 and out.startswith(f"no model is at work: {BROKEN}\n")


@pytest.mark.parametrize(
    ("next_ns", "told"), [(0, "no run is scheduled"), (1_900_000_000 * 10**9, "next run 2030")]
)
async def test_the_schedule_is_told(says: Says, next_ns: int, told: str) -> None:
    row = msgspec.structs.replace(sample_models.training(), next_ns=next_ns)
    code, out, _ = await says({"/v1/training": row}, "models", "training")
    assert code == 0 and told in out


@pytest.mark.parametrize(
    ("row", "told", "state"),
    [
        (
            ModelRow(
                "model", "a1b2c3d4e5f6", "active", 1, "rank IC 0.041", "", 0.0304, 31, shadow="5f0c9d1e2a3b"
            ),
            "model a1b2c3d4e5f6 at work (rank IC 0.041), live rank IC +0.030 over 31 steps, "
            "shadow 5f0c9d1e2a3b",
            "ok",
        ),
        (ModelRow("model", "", "loading", 0, "", ""), "no model at work: it is being loaded", "ok"),
        (ModelRow("model", "", "none", 0, "", BROKEN), f"no model at work; not loaded: {BROKEN}", "warn"),
        (
            ModelRow("model", "a1b2", "active", 1, "rank IC 0.041", "", rollback="model x was rolled back"),
            "model a1b2 at work (rank IC 0.041); model x was rolled back",
            "warn",
        ),
    ],
)
async def test_status_and_doctor_tell_the_model(
    says: Says, tmp_path: Path, row: ModelRow, told: str, state: str
) -> None:
    health = Health(True, 1, 42, sample_desk.status(), (), model=row)
    assert told in status.lines(health)
    code, out, _ = await says({"/v1/health": health}, "status", "--json")
    assert code == 0 and msgspec.json.decode(out)["model"]["error"] == row.error
    engine, model = await asyncio.to_thread(services.engine, tmp_path)
    assert (engine.state, model.state, model.text) == ("ok", state, told)


async def test_in_a_shell_a_prediction_is_taken_apart_by_a_command(says: Says) -> None:
    story = msgspec.structs.replace(
        sample_explanation.explanation(), symbol="kraken:BTC/USD", model_version="a1b2c3d4e5f6", model_ns=17
    )
    identity = "0123456789abcdef0123456789abcdef"
    code, out, err = await says({f"/v1/explain/{identity}": story}, "explain", identity)
    assert code == 0, err
    assert "what moved it: `tickdesk models explain kraken:BTC/USD --ns 17`" in out and "e: what" not in out
