"""``tickdesk train`` at the prompt: what it prints, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from console.cli import main
from engine.api import address
from engine.api.protocol import Reply
from engine.models.registry import Registry

ARGUMENTS = ("--seconds", "520", "--horizon", "5", "--symbols", "BTC-USD", "ETH/USD", "SOL-USD")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightgbm", exc_type=Exception)
    monkeypatch.setattr("engine.wiring.low_priority.step_back", lambda: None)  # of the tests' own process


def test_folds_intervals_features_and_what_became_of_it(tmp_path: Path, capsys: Capture) -> None:
    assert main(["train", "--state-dir", str(tmp_path), *ARGUMENTS]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("simulated venue, seed 7, 520 s: 520 time steps")
    table = [line.split() for line in lines[2:8]]
    assert [row[0] for row in table] == ["FOLD", "1", "2", "3", "4", "all"]
    assert any(line.startswith("gain of features: ") for line in lines)
    assert any("3 symbols are few" in line for line in lines)
    (entry,) = Registry(tmp_path).list()
    assert lines[-2].startswith(f"model {entry.version} is registered and active")
    assert "lies above 0" in lines[-2] and lines[-1].startswith("no desk runs for this state directory")
    assert "fold 4 of 4" in err and "\r" not in err and "\x1b" not in err


@pytest.mark.parametrize(("then", "became"), [("shadow", "shadow"), ("activate", "active")])
async def test_a_running_engine_gives_the_role(
    tmp_path: Path, capsys: Capture, then: str, became: str
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.path}")
        return web.Response(body=msgspec.json.encode(Reply(True, "done by the engine")))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(address.prepare(tmp_path))).start()
    try:
        words = ["train", "--state-dir", str(tmp_path), *ARGUMENTS, "--then", then, "--json"]
        assert await asyncio.to_thread(main, words) == 0
    finally:
        await runner.cleanup()
    told = json.loads(capsys.readouterr().out)
    assert seen == [f"POST /v1/models/{told['version']}/{then}"], "nothing but that"
    assert told["then"] == became and told["desk"] == "the desk that runs: done by the engine"
    (entry,) = Registry(tmp_path).list()
    assert entry.status == "inactive" and Registry(tmp_path).shadow("model") is None, "it owns the change"
    assert await asyncio.to_thread(main, words) == 0, "and where none runs, the registry is changed"
    assert "takes it up at its next start" in json.loads(capsys.readouterr().out)["desk"]
    roles = Registry(tmp_path).roles("model")
    assert [role is not None for role in (roles.active, roles.shadow)] == [
        then == "activate",
        then == "shadow",
    ]


def test_json_has_the_manifest_without_its_bytes(tmp_path: Path, capsys: Capture) -> None:
    assert main(["train", "--state-dir", str(tmp_path), *ARGUMENTS, "--json", "--then", "register"]) == 0
    found = json.loads(capsys.readouterr().out)
    (entry,) = Registry(tmp_path).list()
    assert found["version"] == entry.version and found["then"] == "registered"
    assert len(found["manifest"]["folds"]) == 4 and found["manifest"]["metrics"]["ic"]["low"] < 1
    assert "golden_rows" not in found["manifest"] and isinstance(found["skill"], bool)


def test_progress_for_machines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--state-dir", str(tmp_path), *ARGUMENTS, "--progress", "json"]) == 0
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert said[0]["share"] == 0.0 and len(said[-1]["version"]) == 12


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--horizon", "0"], 2, "--horizon 0"),
        (["--horizon", "5", "--purge", "5"], 1, "leaks"),
        (["--seconds", "90"], 1, "too little data"),
        (["--days", "3"], 2, "no history"),
        (["--since", "yesterday"], 2, "no time"),
        (["--days", "3", "--since", "2025-01-01"], 2, "give one"),
        (["--memory", "much"], 2, "no number"),
        (["--json", "--progress", "json"], 2, "give one"),
        (["--symbols", "BTC-USD", "BTC/USD"], 1, "at least 2"),
        (["--seed", "-1"], 2, "--seed"),
    ],
)
def test_refusals_are_one_line(
    tmp_path: Path, capsys: Capture, options: list[str], code: int, words: str
) -> None:
    try:
        ended = main(["train", "--state-dir", str(tmp_path), "--seconds", "400", *options])
    except SystemExit as end:
        ended = int(end.code or 0)
    out, err = capsys.readouterr()
    told = err.splitlines()[-1]
    assert ended == code and out == "" and told.startswith("tickdesk: ") and words in told, err
    assert Registry(tmp_path).list() == []


def test_a_model_that_no_desk_of_this_configuration_could_feed_is_told_of(
    tmp_path: Path, capsys: Capture
) -> None:
    words = ["train", "--state-dir", str(tmp_path), *ARGUMENTS, "--bars", "1.5", "--then", "activate"]
    words[words.index("520")] = "780"
    assert main(words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "would not take it up" in last and "set features.bar_s to 1.5" in last
