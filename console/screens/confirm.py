"""Ask once before what adds risk. The safe answer has the focus; one answer, one command."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.content import Content

from console.screens.modal import Modal
from engine.text import clean
from widgets.choices import Choice, Choices
from widgets.lines import Line, Lines

REFRESH_S = 0.5
CANCEL = Choice("cancel", "Cancel", "nothing changes")
BACK = Choice("cancel", "Back", "nothing is sent")
"""Where orders are about to be sent or amended: Cancel would read as canceling them."""


class AskScreen(Modal[str]):
    """A question and its answers, the safe one first. Dismisses with the chosen id, None for Esc."""

    DEFAULT_CSS = """
    AskScreen {
        & > .dialog { width: 64; max-width: 100%; height: auto; padding: 1 2; }
        & Lines { height: auto; max-height: 6; margin-bottom: 1; }
        &.-follows Lines { height: 6; }  /* the answers stay where they are, whatever is said above them */
    }
    """

    def __init__(self, title: str, lines: Sequence[Line], choices: Sequence[Choice]) -> None:
        super().__init__()
        self._esc = "goes back" if BACK in choices else "cancels"
        self._title, self._lines = title, Lines(lines)
        self._lines.can_focus = False
        self.choices = Choices(choices, id="choices")

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = Content(clean(self._title, 50))
            dialog.border_subtitle = f"↑↓ Enter · esc {self._esc}"
            yield self._lines
            yield self.choices

    def on_mount(self) -> None:
        self.set_focus(self.choices)

    def tell(self, lines: Sequence[Line]) -> None:
        """Say something else above the answers."""
        if list(lines) != list(self._lines.lines):
            self._lines.set_lines(lines)

    def action_close(self) -> None:
        if not self.choices.is_done:  # an answer that was given counts
            super().action_close()

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        event.stop()
        self.dismiss(event.id)


class ConfirmScreen(AskScreen):
    """``question`` with the ``safe`` and one other answer, ``"yes"``; ``now`` tells it as it is by then."""

    def __init__(
        self,
        title: str,
        question: Sequence[str | Line],
        label: str,
        detail: str = "",
        safe: Choice = CANCEL,
        *,
        now: Callable[[], str] | None = None,
    ) -> None:
        self._now = now
        super().__init__(
            title,
            [((line, "text"),) if isinstance(line, str) else line for line in question],
            (safe, Choice("yes", label, detail, "warn")),
        )

    def on_mount(self) -> None:
        if self._now is not None:
            self.set_interval(REFRESH_S, self._follow)

    def _follow(self) -> None:
        if self._now is not None:
            self.tell([((self._now(), "text"),)])


class ResumeScreen(AskScreen):
    """Up from REDUCING or HALTED: dismisses with the state to go to, or None or ``"cancel"``."""

    def __init__(self, risk_state: str, reason: str) -> None:
        why = f" ({reason})" if reason else ""
        choices = [CANCEL]
        if risk_state == "halted":
            choices.append(Choice("reducing", "Resume REDUCING", "exits only, no entries", "warn"))
        choices.append(Choice("active", "Resume ACTIVE", "entries are sent again", "warn"))
        super().__init__("Resume", [((f"The desk is {risk_state.upper()}{why}.", "text"),)], choices)
