"""``tickdesk models``: what it shows, what it changes, and that a running engine is asked first."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from aiohttp import web

from console.cli import main, models_prune
from engine.api import address
from engine.api.protocol import ErrorReply, Reply
from engine.features.alpha158 import NAMES, schema_hash
from engine.models import artefact, builtin
from engine.models.artefact import MODEL, Artefact, Estimate, Fold, Importance, Metrics
from engine.models.builtin import ensure_builtin
from engine.models.registry import Registry
from tests.models.conftest import reseal, written
from tests.models.old_registry import FIRST_SHIPPED, old_registry

Says = Callable[..., tuple[int, str, str]]
DAY_NS = 86_400 * 10**9


@pytest.fixture
def says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Says:
    """Runs the command on a state directory; (exit code, output, errors)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["models", *arguments, "--state-dir", str(tmp_path / "state")])
        done = capsys.readouterr()
        assert done.err.count("\n") <= 1, done.err
        return code, done.out, done.err

    return run


@pytest.fixture
def shipped() -> Artefact:
    return artefact.read(builtin.PATH)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """With the shipped model, active."""
    made = Registry(tmp_path / "state")
    ensure_builtin(made)
    return made


@pytest.fixture
def second(registry: Registry, shipped: Artefact, tmp_path: Path) -> str:
    """Another model, which says of itself what it can."""
    figure = Estimate(0.05, 0.01, 0.09)
    metrics = Metrics(ic=figure, rank_ic=figure, icir=figure, long_short_sharpe=figure, steps=500)
    gap = round(100 * shipped.manifest.bar_interval_s * 1e9)
    folds = tuple(
        Fold(
            train_from_ns=DAY_NS,
            train_until_ns=number * DAY_NS,
            test_from_ns=number * DAY_NS + gap,
            test_until_ns=(number + 1) * DAY_NS,
            rounds=20 + number,
            metrics=metrics,
        )
        for number in (2, 3)
    )
    made = reseal(
        shipped,
        seed=4711,
        folds=folds,
        metrics=metrics,
        parameters={"num_leaves": 9, "objective": "regression"},
        importance=(Importance("KMID", 0.7), Importance("KLEN", 0.3)),
        trained_from_ns=DAY_NS,
        trained_until_ns=4 * DAY_NS,
    )
    return registry.register(written(made, tmp_path / "second")).version


def active(registry: Registry) -> str:
    entry = registry.active("model")
    return "" if entry is None else entry.version


def test_an_empty_registry(says: Says) -> None:
    assert says()[1] == "no models are registered: `tickdesk train` makes one\n"
    assert json.loads(says("list", "--json")[1]) == json.loads(says("--json")[1]) == []
    assert says("verify") == (0, "no models are registered\n", "")
    for words, told in (
        (("show", "ab"), "no model has version 'ab'"),
        (("activate", "ab"), "no model has version"),
        (("rollback",), "no earlier model"),
        (("deactivate",), "no model of strategy model is active"),
    ):
        code, out, err = says(*words)
        assert (code, out) == (1, "") and told in err


def test_list_and_show(says: Says, registry: Registry, second: str) -> None:
    registry.set_shadow(second, who="ann")
    code, out, _ = says("list")
    head, newest, oldest = out.splitlines()
    assert (
        code == 0
        and head.startswith("VERSION")
        and newest.split()[:4]
        == [
            *(second, "model", "lightgbm", "shadow"),
        ]
    )
    assert oldest.split()[3] == "active" and "+0.0500 [+0.0100, +0.0900]" in newest
    rows = json.loads(says("--json")[1])
    assert [(row["role"], row["promotable"]) for row in rows] == [("shadow", True), ("active", True)]
    assert says("list", "--strategy", "other")[1].startswith("no models")

    code, page, _ = says("show", second[:6])
    assert code == 0
    for told in (
        *("inactive, shadow", "1970-01-02 00:00Z to 1970-01-05 00:00Z", "seed          4711"),
        *("FOLD", "1970-01-03 00:01Z", "KMID  70.0%", "num_leaves  9", "shadow by ann"),
    ):
        assert told in page, told
    found = json.loads(says("show", second, "--json")[1])
    assert len(found["folds"]) == 2 and found["entry"]["version"] == second
    assert found["importance"][0] == {"feature": "KMID", "share": 0.7}


def test_compare(says: Says, registry: Registry, second: str) -> None:
    first = active(registry)
    code, out, _ = says("compare", first, second)
    assert code == 0 and out.splitlines()[0].split() == [first, second]
    assert re.search(r"num_leaves +\d+ +9\n", out)
    assert "rank correlation of their predictions: +1.000 on 32 golden rows" in out
    told = json.loads(says("compare", first, second, "--json")[1])
    assert told["agreement"] == {"rows": 32, "rank_correlation": 1.0, "error": ""}
    assert told["parameters"]["num_leaves"][1] == 9


def test_compare_with_a_model_that_cannot_be_loaded(says: Says, registry: Registry, second: str) -> None:
    """What the manifests say is still shown."""
    (registry.directory / second / MODEL).write_bytes(b"tree\n")
    code, out, _ = says("compare", active(registry), second)
    assert code == 0 and "num_leaves" in out
    assert "how far they agree is unknown" in out and "vouches" in out


def test_switching_without_an_engine(says: Says, registry: Registry, second: str) -> None:
    first = active(registry)
    code, out, _ = says("activate", second[:8])
    assert (code, active(registry)) == (0, second) and "no desk runs for this state directory" in out
    code, out, _ = says("rollback", "--json")
    assert json.loads(out)["ok"] and not json.loads(out)["engine"] and active(registry) == first
    assert says("deactivate")[0] == 0 and active(registry) == ""
    assert says("shadow", second)[0] == 0
    shadow = registry.shadow("model")
    assert shadow is not None and shadow.version == second
    assert says("shadow", "--none")[0] == 0 and registry.shadow("model") is None
    assert {event.who for event in registry.history(second)} >= {"command line"}
    with pytest.raises(SystemExit) as usage:
        says("shadow")
    assert usage.value.code == 2


def test_a_model_that_fails_its_check_is_not_activated(
    says: Says, registry: Registry, shipped: Artefact, tmp_path: Path
) -> None:
    first = active(registry)
    swapped = np.frombuffer(shipped.manifest.golden_predictions)[::-1].tobytes()
    bad = registry.register(written(reseal(shipped, golden_predictions=swapped), tmp_path / "bad")).version
    code, _, err = says("activate", bad)
    assert code == 1 and "golden rows" in err and active(registry) == first
    code, out, _ = says("verify")
    assert code == 1 and f"{bad}  BAD" in out and "register PATH" in out and "1 of 2" in out
    assert says("verify", first) == (0, f"{first}  ok\nthe model is whole\n", "")
    (registry.directory / first / MODEL).unlink()
    told = json.loads(says("verify", "--json")[1])
    assert not told["ok"]
    reasons = {row["version"]: row["error"] for row in told["models"]}
    assert "cannot read" in reasons[first] and "models rollback" in reasons[first]


def test_register(says: Says, registry: Registry, shipped: Artefact, tmp_path: Path) -> None:
    made = reseal(shipped, seed=99)
    code, out, _ = says("register", str(written(made, tmp_path / "made")))
    assert code == 0 and f"models activate {made.manifest.version}" in out
    (tmp_path / "ridge.py").touch()
    code, _, err = says("register", str(tmp_path / "ridge.py"), "--bars", "60", "--horizon", "5")
    assert code == 1 and f"`tickdesk train --model {tmp_path / 'ridge.py'}`" in err
    code, _, err = says("register", str(tmp_path / "nothing"))
    assert code == 1 and "there is nothing at" in err
    code, _, err = says("register", str(tmp_path / "made"), "--bars", "60")
    assert code == 2 and "directory says" in err
    (tmp_path / "text").write_bytes(shipped.model[:900])
    code, _, err = says("register", str(tmp_path / "text"))
    assert code == 2 and "--bars SECONDS --horizon N" in err
    code, _, err = says("register", str(tmp_path / "text"), "--bars", "60", "--horizon", "5")
    assert code == 1 and "is damaged" in err


def test_register_a_bare_lightgbm_file(says: Says, registry: Registry, tmp_path: Path) -> None:
    lightgbm: Any = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 158))
    x[:, 7] = rng.integers(0, 40, 600)
    y = x[:, 0] + (x[:, 7] % 3 == 0)
    data = lightgbm.Dataset(x, y, feature_name=list(NAMES), categorical_feature=[7])
    text = tmp_path / "elsewhere.txt"
    lightgbm.train({"verbosity": -1, "num_threads": 1, "num_leaves": 8}, data, 10).save_model(text)
    where = ("register", str(text), "--bars", "60", "--horizon", "5")
    code, out, _ = says(*where)
    assert code == 0 and "it can never be active" in out and "models shadow" in out
    row = json.loads(says(*where, "--json")[1])
    again = registry.list()
    version = row["version"]
    assert (row["promotable"], row["horizon_bars"], row["bar_interval_s"]) == (False, 5, 60.0)
    assert len(again) == 2, "the same file is the same model"
    manifest = artefact.read_manifest(registry.directory / version)
    assert manifest.importance[0].feature == NAMES[0] and manifest.parameters["num_leaves"] == 8
    assert says("verify", version)[0] == 0
    code, _, err = says("activate", version)
    assert code == 1 and "as a shadow" in err
    assert says("shadow", version)[0] == 0

    narrow = tmp_path / "narrow.txt"
    lightgbm.train({"verbosity": -1, "num_threads": 1}, lightgbm.Dataset(x[:, :9], y), 2).save_model(narrow)
    code, _, err = says("register", str(narrow), "--bars", "60", "--horizon", "5")
    assert code == 1 and "takes 9 features" in err


def test_prune(says: Says, registry: Registry, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert says("prune") == (0, "nothing to remove\n", ""), "twenty stay"
    code, out, _ = says("prune", "--keep", "0", "--dry-run")
    assert code == 0 and second in out and "1 model would be removed" in out
    code, _, err = says("prune", "--keep", "0")
    assert code == 2 and "add --yes" in err
    assert says("prune", "--older-than", "30d", "--yes")[1] == "nothing to remove\n"
    monkeypatch.setattr(models_prune.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert says("prune", "--keep", "0")[0] == 1 and len(registry.list()) == 2
    told = json.loads(says("prune", "--keep", "0", "--yes", "--json")[1])
    assert told == {"dry_run": False, "removed": [second]} and active(registry)


# --- beside a running engine ---


@pytest.mark.parametrize(
    ("words", "request_line"),
    [
        (("activate", "{}"), "POST /v1/models/{}/activate"),
        (("shadow", "{}"), "POST /v1/models/{}/shadow"),
        (("shadow", "--none"), "DELETE /v1/models/shadow"),
        (("rollback",), "POST /v1/model/rollback"),
        (("deactivate",), "POST /v1/model/deactivate"),
    ],
)
async def test_a_running_engine_does_it(
    says: Says, registry: Registry, second: str, tmp_path: Path, words: tuple[str, ...], request_line: str
) -> None:
    seen: list[str] = []
    refuse = False

    async def answer(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.path}")
        if refuse:
            error = ErrorReply("not now: it is loading", "refused")
            return web.Response(body=msgspec.json.encode(error), status=409)
        return web.Response(body=msgspec.json.encode(Reply(True, "done by the engine")))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(address.prepare(tmp_path / "state"))).start()
    before = (registry.list(), registry.history())
    try:
        given = [word.format(second) for word in words]
        code, out, _ = await asyncio.to_thread(says, *given)
        assert (code, out, seen) == (0, "done by the engine\n", [request_line.format(second)])
        refuse = True
        code, _, err = await asyncio.to_thread(says, *given)
        assert code != 0 and "not now" in err
    finally:
        await runner.cleanup()
    assert (registry.list(), registry.history()) == before, "the engine owns the change"


def test_models_of_an_older_format_are_told_apart_from_damaged_ones(says: Says, tmp_path: Path) -> None:
    old_registry(tmp_path / "state", artefact.read(builtin.PATH), FIRST_SHIPPED)
    assert "of an older format: train it again" in says("list")[1]
    code, out, _ = says("verify")
    line = out.splitlines()[0]
    assert code == 1 and line.endswith("is of format 1, this desk reads 2: train the model again")


def test_a_strategy_that_is_no_name_is_a_wrong_command(
    says: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = ("register", str(builtin.PATH / MODEL), "--bars", "1", "--horizon", "20", "--strategy")
    for name in ("a b", "", "model\n", "\x1b[2J", "x" * 65):
        with pytest.raises(SystemExit, match="2"):
            says(*bare, name)
        error = capsys.readouterr().err
        assert "is no strategy's name" in error and "\x1b" not in error


@pytest.mark.parametrize("what", ["activate", "shadow"])
def test_where_no_desk_runs_it_says_that_none_could_feed_the_model(
    says: Says, registry: Registry, shipped: Artefact, tmp_path: Path, what: str
) -> None:
    other = reseal(shipped, bar_interval_s=2.5, schema_hash=schema_hash(2.5), purge_gap_bars=60)
    folds = [
        msgspec.structs.replace(fold, train_until_ns=fold.train_from_ns) for fold in other.manifest.folds
    ]
    other = reseal(other, folds=tuple(folds))
    version = registry.register(written(other, tmp_path / "other")).version
    code, out, _ = says(what, version)
    assert code == 0 and "would not take it up" in out and "set features.bar_s to 2.5" in out
    assert "at its next start" in says(what, version, "--set", "features.bar_s=2.5")[1]
