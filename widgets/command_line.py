"""The command line: one line to type in, above it what it may become, and what the command takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from widgets.box import Box, SeenThrough
from widgets.cells import fit, printable
from widgets.lines import FixedLines, Line
from widgets.value_input import ValueInput

MOST_ROWS = 8
"""Candidates in sight at a time; fewer on a low screen."""
_WIDEST = 28
"""Cells of a candidate."""


class Offer(Protocol):
    """What is offered for a line up to the cursor."""

    @property
    def candidates(self) -> Sequence[tuple[str, str]]:
        """(text, about)."""
        ...

    @property
    def usage(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def common(self) -> str:
        """How all candidates begin."""
        ...

    @property
    def start(self) -> int:
        """Where in the line the word begins that a candidate takes the place of."""
        ...


class _Offers(FixedLines):
    """The candidates, and below them what the command takes, or why it cannot be done."""

    DEFAULT_CSS = "_Offers { height: auto; background: $status; }"

    def __init__(self) -> None:
        super().__init__()
        self.candidates: Sequence[tuple[str, str]] = ()
        self.about: Line = ()
        self._index = -1

    def show(self, candidates: Sequence[tuple[str, str]], about: Line, index: int = -1) -> None:
        before = self._rows()
        self.candidates, self.about, self._index = candidates, about, index
        self.update_lines()
        if self._rows() != before:
            self.refresh(layout=True)

    def _rows(self) -> int:
        return min(len(self.candidates), MOST_ROWS, max(2, self.app.size.height - 10))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._rows() + 1

    def layout_lines(self, width: int, height: int) -> tuple[Line, ...]:
        rows, count = self._rows(), len(self.candidates)
        first = max(0, min(self._index - rows // 2, count - rows))
        shown = self.candidates[first : first + rows]
        wide = min(max((cell_len(text) for text, _ in shown), default=0), _WIDEST)
        lines: list[Line] = []
        for at, (text, about) in enumerate(shown, first):
            here = at == self._index
            more = f"  {count - rows} more" if at == first and count > rows else ""
            lines.append(
                (
                    (" ▶ " if here else "   ", "key"),
                    (fit(text, wide), "bold" if here else "text"),
                    (f"  {about}", "text" if here else "muted"),
                    (more, "key"),
                )
            )
        return (*lines, self.about)


class CommandInput(ValueInput):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", show=False),
        Binding("shift+tab", "complete(-1)", show=False),
        Binding("up", "recall(-1)", show=False),
        Binding("down", "recall(1)", show=False),
        Binding("escape,ctrl+c", "drop", show=False),
    ]

    @property
    def line(self) -> CommandLine:
        return next(node for node in self.ancestors if isinstance(node, CommandLine))

    def validate_value(self, value: str) -> str:
        """What is pasted may hold escapes."""
        return printable(value)

    def take(self, event: events.Key) -> bool:
        """Keys that are typed while the line waits are for what comes after it."""
        if not self.line.waiting:
            return super().take(event)
        bound = self._bindings.key_to_bindings.get(event.key, ())
        if not event.is_printable and (not bound or any(one.action == "drop" for one in bound)):
            return False
        self.line.typed_ahead.append(event)
        return True

    def action_complete(self, step: int) -> None:
        self.line.complete(step)

    def action_recall(self, step: int) -> None:
        self.line.recall(step)

    def action_drop(self) -> None:
        self.line.dropped()

    def on_blur(self) -> None:
        # A resize gives the focus to a pane, a click to another one: who types goes on typing.
        self.call_later(self._take_back)

    def _take_back(self) -> None:
        if self.is_attached and self.screen is self.app.screen and self.line.is_open:
            self.screen.set_focus(self, scroll_visible=False)

    def watch_has_focus(self, has_focus: bool) -> None:
        """It has the focus whenever it is seen: to look its styles up for either took milliseconds."""


class CommandPlace(SeenThrough):
    """Where the line opens, at the foot of its screen: as high as it may become.

    What is mounted into a screen itself has all of the screen drawn anew.
    """

    DEFAULT_CSS = f"""
    CommandPlace {{
        layer: over; dock: bottom;
        width: 100%; height: {MOST_ROWS + 2}; max-height: 100%;
        align: left bottom;
    }}
    """

    def __init__(self) -> None:
        super().__init__(id="command-place")
        self.line = CommandLine()

    def compose(self) -> ComposeResult:
        yield self.line


class CommandLine(Box):
    """There is one for all times that it opens: to mount and style it took longer than everything else."""

    DEFAULT_CSS = """
    CommandLine {
        width: 100%;
        height: auto;
        & > Horizontal { height: 1; background: $cursor; }
        & Label { width: 2; color: $accent; text-style: bold; }
        & .hint { width: auto; color: $muted; text-style: none; }
        & Input { width: 1fr; background: $cursor; }
        & Input:focus { background: $cursor; background-tint: $cursor 0%; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="command-line")
        self.dropped: Callable[[], object] = lambda: None
        """Esc: nothing is to be done. Called, as ``input.submitted``, before the next key is looked at:
        behind a message, the keys that come with it would be typed into a line that is closed."""
        self.input = CommandInput(id="command")
        self.input.can_focus = False
        self._hint = ""
        self._hint_label = Label("", classes="hint", markup=False)
        self._offers = _Offers()
        self.turn = 0
        """How often it has opened: what takes its time may find it closed, and open for something else."""
        self.is_open = False
        self.waiting = False
        """For what was typed to be done."""
        self.typed_ahead: list[events.Key] = []
        """Keys that came meanwhile."""
        self._at = 0
        """Where in the history; its length: at what is typed now."""
        self._kept = ""
        """What was typed before the history was walked."""
        self._walk: tuple[Offer, str, int, str] | None = None
        """While Tab walks through candidates: the offer, the line it was for, which one, the line it made."""

    def compose(self) -> ComposeResult:
        yield self._offers
        with Horizontal():
            yield Label(" :")
            yield self.input
            yield self._hint_label

    def open(
        self,
        offer: Callable[[str], Offer],
        put: Callable[[str, int, str, bool], str],
        history: Sequence[str],
        text: str = "",
        hint: str = "",
    ) -> None:
        """Take the focus, with ``text`` typed already. Who opens it sets ``dropped`` and ``input.submitted``.

        ``offer`` tells what fits a line up to the cursor; ``put`` gives the line with a candidate from
        a place on, and whether it goes on behind it; ``history``: lines of before, the newest last; ``hint``:
        what stands at the line's end."""
        self._offer, self._put, self._history = offer, put, list(history)
        self.turn += 1
        self.is_open, self.waiting, self.typed_ahead = True, False, []
        self._at, self._kept, self._walk = len(self._history), "", None
        if hint != self._hint:
            self._hint = hint
            self._hint_label.update(f" {hint} ")
        self.input.can_focus = True
        self.begin(text)
        self._reveal(True)

    def begin(self, text: str) -> None:
        """As if ``text`` had been typed."""
        with self.input.prevent(Input.Changed):
            self.input.edit(text, numeric=False)
        self.input.cursor_position = len(text)
        self.show_offer()

    def close(self) -> None:
        self.is_open = self.input.can_focus = False
        self._reveal(False)
        # As high as it opens next: it is then placed already.
        self.call_after_refresh(self._empty)

    def _reveal(self, is_open: bool) -> None:
        assert isinstance(self.parent, CommandPlace)
        self.parent.reveal(is_open)

    def _empty(self) -> None:
        if not self.is_open:
            with self.input.prevent(Input.Changed):
                self.input.value = ""
            self.show_offer()

    # --- what is seen ----------------------------------------------------------------------------

    @property
    def said(self) -> str:
        """The words of the line above."""
        return "".join(text for text, _ in self._offers.about)

    @property
    def offered(self) -> list[str]:
        return [text for text, _ in self._offers.candidates]

    def say(self, text: str, style: str) -> None:
        """Instead of what the command takes, until something is typed."""
        self._offers.show(self._offers.candidates, ((" ", "text"), (text, style)))

    def wait(self) -> None:
        """What was entered is on its way."""
        self.waiting = True
        self.say("…", "muted")

    def go_on(self, error: str) -> None:
        """It could not be done: what was typed can be mended. Keys that were meant for after it are not for
        that."""
        self.waiting, self.typed_ahead = False, []
        self.say(error, "bad")

    def show_offer(self) -> None:
        offer = self._offer(self._typed)
        usage = ((f" {offer.usage}", "bold"), ("  ", "text")) if offer.usage else ((" ", "text"),)
        self._offers.show(offer.candidates, (*usage, (offer.about, "muted")))

    @property
    def _typed(self) -> str:
        """Up to the cursor."""
        return self.input.value[: self.input.cursor_position]

    # --- keys ------------------------------------------------------------------------------------

    def complete(self, step: int) -> None:
        """What all candidates share, then one after the other; the only one is put there at once."""
        behind = self.input.value[self.input.cursor_position :]
        if self._walk is None or self._walk[3] != self._typed:
            before, offer = self._typed, self._offer(self._typed)
            count = len(offer.candidates)
            if not count:
                return
            if count == 1:
                self._become(self._put(before, offer.start, offer.candidates[0][0], True), behind)
                self.show_offer()
                return
            if (
                offer.common.startswith(before[offer.start :])
                and len(offer.common) > len(before) - offer.start
            ):
                self._become(self._put(before, offer.start, offer.common, False), behind)
                self.show_offer()
                return
            at = 0 if step > 0 else count - 1
        else:
            offer, before, at, _ = self._walk
            at = (at + step) % len(offer.candidates)
        made = self._put(before, offer.start, offer.candidates[at][0], True)
        self._become(made.rstrip(" "), behind)
        self._walk = (offer, before, at, self._typed)
        self._offers.show(offer.candidates, self._offers.about, at)

    def recall(self, step: int) -> None:
        """The line before in the history, or the one after; behind the newest, what was typed."""
        at = min(max(self._at + step, 0), len(self._history))
        if at == self._at:
            return
        if self._at == len(self._history):
            self._kept = self.input.value
        self._at = at
        self._become(self._kept if at == len(self._history) else self._history[at], "")
        self.show_offer()

    def _become(self, text: str, behind: str) -> None:
        with self.input.prevent(Input.Changed):
            self.input.value = text + behind
            self.input.cursor_position = len(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.input.value:
            return  # it has gone on since
        self._walk = None
        self._at = len(self._history)
        self.show_offer()
