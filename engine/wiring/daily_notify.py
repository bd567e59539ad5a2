"""One message about a daily run: at its end, or where it failed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from engine.automation.notification import Notifier
from engine.automation.parts import Level
from engine.config import NotifyConfig
from engine.errors import AutomationError, ConfigError
from engine.sessions import Sessions
from engine.store.daily import StoredStep
from engine.text import clean
from engine.wiring.daily_context import Context, Outcome, StepFailed
from engine.wiring.notifications import AGAIN, addresses, clean_lines

STEP = "notify"
_SENDING = '"sending"'


def notify(context: Context) -> Outcome:
    """Tell how the run went. After a kill in its middle it is told again, and said so."""
    config = context.config.notify
    if context.run.dry:
        return Outcome("dry run: nobody is told", skipped=True)
    if not config.enabled:
        return Outcome("notify.enabled is off: nobody is told", skipped=True)
    if not config.daily_report:
        return Outcome("notify.daily_report is off: nobody is told", skipped=True)
    if _is_quiet(config, context.clock()):
        return Outcome("quiet hours: nobody is told of a run that went well", skipped=True)
    again = context.kept(STEP) == _SENDING
    context.store.note_product(context.run.id, STEP, _SENDING)
    title, text = message(context)
    if again:
        text += f"\n{AGAIN}"
    fault = send(config, title, text, "info")
    if fault:
        raise StepFailed(fault, "mend notify's addresses, then start it again: only this step is left")
    return Outcome("one message sent", product="sent")


def message(context: Context) -> tuple[str, str]:
    """Title and text: the steps, then the day's figures."""
    steps = context.store.steps(context.run.id)
    lines = [f"{step.name}: {clean(step.text, 200)}" for step in steps if step.name not in (STEP, "report")]
    lines += _figures(context)
    return f"{context.run.kind} {context.run.day} done", clean_lines("\n".join(lines))


def _figures(context: Context) -> list[str]:
    kept = context.product("report", dict[str, list[str]]) if context.kept("report") else {}
    return kept.get("lines", [])


def tell_failure(context: Context, step: StoredStep) -> str:
    """Tell that the run stands, and what to do, at any hour. Returns why nobody could be told; "" when
    somebody was, or nobody is to be."""
    config = context.config.notify
    if context.run.dry or not (config.enabled and config.operation):
        return ""
    text = f"{step.name} failed: {step.text}\nnext: {step.todo}"
    return send(config, f"{context.run.kind} {context.run.day} FAILED", clean_lines(text), "error")


def send(
    config: NotifyConfig, title: str, text: str, level: Level, environ: Mapping[str, str] = os.environ
) -> str:
    """To all of notify's addresses; why not, one line, or ""."""
    try:
        urls = addresses(config, environ)
    except ConfigError as error:
        return str(error)
    return asyncio.run(_send(urls, title, text, level, environ))


async def _send(
    urls: tuple[str, ...], title: str, text: str, level: Level, environ: Mapping[str, str]
) -> str:
    notifier = Notifier(environ)
    try:
        await notifier.send(urls, f"tickdesk: {title}", text, level)
    except AutomationError as error:
        return str(error)
    finally:
        notifier.close()
    return ""


def _is_quiet(config: NotifyConfig, now_ns: int) -> bool:
    return bool(config.quiet_hours) and Sessions(config.quiet_hours).is_open(now_ns)
