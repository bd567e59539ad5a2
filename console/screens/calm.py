"""A screen that is drawn where something changed, and at once."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar, cast
from weakref import WeakKeyDictionary

from textual import events, messages
from textual.dom import DOMNode
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.screen import Screen
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from console.patient import PatientApp
from console.screens.compositor import DeskCompositor
from console.screens.confined import changed_part
from console.screens.pace import Pace
from widgets.grid import Grid

Result = TypeVar("Result")


class CalmScreen(Screen[Result]):
    """Textual draws all of a screen when the focus moves, and composes frames that a busy line never gets.

    Who has the focus and who had it draw themselves. A frame that nothing can carry is not composed: what it
    would have shown stays marked, and is drawn when the line is free.
    """

    LIES_OVER: ClassVar[bool] = False
    """The screen below is seen around its widgets, as it is."""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    _owed = False
    """Marked, and not drawn yet."""

    _all_anew = False
    """It was asked for a layout by itself, and not by a widget that changed."""

    stays = False
    """Not to be drawn as a whole this once: Textual does when another screen is pushed over it, or goes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pace = Pace(self._draw_marked)
        self._compositor: DeskCompositor = DeskCompositor(self._behind)
        self.uncovered: set[Region] | None = None
        """What a dialog above it stood on, until that is drawn; None: anything."""
        self.changed: set[Region] = set()
        """Of it, while a dialog that was opened over it is not drawn yet."""
        self._scrolled: set[DOMNode] = set()
        """Widgets that show another part of what is in them, since the last layout."""
        self._children_placed: list[Widget] = []
        """What was in it at its last layout."""
        self._placed: WeakKeyDictionary[Widget, int] = WeakKeyDictionary()
        """Widgets that changed before a layout, each with the changes of its styles until then."""

    @property
    def _update_timer(self) -> Timer:
        return cast(Timer, self._pace)  # of which only these two methods are used

    def _draw_marked(self) -> None:
        if not self.is_running or not self.app._running:
            return
        try:
            with self._context():
                self._on_timer_update()
        except Exception as error:
            self.app._handle_exception(error)  # as Textual's timer does

    def _on_timer_update(self) -> None:
        if self._repaint_required and not self.app._batch_count:
            # A screen whose part below a dialog changed is to be drawn there: Textual takes that for all of
            # it, and forgets which of its widgets are to be drawn.
            self._compositor.update_widgets(self._dirty_widgets)
        super()._on_timer_update()

    def _compositor_refresh(self) -> None:
        # With a repaint due, all of it is drawn in a moment: a layout need not draw it first.
        if (self.app._batch_count or self._repaint_required) and self is self.app.screen:
            self._owed = True
            return
        self._owed = False
        if self._dirty_widgets:
            # Textual forgets them with each frame, and some frames are of a layout that waited.
            self._compositor.update_widgets(self._dirty_widgets)
        if isinstance(self.app, PatientApp):
            self._keep_what_is_shown(self.app)
        super()._compositor_refresh()

    # --- a dialog and what is below it -----------------------------------------------------------

    def _keep_what_is_shown(self, app: PatientApp) -> None:
        """Of the first frame of a dialog, draw the place where it stands."""
        dirty, whole = self._compositor._dirty_regions, self.size.region
        if self is not app.screen:
            if whole in dirty:
                app.shown = None  # all of it is drawn anew, below the dialog
            elif app.shown is self:
                self.changed |= dirty
        elif self.LIES_OVER and isinstance(below := self.below, CalmScreen) and app.shown is below:
            dirty.discard(whole)
            dirty |= self._standing() | below.changed
            below.changed.clear()
            app.shown = self

    @property
    def below(self) -> Screen[Any] | None:
        stack = self.app.screen_stack
        at = stack.index(self) if self in stack else 0
        return stack[at - 1] if at else None

    def _behind(self) -> DeskCompositor | None:
        """What draws the screen below, where that is seen around this one."""
        below = self.below if self.LIES_OVER else None
        return below._compositor if isinstance(below, CalmScreen) else None

    def _standing(self) -> set[Region]:
        """Where its widgets stand."""
        seen = self._compositor.visible_widgets.items()
        return {region.intersection(clip) for widget, (region, clip) in seen if widget is not self}

    def lines_of(self, region: Region) -> list[Strip]:
        """What is seen of it there."""
        return self._compositor.render_region(region)

    def drawn_below(self, top: CalmScreen[Any]) -> list[Strip]:
        """What is drawn of it where the widgets of ``top`` stand."""
        return self._compositor.strips_of(list(self._compositor._regions_to_spans(list(top._standing()))))

    def left_behind(self, shown: Screen[Any]) -> set[Region] | None:
        """What has to be drawn of the screen below when this one goes, and ``shown`` is what the terminal
        shows; None: all."""
        pending = self._compositor._dirty_regions | self._repaint_regions
        if isinstance(below := self.below, CalmScreen):
            pending |= below.changed
            below.changed.clear()
        if not self.LIES_OVER or self.size != self.app.size or self.size.region in pending:
            return None
        return pending | self._standing() if shown is self else pending

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        stays, self.stays = self.stays, False
        if stays and not (regions or layout or recompose):
            return self
        self._all_anew = self._all_anew or layout
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    # --- when it is drawn ------------------------------------------------------------------------

    def draw_at_once(self) -> None:
        """What a key led to. Textual asks each widget that changed when the loop has come round to it, and
        draws when it has come round to the screen: that takes as long as to draw."""
        if not self.is_current or not self.is_running:
            return
        _take_marks(self, self)
        if self._layout_required or self._scroll_required or self._repaint_required or self._dirty_widgets:
            self._pace.draw()

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        part, scrolled, self._scrolled = changed_part(self._layout_widgets), self._scrolled, set()
        # A widget that is shown again is not in the map yet, and it is only now that this is noted.
        anywhere = self._all_anew or size is not None or self._compositor._full_map_invalidated
        anywhere = anywhere or (scroll and not scrolled)
        anywhere = anywhere or any(part not in widget.ancestors_with_self for widget in scrolled)
        if (children := list(self.displayed_children)) != self._children_placed:
            anywhere, self._children_placed = True, children
        self._compositor.part = None if anywhere else part
        self._all_anew = False
        for changed in self._layout_widgets.values():
            self._placed.update((widget, widget.styles._cache_key) for widget in changed)
        super()._refresh_layout(size, scroll)
        self._compositor.part = None

    async def _on_update_scroll(self, message: messages.UpdateScroll) -> None:
        self._scrolled.add(self)  # which of them is not told

    def place_anew(self, widget: Widget) -> None:
        """What is in it, where nothing else of it changed; else what is around it, as far as it depends on
        its size."""
        styles = widget.styles
        if self._placed.get(widget) == styles._cache_key and not styles.auto_dimensions:
            widget._clear_arrangement_cache()
            self._layout_widgets.setdefault(widget, set())
            self._layout_required = True
            return
        part: Widget = widget
        for around in widget.ancestors:
            if not isinstance(around, Widget):
                break
            around._clear_arrangement_cache()
            around._layout_updates += 1
            self._layout_widgets.setdefault(around, set()).add(part)
            if not around.styles.auto_dimensions:
                break
            part = around
        self._layout_required = True

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        before = self.focused
        super().set_focus(widget, scroll_visible, from_app_focus)
        # They are told in a moment: the first frame shows it already.
        for one, has in ((before, False), (self.focused, True)):
            if isinstance(one, Grid) and before is not self.focused:
                one.show_focus(has)

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        # It was laid out just now, in this very size; the screens below it may not be yet.
        changed = super()._size_updated(size, virtual_size, container_size, layout=False)
        if changed:
            self.refresh()
        return changed

    def _screen_resized(self, size: Size) -> None:
        # Every dialog that opens says so, of itself and to all screens below. What comes late is of a size
        # that the terminal no longer has: laid out in it, each of two would call for the other, for ever.
        if size != self._size and size == self.app.size:
            super()._screen_resized(size)

    def lay_out(self, size: Size) -> None:
        """Place what is in it, before it is shown."""
        if self._layout_required or size != self._size:
            self._layout_required = False
            self._refresh_layout(size)

    def draw_ahead(self) -> None:
        """Have its widgets keep their lines as they will be drawn."""
        for region in self._standing():
            self._compositor.render_region(region.intersection(self.size.region))

    def on_screen_suspend(self) -> None:
        for rack in self.query_children("ToastRack"):
            rack.display = False  # the screen above shows them too: here they would stay until that goes

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        """As Textual's, but a new screen is dressed already, and what is laid out here is drawn by that."""
        event.prevent_default()
        new = not self.stack_updates
        self.stack_updates += 1
        self.app._refresh_notifications()
        self._update_auto_focus()
        if self.is_attached:
            if event.refresh_styles and not new:
                self.update_node_styles(animate=False)
            uncovered, self.uncovered = self.uncovered, None
            if self._size != self.app.size:
                self._refresh_layout(self.app.size)
            elif uncovered is None:
                self.refresh()
            else:
                self._compositor._dirty_regions |= uncovered
                self._owed = True
                self.check_idle()
            draw_cursor(self)  # it is the one that keys move, again

    async def _on_idle(self, event: events.Idle) -> None:
        due = self._layout_required or self._scroll_required or self._repaint_required or self._dirty_widgets
        if self._owed and not due and self.is_current and not self.app._batch_count:
            self._compositor_refresh()
        await super()._on_idle(event)


def _take_marks(screen: CalmScreen[Any], widget: Widget) -> None:
    """Of all below ``widget``, what is marked to be drawn or placed anew: ``Widget._check_refresh`` and the
    screen do so between them."""
    for child in widget._nodes:
        if child._scroll_required:
            child._scroll_required, screen._scroll_required = False, True
            screen._scrolled.add(child)
        if child._repaint_required:
            child._repaint_required = False
            if child.display:
                screen._dirty_widgets.add(child)
        if child._layout_required:
            child._layout_required = False
            screen.place_anew(child)
        _take_marks(screen, child)


def draw_cursor(screen: Screen[Any]) -> None:
    """Of a table: it alone shows whether a dialog lies above."""
    if isinstance(screen.focused, Grid):
        screen.focused.draw_cursor()
