"""Before another model trades: old against new, asked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from console.link_protocol import ModelsLink
from console.screens.confirm import AskScreen
from engine.api.model_protocol import ModelDetail, ModelEntry, ModelsDetail
from engine.api.protocol import Reply
from engine.errors import LinkError
from widgets import figures
from widgets.cells import fit
from widgets.choices import Choice, Choices
from widgets.lines import Line
from widgets.model_compare import HIT, switch_lines
from widgets.model_detail import refusal

FELL = " rolled back by "
"""In a line of a model's history: it was active, and had to go."""
WIDTH = 54
"""Of a line: a longer one would take the place of the last."""
CANCEL = Choice("cancel", "Cancel", "nothing changes")


async def windows_of(link: ModelsLink, *rows: ModelEntry | None) -> tuple[str, ...]:
    """What each of them was trained on, in a few characters; "" where that is unknown."""
    found = []
    for row in rows:
        try:
            detail = None if row is None else await link.model(row.version)
        except LinkError:
            detail = None  # the rest of the question stands
        found.append("" if detail is None else window(detail))
    return tuple(found)


def window(detail: ModelDetail) -> str:
    """``11-28…01-01``, within a day ``01-01 07…09 h``; UTC."""
    since, until = detail.trained_from_ns, detail.trained_until_ns
    if not since or not until:
        return ""
    begin, end = figures.moment(since), figures.moment(until)
    if begin[:10] == end[:10]:
        return f"{begin[5:16]}…{end[11:16]}"
    return f"{begin[:10]}…{end[5:10]}"


class SwitchScreen(AskScreen):
    """Room for two models side by side, still within 60×16."""

    DEFAULT_CSS = """
    SwitchScreen {
        & > .dialog { padding: 0 1; }
        & Lines { max-height: 11; }
    }
    """


class ActivateScreen(SwitchScreen):
    """Dismisses with ``"yes"``, or ``"shadow"`` where the model may not be activated."""

    def __init__(
        self, link: ModelsLink, known: ModelsDetail, entry: ModelEntry, detail: ModelDetail | None
    ) -> None:
        self._link, self._known, self._entry, self._detail = link, known, entry, detail
        self._active = next((row for row in known.models if row.role == "active"), None)
        if entry.promotable:
            choices = [CANCEL, Choice("yes", "Activate", "it trades from its next prediction on", "warn")]
            super().__init__(f"Activate {entry.version}?", self._said(), choices)
            return
        choices = [CANCEL]
        if entry.role != "shadow":
            choices.append(Choice("shadow", "Run it as the shadow", "beside the active one"))
        super().__init__(f"{entry.version} cannot trade", self._said(), choices)

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        old, new = await windows_of(self._link, self._active, self._entry)
        self.tell(self._said((old, new)))

    def _said(self, windows: tuple[str, str] = ("", "")) -> list[Line]:
        entry, detail = self._entry, self._detail
        lines = switch_lines(self._active, entry, self._known.comparison, windows)
        if not entry.promotable:
            return [(("! may not be activated: ", "bad"), (refusal(entry, detail), "text")), (), *lines[:8]]
        fell = next((line for line in detail.history if FELL in line), "") if detail is not None else ""
        if not fell:
            return lines
        return [((fit(f"! {fell}", WIDTH), "warn"),), *(line for line in lines if line[0][0].strip() != HIT)]


class RollbackScreen(SwitchScreen):
    """Opened at once; filled with where it goes when the engine answers, and till then it goes nowhere."""

    def __init__(self, link: ModelsLink) -> None:
        yes = Choice("yes", "Roll back", "to the model before", "warn")
        super().__init__("Roll back the model?", [(("asking the engine where to…", "muted"),)], [CANCEL, yes])
        self._link = link
        self._move: Move | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        try:
            known = await self._link.models()
        except LinkError as error:
            self.tell([((str(error), "bad"),)])
        else:
            self._move = Move.of(known)
            self.tell(rollback_lines(known))
            by_version = {row.version: row for row in known.models}
            sides = (by_version.get(self._move.active), by_version.get(self._move.to))
            old, new = await windows_of(self._link, *sides)
            self.tell(rollback_lines(known, (old, new)))

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        if event.id == "yes" and (self._move is None or not self._move.to):
            event.prevent_default()  # what is said above tells why
            event.stop()
            event.choices.again()

    async def send(self) -> Reply:
        """Roll back as was shown, unless somebody, or the desk itself, was faster: twice is one too far."""
        move = Move.of(await self._link.models())
        if move == self._move:
            return await self._link.roll_back_model()
        return Reply(False, f"not rolled back: {move.words} by now; {self.words('{rollback}')} asks again")


class Move(NamedTuple):
    """A rollback: from the active model, to the one before; "" for none."""

    active: str
    to: str

    @classmethod
    def of(cls, known: ModelsDetail) -> Move:
        active = next((row.version for row in known.models if row.role == "active"), "")
        return cls(active, next((row.version for row in known.models if row.last_good), ""))

    @property
    def words(self) -> str:
        return f"{self.active or 'no model'} is active and {self.to or 'none'} the one before"


def rollback_lines(known: ModelsDetail, windows: tuple[str, str] = ("", "")) -> Sequence[Line]:
    """The active model against the one that a rollback goes to."""
    target = next((row for row in known.models if row.last_good), None)
    if target is None:
        return [(("There is no model to go back to: none was active before.", "warn"),)]
    active = next((row for row in known.models if row.role == "active"), None)
    return switch_lines(active, target, known.comparison, windows)
