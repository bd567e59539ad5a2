"""Where to go on the tape: a time, a distance, a share. What that does is said before it is sent."""

from __future__ import annotations

from console.link_protocol import Link
from console.playback_words import WHERE, where
from console.screens.form import FormScreen
from console.view import DeskView
from engine.api.playback_protocol import PlaybackPatch
from engine.api.rows import PlaybackRow
from engine.events import NS
from widgets import figures
from widgets.form import FormField
from widgets.lines import Line
from widgets.playback import share


class SeekScreen(FormScreen):
    def __init__(self, link: Link, view: DeskView) -> None:
        super().__init__("Seek on the tape")
        self._link, self._view = link, view
        self._typed = ""
        self._patch: PlaybackPatch | None = None
        """As it was submitted: that is sent, whatever is typed meanwhile."""
        self._fields()

    def _fields(self) -> None:
        self.form.show([FormField("to", "to", self._typed, hint=WHERE, text=True)])

    @property
    def _row(self) -> PlaybackRow | None:
        return self._view.status.playback if self._view.status is not None else None

    def form_changed(self, key: str, value: str) -> None:
        self._typed = value
        self._fields()
        self.say("")
        self.follow()

    def form_submitted(self) -> None:
        row = self._row
        if row is None:
            return
        if self.sending:
            self.say("on its way…", "muted")
            return
        try:
            self._patch = where(self._typed, row)
        except ValueError as error:
            self.say(str(error))
            return
        self.send()

    def follow(self) -> None:
        row = self._row
        if row is None:
            self.show_about((("no tape is played any more", "warn"),))
            return
        played = share(row)
        percent = f", {played:.0%}" if played is not None else ""
        self.show_about(((f"at {_moment(row.at_ns)}{percent}", "muted"),))
        self.show_outcome([((_span(row), "muted"),), *self._outcome_of(row)])

    def _outcome_of(self, row: PlaybackRow) -> list[Line]:
        try:
            patch = where(self._typed, row)
        except ValueError:
            return [((WHERE, "muted"),)]  # Enter says what is wrong; until then it is on its way to be typed
        if patch.to_share is not None:
            goal = row.first_ns + round((row.last_ns - row.first_ns) * patch.to_share)
        else:
            goal = patch.to_ns if patch.to_ns is not None else row.at_ns + round((patch.by_s or 0.0) * NS)
        if goal >= row.at_ns:
            return [
                ((f"forward to {_moment(goal)}", "bold"),),
                (("unpaced; every event between is decided upon", "muted"),),
            ]
        return [
            ((f"back to {_moment(max(goal, row.first_ns))}: the desk begins anew from the start", "bold"),),
            (("what was ordered and set by hand in this replay is gone", "warn"),),
        ]

    async def deliver(self) -> bool:
        patch = self._patch
        if patch is None:
            return False
        reply = await self.commands.ask_engine("SEEK", lambda: self._link.set_playback(patch))
        if reply is not None and not reply.ok:
            self.say(reply.text, "bad")
        return reply is not None and reply.ok


def _moment(ns: int) -> str:
    return f"{figures.moment(ns)[:10]} {figures.clock(ns)}" if ns > 0 else figures.UNKNOWN


def _span(row: PlaybackRow) -> str:
    if not row.last_ns:
        return "where the tape ends is not known yet"
    return f"the tape: {figures.span(row.first_ns, row.last_ns)}"
