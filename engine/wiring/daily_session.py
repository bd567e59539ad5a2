"""The steps of a paper run that are not a daily run's: open, trade, stop, flatten.

Between the market's open and its close the desk trades by itself, as configured. What a session sets is set
back: entries are on while it runs, and off after it, and while the market is closed within it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from engine.api.protocol import Reply, RiskPatch, StateFrame
from engine.api.rows import StatusRow
from engine.api.trading_protocol import FlattenPatch
from engine.errors import LinkError, RefusedError
from engine.events import NS, RiskState
from engine.risk.state import SESSION as OURS
from engine.wiring.daily_context import Context, Outcome, StepFailed

LOOK_S = 2.0
TELL_S = 60.0
AWAY_S = 120.0
"""How long an engine may be away before the session fails."""
FLAT_S = 120.0


class SessionOptions(msgspec.Struct, frozen=True):
    """Of a paper run; kept with it, so that it goes on as it was begun."""

    for_s: float = 0.0
    """So long; 0: until the market closes."""
    flatten: bool = False


class Span(msgspec.Struct, frozen=True):
    """The product of the step ``open``."""

    from_ns: int
    until_ns: int


def options_of(context: Context) -> SessionOptions:
    return msgspec.json.decode(context.run.options or "{}", type=SessionOptions)


def open_session(context: Context) -> Outcome:
    """Wait for the market's open, then let entries on, where it was a session that took them off."""
    if context.run.dry:
        return Outcome("dry run: nothing is traded", skipped=True)
    # The session begins when there is an engine to trade in it.
    context.desk.ask("GET", "/v1/snapshot", StateFrame)
    span = _span(context)
    if context.clock() >= span.until_ns:
        return Outcome(f"the session ended {_time(span.until_ns)}, before this went on", product=span)
    while (now_ns := context.clock()) < span.from_ns:
        context.progress("open", f"the market opens {_time(span.from_ns)}")
        context.sleep(min(TELL_S, (span.from_ns - now_ns) / NS))
    status = context.desk.ask("GET", "/v1/snapshot", StateFrame).status
    if status.risk_state != RiskState.ACTIVE.value:
        if not status.risk_reason.startswith(OURS):
            raise StepFailed(
                f"the desk is {status.risk_state.upper()}: {status.risk_reason}",
                "a person resumes it: `A` in the console; then start it again",
            )
        reply = _ask(context, status, RiskState.ACTIVE, "the session begins")
        if not reply.ok:
            raise StepFailed(reply.text, "`tickdesk status` tells how the desk stands")
    return Outcome(f"entries on until {_time(span.until_ns)}", product=span)


def _span(context: Context) -> Span:
    """From when to when it trades; as it was, where the session was begun before."""
    if context.kept("open"):
        return context.product("open", Span)
    now_ns, options = context.clock(), options_of(context)
    session = context.calendar.session(context.run.day)
    if session is None:
        raise StepFailed(context.calendar.why_closed(context.run.day), "start it on a day with a session")
    from_ns, close_ns = session
    # Not in the hours between: of a session over midnight both ends lie in the day.
    from_ns = context.calendar.opens(max(from_ns, now_ns), close_ns)
    until_ns = from_ns + round(options.for_s * NS) if options.for_s else close_ns
    if not context.calendar.round_the_clock:
        until_ns = min(until_ns, close_ns)
    if until_ns <= now_ns:
        raise StepFailed(f"the market closed {_time(close_ns)}", "start it again on the next day")
    span = Span(from_ns, until_ns)
    context.store.note_product(context.run.id, "open", msgspec.json.encode(span).decode())
    return span


def trade(context: Context) -> Outcome:
    """The desk trades; this looks on until the session's end."""
    if context.run.dry:
        return Outcome("dry run: nothing is traded", skipped=True)
    span = context.product("open", Span)
    told_ns = away_ns = 0
    was_open = True
    while (now_ns := context.clock()) < span.until_ns:
        try:
            frame = context.desk.ask("GET", "/v1/snapshot", StateFrame)
            away_ns = 0
        except LinkError as error:
            away_ns = away_ns or now_ns
            if now_ns - away_ns > AWAY_S * NS:
                raise StepFailed(
                    str(error), "`tickdesk doctor` and engine.log tell why; then start it again"
                ) from None
        else:
            is_open = context.calendar.is_open(now_ns)
            if is_open:
                _go_on(context, frame)
            elif was_open and frame.status.risk_state == RiskState.ACTIVE.value:
                _ask(context, frame.status, RiskState.REDUCING, "the market is closed for now")
            was_open = is_open
            if now_ns - told_ns >= TELL_S * NS:
                told_ns = now_ns
                context.progress("trade", f"until {_time(span.until_ns)}: {_standing(frame)}")
        context.sleep(min(LOOK_S, max((span.until_ns - now_ns) / NS, 0.0)))
    frame = context.desk.ask("GET", "/v1/snapshot", StateFrame)
    return Outcome(f"until {_time(span.until_ns)}: {_standing(frame)}")


def _go_on(context: Context, frame: StateFrame) -> None:
    """An engine of its own that was started anew begins without entries."""
    status = frame.status
    if status.risk_state == RiskState.REDUCING.value and status.risk_reason.startswith(OURS):
        _ask(context, status, RiskState.ACTIVE, "the session goes on")  # else the next look tells


def _standing(frame: StateFrame) -> str:
    status = frame.status
    fills = status.funnel.get("fills", 0)
    return (
        f"{status.risk_state.upper()}, day P&L {status.day_pnl or 'unknown'} {status.account_currency}, "
        f"{fills} fills, {len(held_of(frame))} positions"
    )


def stop_entries(context: Context) -> Outcome:
    """Nothing is opened any more; exits go on as long as an engine runs."""
    if context.run.dry:
        return Outcome("dry run: nothing is traded", skipped=True)
    status = context.desk.ask("GET", "/v1/snapshot", StateFrame).status
    if status.risk_state != RiskState.ACTIVE.value:
        return Outcome(f"the desk is {status.risk_state.upper()} already: {status.risk_reason}")
    reply = _ask(context, status, RiskState.REDUCING, "the session is over")
    if reply.ok:
        return Outcome(reply.text)
    status = context.desk.ask("GET", "/v1/snapshot", StateFrame).status
    if status.risk_state == RiskState.ACTIVE.value:
        raise StepFailed(reply.text, "`tickdesk status` tells how the desk stands")
    return Outcome(f"the desk is {status.risk_state.upper()} by now: {status.risk_reason}")


def flatten(context: Context) -> Outcome:
    if context.run.dry or not options_of(context).flatten:
        return Outcome("not asked for (--flatten): positions stay", skipped=True)
    held = _held(context)
    if not held:
        return Outcome("nothing is held")
    # Whoever asks again asks for what is held then: this is safe to repeat without a key.
    body = msgspec.json.encode(FlattenPatch())
    try:
        reply = context.desk.ask("POST", "/v1/flatten", Reply, body=body, timeout_s=FLAT_S)
    except RefusedError as error:
        raise StepFailed(str(error), "`tickdesk flatten` tells more; then start it again") from None
    left = _held(context)
    if left:
        raise StepFailed(
            f"{reply.text}; {len(left)} positions stay: {', '.join(left[:4])}",
            "start it again while their market is open",
        )
    return Outcome(reply.text)


def _held(context: Context) -> list[str]:
    return held_of(context.desk.ask("GET", "/v1/snapshot", StateFrame))


def held_of(frame: StateFrame) -> list[str]:
    """Symbols with a position; a row of one that was closed stays for a while."""
    return [row.symbol for row in frame.positions if row.quantity not in ("", "0")]


def _ask(context: Context, status: StatusRow, state: RiskState, reason: str) -> Reply:
    """For another state, unless the desk has left that of ``status`` since: a halt is not undone."""
    patch = {
        "state": state.value,
        "reason": f"{OURS} {context.run.day}: {reason}",
        "expected": status.risk_state,
    }
    body = msgspec.json.encode(msgspec.convert(patch, RiskPatch))
    try:
        reply: Reply = context.desk.ask("POST", "/v1/risk", Reply, body=body, timeout_s=30.0)
    except RefusedError as error:
        raise StepFailed(str(error), "`tickdesk status` tells how the desk stands") from None
    return reply


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S}Z"
