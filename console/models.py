"""The quant's keys: the models screen, a rollback, a training run, from wherever they are pressed."""

from __future__ import annotations

from console.link_protocol import Link
from console.screens.models import ModelsScreen
from console.screens.switch_model import RollbackScreen
from console.screens.training import TrainingScreen
from console.trading import TradingApp


class ModelsApp(TradingApp):
    link: Link

    def action_models(self) -> None:
        self.push_screen(ModelsScreen(self.link, self.view, self.selected_symbol()))

    def action_reload_model(self) -> None:
        self.command("the model's reload", self.link.reload_model)

    def action_rollback(self) -> None:
        """Back to the model that was active before: asked once, with what it goes back to."""

        screen = RollbackScreen(self.link)

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command("the model's rollback", screen.send)

        self.push_screen(screen, answered)

    def action_train(self) -> None:
        self.push_screen(TrainingScreen(self.link, self.view))
