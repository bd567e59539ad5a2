"""Models on a real engine: switched by request and by poll; what only training needs is never imported."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli.client import ask
from engine.api.model_protocol import ModelsDetail
from engine.api.protocol import Reply
from engine.errors import RefusedError
from engine.models import artefact, builtin
from engine.models.registry import Registry
from tests.e2e import engine as e2e
from tests.e2e.engine import RunningEngine, options
from tests.models.conftest import reseal, written

TRAINING_ONLY = {"lightgbm", "sklearn", "mlflow", "pandas"}

NOTES_ITS_MODULES = """
import atexit, json, os, sys
atexit.register(lambda: open(os.environ["MODULES"], "w").write(json.dumps(sorted(sys.modules))))
from console.cli import main
sys.exit(main())
"""


def shown(state_dir: Path, holds: Callable[[ModelsDetail], bool]) -> ModelsDetail:
    """The models once they are as ``holds`` wants them."""
    deadline = time.monotonic() + 60.0
    found: object = None
    while time.monotonic() < deadline:
        try:
            found = ask(state_dir, "GET", "/v1/models", ModelsDetail)
            if holds(found):
                return found
        except RefusedError as error:  # the registry opens after the start
            found = error
        time.sleep(0.1)
    raise AssertionError(f"never came: {found}")


def roles(found: ModelsDetail) -> dict[str, str]:
    return {entry.role: entry.version for entry in found.models if entry.role}


def test_models_are_switched_and_nothing_that_trains_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, modules = tmp_path / "state", tmp_path / "modules.json"
    monkeypatch.setattr(e2e, "COMMAND", [sys.executable, "-c", NOTES_ITS_MODULES])
    monkeypatch.setenv("MODULES", str(modules))
    settings = options(simulated__history_s=90, models__every_bars=1, models__poll_s=1)
    with RunningEngine(state, *settings) as engine:
        first = roles(shown(state, lambda found: "active" in roles(found)))["active"]
        registry = Registry(state)
        other = reseal(artefact.read(builtin.PATH), seed=2)
        second = registry.register(written(other, tmp_path / "other")).version

        def post(path: str) -> str:
            reply = ask(state, "POST", path, Reply, timeout_s=60.0)
            assert reply.ok, reply
            return reply.text

        assert second in post(f"/v1/models/{second}/shadow")
        both = shown(state, lambda found: found.comparison is not None and found.comparison.batches >= 2)
        assert roles(both) == {"active": first, "shadow": second}
        assert both.comparison is not None
        assert both.comparison.rank_correlation == pytest.approx(1.0), "the same trees say the same"
        assert "loaded again" in post("/v1/model/reload")
        post(f"/v1/models/{second}/activate")
        assert roles(shown(state, lambda found: True)) == {"active": second}
        post("/v1/model/rollback")
        assert roles(shown(state, lambda found: True)) == {"active": first}
        registry.activate(second, who="another process")
        shown(state, lambda found: roles(found).get("active") == second)
        model = engine.state().models[0]
        assert (model.version, model.status, model.error) == (second, "active", "")
        engine.signal(signal.SIGTERM)
        assert engine.wait() == 0
    imported = {name.partition(".")[0] for name in json.loads(modules.read_text())}
    assert "numba" in imported
    assert imported & TRAINING_ONLY == set()
