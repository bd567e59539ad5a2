"""What only looks lets others go first; what is commanded does not wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from engine.api import looks
from engine.api.looks import in_parts


async def answered(said: list[str], name: str, route: Any, rest: Any, until: asyncio.Event) -> None:
    async def handler(request: web.Request) -> web.Response:
        said.append(f"{name} begins")
        await until.wait()
        said.append(f"{name} ends")
        return web.Response()

    response = await rest(SimpleNamespace(route=route), handler)
    said.append(f"{name} {response.status}")


async def test_one_after_the_other_and_none_waits_for_anothers_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "route_of", lambda request: request.route)
    look = SimpleNamespace(command=False, stream=False)
    said, rest, until = list[str](), in_parts(), asyncio.Event()
    asking = [asyncio.create_task(answered(said, name, look, rest, until)) for name in "ab"]
    await asyncio.sleep(0)
    assert not said, "others go first"
    while "a begins" not in said:
        await asyncio.sleep(0)
    assert said == ["a begins"], "a rest is before the next one, too"
    while "b begins" not in said:
        await asyncio.sleep(0)
    until.set()
    await asyncio.gather(*asking)
    assert said[2:4] == ["a ends", "b ends"] and sorted(said[4:]) == ["a 200", "b 200"]


@pytest.mark.parametrize(
    "route", [None, SimpleNamespace(command=True, stream=False), SimpleNamespace(command=False, stream=True)]
)
async def test_a_command_is_done_at_once(monkeypatch: pytest.MonkeyPatch, route: Any) -> None:
    monkeypatch.setattr(looks, "route_of", lambda request: request.route)
    said, until = list[str](), asyncio.Event()
    until.set()
    asked = answered(said, "kill", route, in_parts(), until)
    with pytest.raises(StopIteration):
        asked.send(None)
    assert said == ["kill begins", "kill ends", "kill 200"]
