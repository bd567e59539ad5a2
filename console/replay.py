"""Replay: a tape played on the same screen, in the place of the desk, which goes on behind it.

Each desk has a link and a view of its own: what one of them sends never reaches the other's view. A tape that
is opened here has an engine of its own (``console/tapes.py``), which ends with the replay. A console that was
started on a tape has that desk alone, and the same keys.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from textual import work

from console.alerts import AlertsApp
from console.command_line.command import Argument, Candidate, Command, CommandError
from console.desk_behind import DeskBehind
from console.link_protocol import Link, LinkState
from console.playback_words import speed, step, where
from console.screens.leave_replay import BACK, LEAVE, BackScreen, EndScreen
from console.screens.open_tape import OpenTapeScreen
from console.screens.seek import SeekScreen
from console.tapes import OpenTape, Tapes, completed, typed_path
from console.view import DeskView
from engine.api.alert_protocol import SOURCE
from engine.api.playback_protocol import PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.errors import LinkError, TickdeskError
from engine.text import clean
from widgets.lines import Line
from widgets.playback import PlaybackBar, PlaybackView, next_speed

PAINT_S = 0.25
SETTLE_S = 0.7
"""A tape's desk appears when its engine is ready: a key on its way then was for the one before."""
EXPECTED_S = 1.0
"""So long what was asked of a tape counts, rather than a frame that was on its way already."""
_HINT = "{tape_play} play · {tape_step} step · {tape_slower} {tape_faster} speed · {tape_seek} seek"
_OPENS_NONE = "no tape can be opened from here"
_PLAYS_NONE = "this desk plays no tape: {tape_open} opens one"


class ReplayApp(AlertsApp):
    link: Link
    view: DeskView

    def __init__(self, *, tapes: Tapes | None = None, **options: Any) -> None:
        """``tapes``: how one is opened; None: none can be."""
        super().__init__(**options)
        self._tapes = tapes
        self._opened: OpenTape | None = None
        self._behind: DeskBehind | None = None
        self._told_behind = ""
        self._settled_at = 0.0
        self._expected: PlaybackRow | None = None
        self._expected_until = 0.0
        self._playback_bar = PlaybackBar(id="playback")

    def on_mount(self) -> None:
        self.set_interval(PAINT_S, self.paint_replay)

    @property
    def playback(self) -> PlaybackRow | None:
        """Of the desk that is shown, as it was asked for just now; None: it plays no tape."""
        row = self.view.status.playback if self.view.status is not None else None
        expected = self._expected
        if row is None or row.state == "ended" or expected is None or time.monotonic() > self._expected_until:
            return row
        return replace(row, state=expected.state, speed=expected.speed)

    # --- what is seen ----------------------------------------------------------------------------

    def paint_replay(self) -> None:
        """The line of the tape, and what the desk behind has to say."""
        if not self._screen_stack or not self.desk.is_mounted:
            return
        if not self._playback_bar.is_attached:
            if self.playback is None:
                return
            self.desk.mount(self._playback_bar, after=self.desk.banner)
        self._tell_behind()
        name = self._opened.path.name if self._opened is not None else self._tape_name()
        # Between two frames of a desk that is away, the line says where it was.
        self._playback_bar.show(
            PlaybackView(self.playback, name, self._behind_line(), self.key_map.words(_HINT))
        )

    def _tape_name(self) -> str:
        """As the engine tells it: the file's name, the speed and the time."""
        status = self.view.status
        return status.tape.rpartition(" at ")[0].rpartition(" ")[0] if status is not None else ""

    def _behind_line(self) -> Line:
        if self._behind is None:
            return ()
        state, style = self._behind.state
        return ((f"{self._behind.name} ", "muted"), (f" {state} " if "badge" in style else state, style))

    def _tell_behind(self) -> None:
        behind = self._behind
        if behind is None:
            return
        state, style = behind.state
        if state != self._told_behind and "badge" in style:
            self.say(f"{behind.name}: {state}: {self._why(behind)}", "error", title="LIVE")
        self._told_behind = state
        alerts = behind.view.take_alerts()
        self.notify_person([alert.text for alert in alerts if alert.source == SOURCE])
        for alert in alerts:
            if alert.level != "info":
                self.say(f"{behind.name}: {alert.text}", alert.level, title=f"LIVE {alert.source}")

    def _why(self, behind: DeskBehind) -> str:
        status = behind.view.status
        if behind.is_away or status is None:
            return behind.view.link_detail or "nothing comes from its engine"
        return status.risk_reason or self.key_map.words("{quit} goes back to it")

    # --- one desk in the place of another --------------------------------------------------------

    def action_open_tape(self) -> None:
        if self._tapes is None:
            self.say(_OPENS_NONE)
        else:
            self.push_screen(OpenTapeScreen(self._tapes), self._tape_chosen)

    def _tape_chosen(self, path: Path | None) -> None:
        if path is not None:
            self.open_tape(path)

    def open_tape(self, path: Path) -> None:
        """Start an engine for a tape, and show its desk in the place of this one."""
        if self._in_flight:
            self.say(f"{next(iter(self._in_flight))} is on its way: wait for its answer", "warning")
        elif any(not worker.is_finished for worker in self.workers if worker.group == "open tape"):
            self.say("a tape is being opened: wait for it", "warning")
        else:
            self._open_tape(path)

    @work(group="open tape")
    async def _open_tape(self, path: Path) -> None:
        assert self._tapes is not None
        name = clean(path.name, 60)
        self.say(f"{name}: its desk starts…")

        def note(text: str) -> None:
            self.call_from_thread(self.say, clean(text))

        try:
            opened = await asyncio.to_thread(self._tapes.start, path, note)
        except TickdeskError as error:
            self.say(f"{name}: {error}", "error")
            return
        if self._in_flight or not self.is_running:
            # Its answer is to be seen on the desk that it was sent to.
            self.say(f"{name} is not opened: a command is on its way", "warning")
            await asyncio.to_thread(opened.end)
            return
        await self._enter(opened)

    async def _enter(self, opened: OpenTape) -> None:
        before, self._opened = self._opened, opened
        if self._behind is None:
            self._behind = DeskBehind(self.link, self.view)
        link, view = opened.new_link(), DeskView()
        view.console, view.token_reads = link.console, link.token_reads
        self._show_desk(link, view)
        self._settled_at = time.monotonic() + SETTLE_S
        self._run_replay(link, view)
        self.say(f"REPLAY of {clean(opened.path.name, 60)} · the {self._behind.name} goes on behind it")
        if before is not None:
            await asyncio.to_thread(before.end)

    @work(group="replay link", exclusive=True)
    async def _run_replay(self, link: Link, view: DeskView) -> None:
        try:
            await link.run(view.merge, partial(self.link_changed, view))
        except LinkError as error:
            # A person goes back, at a moment of their own: never does a key find the live desk unawares.
            self.link_changed(view, LinkState.LOST, str(error))
            self.say(str(error), "error")

    def link_changed(self, view: DeskView, state: LinkState, detail: str) -> None:
        raise NotImplementedError

    def go_back(self) -> None:
        """To the desk that the replay took the place of; the replay's engine ends."""
        behind, opened = self._behind, self._opened
        if behind is None:
            return
        self._behind = self._opened = None
        self._settled_at = 0.0
        self.workers.cancel_group(self, "replay link")
        self._show_desk(behind.link, behind.view)
        self.say(f"back on the {behind.name}: the replay has ended")
        if opened is not None:
            self._end_tape(opened)

    @work(group="end tape")
    async def _end_tape(self, opened: OpenTape) -> None:
        await asyncio.to_thread(opened.end)

    def end_replay(self) -> None:
        """When the console ends: wait for the replay's engine, and remove what it kept."""
        if self._opened is not None:
            self._opened.end()
            self._opened = None

    def _show_desk(self, link: Link, view: DeskView) -> None:
        """Nothing of the desk before is seen from here on."""
        while self.screen is not self.desk:
            self.screen.dismiss(None)  # who waits for its answer has none, and does not wait for ever
        self.clear_notifications()
        self.begin_with_desk()
        self._expected = None
        self.link, self.view, self.desk.view = link, view, view
        self.desk.waiting = self.desk.notice = self.desk.receipt = ""
        self.desk.funnel.show({}, {})
        view.changed = True
        self.desk.paint(force=True)
        self.paint_replay()

    def offer_way_back(self) -> bool:
        """Whether leaving is first of all leaving the replay: then it is asked."""

        def answered(answer: str | None) -> None:
            if answer == BACK:
                self.go_back()
            elif answer == LEAVE:
                self.exit(return_code=0)

        if self._behind is None or self._opened is None:
            if self._tapes is None or not self._tapes.bound or self.view.link is LinkState.ENGINE_GONE:
                return False
            self.push_screen(EndScreen(), answered)
            return True
        self.push_screen(BackScreen(clean(self._opened.path.name, 40), self._behind.name), answered)
        return True

    def refusal(self, *, safer: bool = False) -> str:
        if time.monotonic() < self._settled_at and self._opened is not None:
            name = clean(self._opened.path.name, 40)
            return f"NOT SENT: the screen has just gone to the REPLAY of {name}: look, and press it again"
        return super().refusal(safer=safer)

    def action_halt(self) -> None:
        unsettled = self.refusal(safer=True)
        super().action_halt()
        if self._behind is not None and not unsettled:
            state, _ = self._behind.state
            name = self._behind.name
            back = self.key_map.words("{quit}, Enter: back to it")
            text = f"HALT went to the REPLAY alone · the {name} is {state} · {back}"
            self.desk.receipt = text
            self.desk.paint(force=True)
            self.say(text, "warning", title="REPLAY")

    # --- playing ---------------------------------------------------------------------------------

    def action_tape_play(self) -> None:
        row = self.playback
        if row is None or row.state not in ("playing", "seeking"):
            self._ask_playback(PlaybackPatch(state="playing"))
        else:
            self._ask_playback(PlaybackPatch(state="paused"))

    def action_tape_step(self) -> None:
        self._ask_playback(PlaybackPatch(step="frame"))

    def action_tape_speed(self, step: int) -> None:
        row = self.playback
        self._ask_playback(PlaybackPatch(speed=next_speed(row.speed, step) if row is not None else 1.0))

    def action_tape_seek(self) -> None:
        if not self._plays_none() and not self.refused():
            self.push_screen(SeekScreen(self.link, self.view))

    def _plays_none(self) -> bool:
        none = self.playback is None
        if none:
            self.say(self.key_map.words(_PLAYS_NONE))
        return none

    def _ask_playback(self, patch: PlaybackPatch) -> None:
        if not self._plays_none() and not self.refused():
            self._expect(patch)
            self._send_playback(self.link, patch)

    @work(group="playback")
    async def _send_playback(self, link: Link, patch: PlaybackPatch) -> None:
        try:
            reply = await link.set_playback(patch)
        except LinkError as error:
            self._expected = None
            self.say(str(error), "error")
            return
        if not reply.ok:
            self._expected = None
            self.say(reply.text, "error")

    def _expect(self, patch: PlaybackPatch) -> None:
        """Shown at once; the next frame says what became of it."""
        status, row = self.view.status, self.playback
        if status is None or row is None or row.state == "ended":
            return
        state = patch.state or ("paused" if patch.step else row.state)
        speed = row.speed if patch.speed is None else patch.speed
        self._expected = replace(row, state=state, speed=speed)
        self._expected_until = time.monotonic() + EXPECTED_S
        self.view.status = replace(status, playback=self._expected)
        self.view.changed = True
        self.paint_replay()

    # --- typed -----------------------------------------------------------------------------------

    def typed_commands(self) -> list[Command]:
        return [
            *super().typed_commands(),
            Command(
                "replay",
                "Open a tape and play it",
                self._type_replay,
                (Argument("FILE", "a tape", beginning=_paths),),
            ),
            Command(
                "play", "Play the tape on", self._type_patch(lambda words: PlaybackPatch(state="playing"))
            ),
            Command(
                "pause", "Let the tape stand", self._type_patch(lambda words: PlaybackPatch(state="paused"))
            ),
            Command(
                "step",
                "Step on the tape: a frame, events, a bar, seconds",
                self._type_patch(lambda words: step(words[0] if words else "")),
                (Argument("N|bar|10s", "so far; nothing: one frame", optional=True),),
            ),
            Command(
                "seek",
                "Go to a place on the tape; back begins the desk anew",
                self._type_patch(lambda words: where(words[0], self._played())),
                (Argument("WHERE", "12:30:05, +30s, -2m, 50%, start"),),
            ),
            Command(
                "speed",
                "How fast the tape is played",
                self._type_patch(lambda words: PlaybackPatch(speed=speed(words[0]))),
                (Argument("X", "times real time, 0.1 to 1000, or max"),),
            ),
        ]

    def _type_replay(self, words: Sequence[str]) -> None:
        if self._tapes is None:
            raise CommandError(_OPENS_NONE)
        path, folder = typed_path(words[0])
        if folder:
            raise CommandError(f"name a tape in the folder {clean(path, 80)}")
        self.open_tape(path)

    def _played(self) -> PlaybackRow:
        row = self.playback
        if row is None:
            raise CommandError(self.key_map.words(_PLAYS_NONE))
        return row

    def _type_patch(
        self, patch_of: Callable[[Sequence[str]], PlaybackPatch]
    ) -> Callable[[Sequence[str]], Awaitable[None]]:
        async def run(words: Sequence[str]) -> None:
            self._played()
            if refusal := self.refusal():
                raise CommandError(refusal)
            try:
                patch = patch_of(words)
            except ValueError as error:
                raise CommandError(str(error)) from None
            reply = await self.link.set_playback(patch)
            if not reply.ok:
                raise CommandError(reply.text)
            self.say(reply.text)

        return run


def _paths(typed: str) -> Iterable[Candidate]:
    """What lies where the path that is being typed leads."""
    folder = typed[: typed.rfind("/") + 1]
    _, names = completed(typed)
    return [Candidate(f"{folder}{name}", name) for name in names]
