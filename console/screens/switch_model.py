"""Before another model trades: old against new, asked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from console.link_protocol import ModelsLink
from console.screens.confirm import AskScreen
from engine.api.model_protocol import ModelDetail, ModelEntry, ModelsDetail
from engine.api.protocol import Reply
from engine.errors import LinkError
from widgets.cells import fit
from widgets.choices import Choice, Choices
from widgets.lines import Line
from widgets.model_compare import switch_lines
from widgets.model_detail import refusal

FELL = " rolled back by "
"""In a line of a model's history: it was active, and had to go."""
WIDTH = 54
"""Of a line: a longer one would take the place of the last."""
CANCEL = Choice("cancel", "Cancel", "nothing changes")


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

    def __init__(self, known: ModelsDetail, entry: ModelEntry, detail: ModelDetail | None) -> None:
        active = next((row for row in known.models if row.role == "active"), None)
        lines = switch_lines(active, entry, known.comparison)
        fell = next((line for line in detail.history if FELL in line), "") if detail is not None else ""
        if fell:
            lines = [((fit(f"! {fell}", WIDTH), "warn"),), *lines]
        if entry.promotable:
            choices = [CANCEL, Choice("yes", "Activate", "it trades from its next prediction on", "warn")]
            super().__init__(f"Activate {entry.version}?", lines, choices)
            return
        why: list[Line] = [(("! may not be activated: ", "bad"), (refusal(entry, detail), "text")), ()]
        choices = [CANCEL]
        if entry.role != "shadow":
            choices.append(Choice("shadow", "Run it as the shadow", "beside the active one"))
        super().__init__(f"{entry.version} cannot trade", [*why, *lines[:8]], choices)


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
        return Reply(False, f"not rolled back: {move.words} by now; b asks again")


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


def rollback_lines(known: ModelsDetail) -> Sequence[Line]:
    """The active model against the one that a rollback goes to."""
    target = next((row for row in known.models if row.last_good), None)
    if target is None:
        return [(("There is no model to go back to: none was active before.", "warn"),)]
    active = next((row for row in known.models if row.role == "active"), None)
    return switch_lines(active, target, known.comparison)
