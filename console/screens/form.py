"""A dialog with a form: values above, what they come to below, and one question before they are sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from console.screens.confirm import AskScreen
from console.screens.modal import Modal
from engine.text import clean
from widgets.form import Form
from widgets.lines import Line, Lines

if TYPE_CHECKING:
    from console.commanding import CommandingApp

REFRESH_S = 1.0
UNJUDGED_S = 2.0
"""So long after the engine was asked, what it said before is of the past."""
CLOSE_S = 0.3
"""The second Enter of a double press falls on the dialog still, and not on what is behind it."""


class FormScreen(Modal[None], inherit_bindings=True):
    """Subclasses give the fields, what they come to (``follow``), and send (``deliver``)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "close", show=False, id="dialog_close")]
    DEFAULT_CSS = """
    FormScreen {
        & > .dialog { width: 60; max-width: 100%; height: auto; max-height: 100%; }
        & Lines { height: auto; }
        & #about { max-height: 1; margin-bottom: 0; }
        & #outcome { min-height: 4; max-height: 6; background: $status; scrollbar-size: 0 0; }
        & #said { height: 1; max-height: 2; }
    }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.form = Form(self, id="form")
        self._about, self._outcome, self._said = (Lines(id=name) for name in ("about", "outcome", "said"))
        for lines in (self._about, self._outcome, self._said):
            lines.can_focus = False
        self.sending = False
        self.judged_since: float | None = None
        """When the engine was asked what the values come to, of ``time.monotonic``; None: it has answered."""
        self._question: AskScreen | None = None
        """What was asked last."""
        self._follows = False
        """It was opened; before, there is nothing to follow."""

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = Content(clean(self._title, 50))
            dialog.border_subtitle = "↑↓ field · ←→ choose · 0-9 type · enter · esc"
            yield self._about
            yield self.form
            yield self._outcome
            yield self._said

    def on_mount(self) -> None:
        self.set_focus(self.form)

    def on_screen_resume(self) -> None:
        if not self._follows:
            self._follows = True
            self.set_interval(REFRESH_S, self.follow)
            self.follow()

    def entitle(self, title: str) -> None:
        self._title = title
        if self.is_mounted:
            self.dialog.border_title = Content(clean(title, 50))

    def follow(self) -> None:
        """Show what the values come to now; called every second too, since the market moves."""
        raise NotImplementedError

    def past_line(self) -> Line:
        """That the figures beside it are of before; nothing while the engine judges them as it should."""
        waited_s = 0.0 if self.judged_since is None else time.monotonic() - self.judged_since
        if waited_s < UNJUDGED_S:
            return ()
        return ((f"no answer for {waited_s:.0f} s: this is what it came to before", "warn"),)

    def form_changed(self, key: str, value: str) -> None:
        """Something was typed or chosen."""
        raise NotImplementedError

    def form_submitted(self) -> None:
        """Enter."""
        raise NotImplementedError

    def form_refused(self, text: str) -> None:
        """Something that was pasted is not taken."""
        self.say(text)

    async def deliver(self) -> bool:
        """Send what was confirmed and say what came of it. True when it is done, and the dialog may close."""
        raise NotImplementedError

    # --- what is seen ----------------------------------------------------------------------------

    def show_about(self, line: Line) -> None:
        self._about.set_lines([line])

    def show_outcome(self, lines: Sequence[Line]) -> None:
        self._outcome.set_lines(lines)

    def say(self, text: str, style: str = "warn") -> None:
        self._said.set_lines([((text, style),)] if text else [])

    # --- sending ---------------------------------------------------------------------------------

    @property
    def commands(self) -> CommandingApp:
        """Who sends, and says what became of it."""
        return cast("CommandingApp", self.app)

    def ask(self, screen: AskScreen, *, follows: bool = False) -> None:
        """Ask once; what is pressed while an answer is on its way asks nothing, and nothing is asked that may
        not be sent from here. ``follows``: it tells more, or less, while it waits."""
        if self.app.screen is not self:
            return  # it is asked already
        if refusal := self.commands.refusal():
            self.say(refusal)
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.send()

        self._question = screen
        screen.set_class(follows, "-follows")
        self.app.push_screen(screen, answered)

    @property
    def asked(self) -> AskScreen | None:
        """The question that waits for its answer: the market moves under it, too."""
        question = self._question
        return question if question is not None and self.app.screen is question else None

    def send(self) -> None:
        """Once: what is pressed while one is on its way sends nothing."""
        if not self.sending:
            self.sending = True
            # The app's: closing the dialog must not cut off the answer.
            self.app.run_worker(self._deliver(), group="commands")

    async def _deliver(self) -> None:
        done = False
        try:
            done = await self.deliver()
        finally:
            self.sending = done
        if done and self.is_attached:
            self.say("done", "good")
            self.set_timer(CLOSE_S, self._end)

    def _end(self) -> None:
        if self.app.screen is self:
            self.dismiss(None)
