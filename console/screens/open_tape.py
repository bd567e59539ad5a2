"""Open a tape: those that were recorded here, or any file or folder that is typed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from console.screens.modal import Modal
from console.screens.moving import PAGES, STEPS
from console.tapes import Tapes, begun_anew, completed, spans, tapes_in, typed_path
from engine.errors import TapeError
from engine.tapes import TapeSpan
from engine.text import clean
from widgets.lines import Line, Lines
from widgets.tapes import TapesGrid
from widgets.value_input import ValueInput


class PathInput(ValueInput):
    """Posts ``Completed`` on Tab."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", show=False),
        Binding("down,up", "leave", show=False),
    ]

    class Completed(Message):
        pass

    class Left(Message):
        """The arrows go to the table."""

    def action_complete(self) -> None:
        self.post_message(self.Completed())

    def action_leave(self) -> None:
        self.post_message(self.Left())


class OpenTapeScreen(Modal[Path], inherit_bindings=True):
    """Dismisses with the tape to open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", show=False),
        *STEPS,
        *PAGES,
        Binding("s", "sort", show=False, id="sort"),
        Binding("tab,shift+tab", "type", show=False),
        Binding("q", "close", show=False, id="dialog_close"),
    ]
    DEFAULT_CSS = """
    OpenTapeScreen {
        & > .dialog {
            width: 90%; min-width: 60; max-width: 100; height: 80%; min-height: 14; max-height: 30;
        }
        & PathInput { height: 1; background: $cursor; }
        & PathInput:focus { background: $cursor; background-tint: $cursor 0%; }
        & TapesGrid { height: 1fr; margin-top: 1; }
        & #about { height: 3; scrollbar-size: 0 0; }
    }
    """

    def __init__(self, tapes: Tapes) -> None:
        super().__init__()
        self._folder = next((one for one in tapes.folders if _has_tapes(one)), tapes.folders[0])
        self._grid = TapesGrid(id="tapes")
        self._path = PathInput(id="path")
        self._path.placeholder = "a file, or a folder · Tab completes · Enter opens"
        self._about = Lines(id="about")
        self._about.can_focus = False
        self._paths: list[Path] = []
        self._known: dict[str, TapeSpan] = {}

    @property
    def grid(self) -> TapesGrid:
        return self._grid

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = Content("Open a tape")
            dialog.border_subtitle = "↑↓ Enter opens · Tab types a path · esc"
            yield self._path
            yield self._grid
            yield self._about

    def on_mount(self) -> None:
        self._show_folder(self._folder)
        if self._paths:
            self.set_focus(self._grid)
        else:
            self._say("no tape was recorded here yet: type where one is")
            self.action_type()

    def _show_folder(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._paths = tapes_in(folder)
        except TapeError as error:
            self._paths = []
            self._say(str(error), "warn")
            return
        finally:
            self._grid.show(self._paths, self._known)
        self._say("played on a desk of its own; the live desk goes on")
        self.run_worker(self._look(list(self._paths)), group="look", exclusive=True)

    async def _look(self, paths: list[Path]) -> None:
        async for span in spans([path for path in paths if str(path) not in self._known]):
            self._known[span.file] = span
            self._grid.show(self._paths, self._known)

    def _say(self, text: str, style: str = "muted") -> None:
        folder: Line = ((f"in {clean(self._folder, 200)}", "text"),)
        self._about.set_lines([folder, ((text, style),)])

    # --- keys ------------------------------------------------------------------------------------

    def action_type(self) -> None:
        self._path.edit(self._path.value or f"{self._folder}/", numeric=False)
        self._path.action_end()

    def on_path_input_left(self) -> None:
        self.set_focus(self._grid)

    def on_path_input_completed(self) -> None:
        self._path.value, names = completed(self._path.value)
        self._path.action_end()
        if len(names) > 1:
            self._say("  ".join(names[:40]))
        elif not names:
            self._say("nothing of this name that may be a tape", "warn")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        path = begun_anew(event.value)
        if path != event.value == self._path.value:
            self._path.value = path
            self._path.action_end()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if not typed:
            self.action_open()
            return
        try:
            path, folder = typed_path(typed)
        except TapeError as error:
            self._say(str(error), "warn")
            return
        if folder:
            self._show_folder(path)
            self.set_focus(self._grid)
        else:
            self.dismiss(path)

    def on_grid_activated(self, event: TapesGrid.Activated) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        key = self._grid.cursor_key
        if key is None:
            self._say("choose a tape, or type one: Tab", "warn")
            return
        span = self._known.get(key)
        if span is not None and span.error:
            self._say(span.error, "bad")
        else:
            self.dismiss(Path(key))

    def action_move(self, lines: int) -> None:
        self._grid.move_by(lines)

    def action_page(self, pages: int) -> None:
        self._grid.move_page(pages)

    def action_home(self) -> None:
        self._grid.move_home()

    def action_end(self) -> None:
        self._grid.move_end()

    def action_sort(self) -> None:
        self._grid.next_sort()
        self._grid.show(self._paths, self._known)


def _has_tapes(folder: Path) -> bool:
    try:
        return bool(tapes_in(folder))
    except TapeError:
        return False
