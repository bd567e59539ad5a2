"""The models screen: versions to walk through, and below or beside them all that is known of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from console.export_files import Export
from console.keymap import MODEL_KEYS, bindings, keys_of, model_footer
from console.link_protocol import ModelsLink
from console.screens.contributions import ContributionsScreen
from console.screens.help import ModelsHelpScreen
from console.screens.modal import Modal
from console.screens.model import ModelScreen
from console.screens.type_ahead import TypeAheadScreen
from console.table_csv import struct_csv
from console.view import DeskView
from engine.api.model_protocol import ModelDetail, ModelEntry, ModelsDetail
from engine.errors import LinkError
from widgets.grid import Grid
from widgets.keys import KeysBar
from widgets.lines import Line, Lines, faded
from widgets.model_compare import comparison_lines, drift_lines
from widgets.model_detail import detail_lines
from widgets.models import VersionsGrid, head_lines
from widgets.status import StatusBar
from widgets.tabbed import TabLine
from widgets.training import brief_line, training_lines

if TYPE_CHECKING:
    from console.models import ModelsApp

REFRESH_S = 1.0
STATUS_S = 0.25
"""The desk's state is known here as soon as on the desk."""
SLOW_S = 3.0
"""An answer that takes longer is told of: until it is there, the screen shows the past."""
BESIDE = (150, 30)
"""Least columns and rows for the parts side by side; below, one at a time."""
PARTS = ("Details", "Shadow", "Drift", "Training")


class ModelsScreen(Modal[None], TypeAheadScreen[None], inherit_bindings=True):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(table=MODEL_KEYS)]
    DEFAULT_CSS = """
    ModelsScreen {
        & > .dialog { width: 100%; height: 100%; max-width: 220; }
        & StatusBar { height: 1; }
        & #head { height: auto; max-height: 6; }
        & #versions { height: auto; max-height: 40%; min-height: 3; }
        & #parts { height: 1fr; }
        & #parts > Lines { width: 1fr; height: 1fr; }
        & #beside { display: none; }
        & #part-tabs { height: 1; }
        & #keys { height: 1; }
        & ToastRack { margin-bottom: 2; }  /* above the keys */
        &.-beside #part-tabs { display: none; }
        &.-beside #parts { border-top: solid $rule; }
        &.-beside #beside { display: block; border-left: solid $rule; padding-left: 1; }
    }
    """

    def __init__(self, link: ModelsLink, view: DeskView, symbol: str) -> None:
        """``symbol``: whose prediction is explained first."""
        super().__init__()
        self._link, self._view, self._symbol = link, view, symbol
        self._known: ModelsDetail | None = None
        self._details: dict[str, tuple[ModelEntry, ModelDetail]] = {}
        """By version, with the entry as it was then: asked anew when that has changed."""
        self._fault, self._detail_fault = "", ""
        self._asked_at: float | None = None
        """When the engine was asked what it has not answered yet; seconds of a clock that only runs on."""
        self._part = 0
        self._status = StatusBar()
        self._head = Lines(id="head")
        self._head.can_focus = False
        self.grid = VersionsGrid(id="versions")
        self.grid.empty = ""  # not known yet
        self._tabs = TabLine(PARTS, id="part-tabs", counted=False)
        self._below, self._beside = Lines(id="below"), Lines(id="beside")
        self._keys = KeysBar(id="keys")

    def compose(self) -> ComposeResult:
        with self.dialog as dialog:
            dialog.border_title = "Models"
            yield self._status
            yield self._head
            yield self.grid
            yield self._tabs
            with Horizontal(id="parts"):
                yield self._below
                yield self._beside
            yield self._keys

    def on_mount(self) -> None:
        self.set_focus(self.grid)
        self._keys.show(model_footer(keys_of(self.app), reads=self._view.standing.read_only))
        self.keep_asking(REFRESH_S, self._fill)
        self.set_interval(REFRESH_S, self._tell_waiting)
        self.set_interval(STATUS_S, self._show_status)
        self._show_status()

    def on_resize(self) -> None:
        columns, rows = BESIDE
        size = self.app.size  # what is told late was of another
        self.set_class(size.width >= columns and size.height >= rows, "-beside")
        self.call_after_refresh(self._draw)

    def _show_status(self) -> None:
        self._status.show(self.commands.desk.status_view)

    def on_screen_resume(self) -> None:
        """Back from a dialog: what was asked for there may have come true."""
        if self._known is not None:
            self.run_worker(self._fill(), group="fill")

    # --- what is asked ---------------------------------------------------------------------------

    async def _fill(self) -> None:
        self._asked_at = time.monotonic()
        try:
            await self._fill_models()
            await self._fill_detail()
        finally:
            self._asked_at = None

    async def _fill_models(self) -> None:
        try:
            self._known = await self._link.models()
            self._asked_at, self._fault = time.monotonic(), ""
            versions = {row.version for row in self._known.models}
            self._details = {version: told for version, told in self._details.items() if version in versions}
        except LinkError as error:
            self._fault = str(error)
            self.forget_keys()
        self._draw()
        self.act_on_keys()

    async def _fill_detail(self) -> None:
        """Of the selected version: once, and anew when something became of it."""
        entry = self.selected
        if entry is None or self._fault or self._is_told(entry):
            return
        try:
            self._details[entry.version] = entry, await self._link.model(entry.version)
            self._detail_fault = ""
        except LinkError as error:
            self._detail_fault = str(error)
        self._draw()

    def _is_told(self, entry: ModelEntry) -> bool:
        before = self._details.get(entry.version)
        return before is not None and _state(before[0]) == _state(entry)

    # --- what is seen ----------------------------------------------------------------------------

    @property
    def _past(self) -> str:
        """Why what is shown is the past; "" while it is of now."""
        waited_s = 0.0 if self._asked_at is None else time.monotonic() - self._asked_at
        if self._fault or waited_s < SLOW_S:
            return self._fault
        return f"no answer from the engine for {waited_s:.0f} s: what you see is the past"

    def _tell_waiting(self) -> None:
        if self._past and not self._fault:
            self._draw()

    @property
    def selected(self) -> ModelEntry | None:
        models = self._known.models if self._known is not None else ()
        return next((row for row in models if row.version == self.grid.cursor_key), None)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        known, now, past = self._known, self._view.now_ns, self._past
        if known is None:
            said: Line = ((past or "asking the engine…", "bad" if past else "muted"),)
            self._head.set_lines([said])
            return
        self.grid.faded = bool(past)
        if not self.grid.empty:
            self.grid.empty = self.grid.EMPTY
            self.grid.refresh()
        self.grid.show(known.models, now)
        head = head_lines(known, now)
        if known.training.state == "running":
            head.insert(1, brief_line(known.training))
        if past:
            head = [((past, "bad"),), *(faded(line) for line in head)]
        self._head.set_lines(head)
        self._tabs.show(self._part, (0,) * len(PARTS))
        if self._below.size.width <= 1:
            return  # has no place yet
        if self.has_class("-beside"):
            self._show(self._below, self._part_lines(0, self._below))
            rest = [line for part in (1, 3, 2) for line in self._part_lines(part, self._beside)]
            self._show(self._beside, rest[1:])
        else:
            lines = self._part_lines(self._part, self._below)
            self._show(self._below, lines[1:] if self._part else lines)

    def _show(self, where: Lines, lines: Sequence[Line]) -> None:
        where.set_lines([faded(line) for line in lines] if self._past else lines)

    def _part_lines(self, part: int, where: Lines) -> list[Line]:
        """The lines of a part of ``PARTS``; all but the first begin with a blank one."""
        assert self._known is not None
        width, now = where.size.width - 2, self._view.now_ns
        if part == 1:
            shadows = keys_of(self.app).words("{model_shadow} on a version")
            return comparison_lines(self._known, shadows)
        if part == 2:
            return drift_lines(self._known, width)
        if part == 3:
            return training_lines(self._known.training, now)
        return self._detail_lines(width, now)

    def _detail_lines(self, width: int, now_ns: int) -> list[Line]:
        entry = self.selected
        if entry is None:
            return [(("no version to tell of yet: t trains one, `tickdesk models` registers one", "muted"),)]
        before = self._details.get(entry.version)
        lines = detail_lines(entry, before[1] if before else None, width, now_ns)
        return [((self._detail_fault, "bad"),), *lines] if self._detail_fault else lines

    # --- keys: moving ----------------------------------------------------------------------------

    def _moved(self) -> None:
        self._detail_fault = ""
        self._below.move_home()
        self._draw()
        self.run_worker(self._fill_detail, group="detail", exclusive=True)  # type: ignore[arg-type]

    def action_move(self, lines: int) -> None:
        self.grid.move_by(lines)
        self._moved()

    def action_home(self) -> None:
        self.grid.move_home()
        self._moved()

    def action_end(self) -> None:
        self.grid.move_end()
        self._moved()

    def action_page(self, pages: int) -> None:
        """Of what is below the table, and beside it where that is longer than its place."""
        for lines in (self._below, self._beside):
            lines.move_page(pages)

    def action_tab(self, step: int) -> None:
        self._part = (self._part + step) % len(PARTS)
        self._below.move_home()
        self._draw()

    def action_sort(self) -> None:
        self.grid.next_sort()
        self._entitle()

    def _entitle(self) -> None:
        """How the versions are sorted, and which are shown."""
        grid = self.grid
        mode = f" · by {grid.sort_mode}" if grid.sort_mode else ""
        sought = f" · /{grid.sought} {grid.found}" if grid.sought else ""
        self.dialog.border_title = Content(f"Models{mode}{sought}")

    def searched(self) -> Grid:
        return self.grid

    def search_changed(self) -> None:
        self._entitle()
        self._moved()

    def copied(self) -> tuple[str, str]:
        return "row", self.grid.row_text(self.grid.cursor_key or "")

    def exports(self) -> Sequence[Export]:
        models = self._known.models if self._known is not None else ()
        shown = {row.key: n for n, row in enumerate(self.grid.rows)}
        rows = sorted((m for m in models if m.version in shown), key=lambda m: shown[m.version])
        return [Export("models", ".csv", struct_csv(rows))] if rows else []

    def on_grid_activated(self, event: Grid.Activated) -> None:
        event.stop()
        self.action_details()

    # --- keys: what is done ----------------------------------------------------------------------

    @property
    def commands(self) -> ModelsApp:
        """Who sends, and says what became of it."""
        return cast("ModelsApp", self.app)

    def say_keys(self, text: str) -> None:
        """With the key of each ``{id}``."""
        self.commands.say(keys_of(self.app).words(text))

    def _chosen(self) -> ModelEntry | None:
        """The selected version; None, and said so, when there is none."""
        entry = self.selected
        if entry is None:
            self.say_keys("no version is selected: train one with {model_train}")
        return entry

    def action_details(self) -> None:
        entry = self._chosen()
        if entry is not None:
            self.app.push_screen(ModelScreen(entry, self._link, lambda: self._view.now_ns))

    def action_activate(self) -> None:
        entry = self._chosen()
        if entry is None or self._known is None:
            return
        if entry.role == "active":
            self.say_keys(f"model {entry.version} is active already; {{reload}} loads it anew")
            return
        before = self._details.get(entry.version)
        self.commands.ask_activation(self._known, entry, before[1] if before else None)

    def action_shadow(self) -> None:
        entry = self._chosen()
        if entry is None:
            return
        if entry.role:
            self.commands.say(f"model {entry.version} is the {entry.role} one already")
        else:
            self.commands.shadow_model(entry.version)

    def action_no_shadow(self) -> None:
        if self._known is not None and not any(row.role == "shadow" for row in self._known.models):
            self.commands.say("no shadow runs")
        else:
            self.commands.command("ending the shadow", lambda: self._link.shadow_model(""))

    def action_deactivate(self) -> None:
        self.commands.ask_deactivation(self._known)

    def action_cancel_training(self) -> None:
        if self._known is not None and self._known.training.state != "running":
            self.say_keys("no training run is at work: {model_train} starts one")
            return

        self.commands.ask_end_of_training()

    def action_contributions(self) -> None:
        symbols = sorted(self._view.ticks)
        if not symbols:
            self.commands.say("no symbol is known yet: wait for the feed")
            return
        chosen = self._symbol if self._symbol in symbols else symbols[0]
        self.app.push_screen(ContributionsScreen(self._link, symbols, chosen))

    def action_help(self) -> None:
        self.app.push_screen(ModelsHelpScreen(keys_of(self.app)))


def _state(entry: ModelEntry) -> tuple[object, ...]:
    """What becomes of a model, without its live figures."""
    return entry.status, entry.role, entry.last_good, entry.activated_ns, entry.registered_ns
