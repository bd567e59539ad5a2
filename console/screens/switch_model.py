"""Before another model trades: old against new, asked once."""

from __future__ import annotations

from collections.abc import Sequence

from console.link_protocol import ModelsLink
from console.screens.confirm import AskScreen
from engine.api.model_protocol import ModelDetail, ModelEntry, ModelsDetail
from engine.errors import LinkError
from widgets.choices import Choice
from widgets.lines import Line
from widgets.model_compare import switch_lines
from widgets.model_detail import refusal

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
    """Opened at once; filled with where it goes when the engine answers."""

    def __init__(self, link: ModelsLink) -> None:
        yes = Choice("yes", "Roll back", "to the model before", "warn")
        super().__init__("Roll back the model?", [(("asking the engine where to…", "muted"),)], [CANCEL, yes])
        self._link = link

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        try:
            known = await self._link.models()
        except LinkError as error:
            self.tell([((str(error), "bad"),)])
        else:
            self.tell(rollback_lines(known))


def rollback_lines(known: ModelsDetail) -> Sequence[Line]:
    """The active model against the one that a rollback goes to."""
    target = next((row for row in known.models if row.last_good), None)
    if target is None:
        return [(("There is no model to go back to: none was active before.", "warn"),)]
    active = next((row for row in known.models if row.role == "active"), None)
    return switch_lines(active, target, known.comparison)
