"""Webhooks of automations: tried again, told apart, never with a secret, never on a tape."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.automation.environment import resolve
from engine.automation.parts import Webhook
from engine.automation.webhook import WebhookCaller
from engine.errors import AutomationError
from engine.feeds.sources.alpha_vantage import AlphaVantage
from engine.feeds.sources.polygon import Polygon
from engine.feeds.sources.twelve_data import TwelveData
from tests.wiring.hook import Hook, serving, until
from tests.wiring.running_automations import NOTIFY, SYMBOL, Running


def hooked(hook: Hook, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": hook.url, **more}


async def test_a_webhook_gets_the_signal_and_secrets_of_the_environment(database: Path) -> None:
    async with serving() as hook:
        environ = {"HOOK": f"{hook.url}?key=hidden", "TOKEN": "Bearer hidden"}
        async with Running(database, environ=environ) as running:
            step = {"type": "webhook", "url": "env:HOOK", "headers": {"Authorization": "env:TOKEN"}}
            await running.put("one", {**step, "text": "{source}"})
            running.signal()
            await running.ended(1)
            headers, body = hook.calls[0]
            assert headers["Authorization"] == "Bearer hidden"
            assert headers["Idempotency-Key"] == f"{body['run_id']}-1"
            assert body["signal"]["symbol"] == SYMBOL and body["signal"]["score"] == 0.8
            assert body["text"] == "trend" and body["automation"] == "one"
            assert b"hidden" not in (running.automations.get("one") or b"")


async def test_the_desks_own_keys_are_sent_nowhere(database: Path) -> None:
    """A token may write definitions; what the desk signs in with at its brokers is not for whoever has it."""
    sources = (AlphaVantage, Polygon, TwelveData)
    own = ["TICKDESK_ALPACA_SECRET", "TICKDESK_NOTIFY_URLS", *(source.variable for source in sources)]
    environ = dict.fromkeys(own, "hidden")
    async with serving() as hook, Running(database, environ=environ) as running:
        for name in own:
            with pytest.raises(AutomationError, match=f"headers.X-Take: {name} is the desk's own"):
                await running.put("one", hooked(hook, headers={"X-Take": f"env:{name}"}))
            with pytest.raises(AutomationError, match=f"url: {name} is the desk's own"):
                await running.put("one", {"type": "webhook", "url": f"env:{name}"})
            with pytest.raises(AutomationError, match="is the desk's own"):
                resolve(f"env:{name}", environ)  # as a broker of jobs may say it
        with pytest.raises(AutomationError, match="urls: TICKDESK_ALPACA_SECRET is the desk's own"):
            await running.put("one", {**NOTIFY, "urls": ["env:TICKDESK_ALPACA_SECRET"]})
        await running.put("one", {**NOTIFY, "urls": ["env:TICKDESK_NOTIFY_URLS"]})
        assert not hook.calls


async def test_a_webhook_is_tried_again(database: Path) -> None:
    async with serving() as hook:
        hook.answers = [500, 429, "cut", 200]
        async with Running(database) as running:
            await running.put("one", hooked(hook, retries=3))
            running.signal()
            assert (await running.ended(1)).succeeded == 1
            assert len(hook.calls) == 4
            assert len({headers["Idempotency-Key"] for headers, _ in hook.calls}) == 1


async def test_a_receiver_tells_the_calls_of_one_run_apart(database: Path) -> None:
    async with serving() as hook, Running(database) as running:
        await running.put("one", hooked(hook), NOTIFY, hooked(hook), hooked(hook))
        running.signal()
        assert (await running.ended(1)).succeeded == 1
        run_id = hook.calls[0][1]["run_id"]
        keys = [headers["Idempotency-Key"] for headers, _ in hook.calls]
        assert keys == [f"{run_id}-1", f"{run_id}-3", f"{run_id}-4"]


@pytest.mark.parametrize(
    ("answers", "more", "error", "calls"),
    [
        ([500], {"retries": 1}, "answered 500, tried 2 times", 2),
        ([404], {"retries": 3}, "answered 404", 1),
        (["hang"], {"retries": 1, "timeout_s": 0.1}, "no answer within 0.1 s, tried 2 times", 2),
        (["around"], {"retries": 3}, "redirected more than 3 times", 4),
        ([302], {"retries": 3}, "answered 302", 1),
    ],
)
async def test_a_webhook_that_fails(
    database: Path, answers: list[Any], more: dict[str, Any], error: str, calls: int
) -> None:
    async with serving() as hook:
        hook.answers = answers
        async with Running(database) as running:
            await running.put("one", hooked(hook, **more), NOTIFY)
            running.signal()
            row = await running.ended(1)
            assert row.error == f"step 1 (call webhook): webhook: {error}"
            assert len(hook.calls) == calls
            assert running.alerts("automation:one") == [row.error], "the step after it is not done"


async def test_redirects_stay_on_the_server(database: Path) -> None:
    async with serving() as hook, serving() as other:
        hook.answers, hook.elsewhere = ["elsewhere"], other.url
        async with Running(database) as running:
            await running.put("one", hooked(hook))
            running.signal(at_s=1)
            assert "redirected to another server" in (await running.ended(1)).error
            assert not other.calls and len(hook.calls) == 1
            hook.answers = ["around", 200]
            running.signal(at_s=2)
            assert (await running.ended(2)).succeeded == 1


async def test_an_endless_answer_is_not_read(database: Path) -> None:
    async with serving() as hook:
        hook.answers = ["endless"]
        async with Running(database) as running:
            await running.put("one", hooked(hook))
            running.signal()
            assert (await running.ended(1)).succeeded == 1


async def test_errors_of_webhooks_show_no_secret(database: Path) -> None:
    environ = {"GONE": "http://user:hidden@127.0.0.1:1/hidden", "WRONG": "ftp://hidden", "EMPTY": ""}
    async with Running(database, environ=environ) as running:
        for number, (name, error) in enumerate(
            [
                ("GONE", "no connection: Connection refused"),
                ("WRONG", "the address in the environment is no http or https address"),
                ("EMPTY", "the environment of the engine has no EMPTY"),
                ("UNSET", "the environment of the engine has no UNSET"),
            ]
        ):
            await running.put(f"a{number}", {"type": "webhook", "url": f"env:{name}", "retries": 0})
            running.signal(at_s=number)
            row = await running.ended(1, f"a{number}")
            assert error in row.error and "hidden" not in row.error
            await running.automations.remove(f"a{number}", "test")


async def test_a_hanging_webhook_holds_up_nobody(database: Path) -> None:
    async with serving() as hook:
        hook.answers = ["hang"]
        async with Running(database) as running:
            await running.put("hangs", hooked(hook, timeout_s=60))
            await running.put("one", NOTIFY)
            for at_s in (1, 2, 3):
                running.signal(at_s=at_s)
                await running.ended(at_s)
            assert running.row("hangs").running == 1 and len(hook.calls) == 1


@pytest.mark.parametrize("how", ["removed", "switched off", "changed"])
async def test_one_that_is_withdrawn_while_it_runs_goes_no_further(database: Path, how: str) -> None:
    order = {"type": "order", "side": "signal", "notional": 1000}
    async with serving() as hook:
        hook.answers = ["hang"]
        async with Running(database) as running:
            steps = [hooked(hook, timeout_s=60), order]
            await running.put("one", *steps)
            running.signal()
            await until(lambda: len(hook.calls) == 1)
            if how == "removed":
                await running.automations.remove("one", "test")
            elif how == "switched off":
                await running.automations.set_active("one", False, "test")
            else:
                await running.put("one", steps[0], order | {"notional": 10})
            hook.hanging.set()
            (run,) = await running.recorded(1)
            assert run.error == f"step 2 (order): not done: the automation was {how} meanwhile"
            assert not running.orders()


async def test_on_a_tape_nothing_outside_is_called(database: Path) -> None:
    async with serving() as hook, Running(database, tape=True) as running:
        await running.put("one", hooked(hook), {**NOTIFY, "urls": ["env:UNSET"]})
        running.signal()
        assert (await running.ended(1)).succeeded == 1
        assert not hook.calls and len(running.alerts("automation:one")) == 1


async def test_calls_that_hang_keep_no_other_from_being_made() -> None:
    calls = 120
    async with serving() as hook:
        hook.answers = ["hang"]
        caller = WebhookCaller({}, pause_s=0.01)
        step = Webhook(url=hook.url, timeout_s=5.0, retries=0)
        try:
            made = [asyncio.create_task(caller.call(step, f"{number}-1", b"{}")) for number in range(calls)]
            await until(lambda: len(hook.calls) == calls)
            hook.hanging.set()
            assert set(await asyncio.gather(*made)) == {"webhook answered 200"}
        finally:
            await caller.close()
