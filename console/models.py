"""The quant's keys: the models screen, a rollback, a training run, from wherever they are pressed."""

from __future__ import annotations

from collections.abc import Sequence

from console.command_line.command import Command
from console.command_line.models import model_commands
from console.link_protocol import Link
from console.screens.automation import AutomationScreen
from console.screens.confirm import ConfirmScreen
from console.screens.models import ModelsScreen
from console.screens.strategy import StrategyScreen
from console.screens.switch_model import ActivateScreen, RollbackScreen
from console.screens.training import TrainingScreen
from console.trading import TradingApp
from engine.api.model_protocol import ModelDetail, ModelEntry, ModelsDetail


class ModelsApp(TradingApp):
    link: Link
    known_models: Sequence[ModelEntry] = ()
    """As last asked for."""

    def typed_commands(self) -> list[Command]:
        return [*super().typed_commands(), *model_commands(self)]

    async def learn_for_typing(self) -> None:
        await super().learn_for_typing()
        self.known_models = (await self.link.models()).models

    def open_strategy(self, name: str) -> None:
        self.push_screen(StrategyScreen(name, self.link, lambda: self.view.now_ns))

    def open_automation(self, name: str) -> None:
        view = self.view
        screen = AutomationScreen(name, self.link, lambda: view.automations.get(name), lambda: view.now_ns)
        self.push_screen(screen)

    def action_models(self) -> None:
        self.push_screen(ModelsScreen(self.link, self.view, self.selected_symbol()))

    def action_reload_model(self) -> None:
        self.command("the model's reload", self.link.reload_model)

    def action_rollback(self) -> None:
        """Back to the model that was active before: asked once, with what it goes back to."""
        if self.refused():
            return
        screen = RollbackScreen(self.link)

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command("the model's rollback", screen.send)

        self.push_screen(screen, answered)

    def ask_activation(self, known: ModelsDetail, entry: ModelEntry, detail: ModelDetail | None) -> None:
        """Old against new, and one question; ``detail`` of the new one, where it is known already."""
        version = entry.version

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command(f"activating {version}", lambda: self.link.activate_model(version))
            elif answer == "shadow":
                self.shadow_model(version)

        self.push_screen(ActivateScreen(self.link, known, entry, detail), answered)

    def shadow_model(self, version: str) -> None:
        """Beside the active one from now on."""
        self.command(f"shadow {version}", lambda: self.link.shadow_model(version))

    def ask_deactivation(self, known: ModelsDetail | None) -> None:
        active = next((row for row in known.models if row.role == "active"), None) if known else None
        if active is None:
            self.say("no model is active")
            return
        if self.refused():
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command("deactivating the model", self.link.deactivate_model)

        question = [
            f"Model {active.version} steps down; its strategy goes on without a model and says nothing.",
            "Positions and orders stay as they are.",
        ]
        self.push_screen(ConfirmScreen("Deactivate", question, "Deactivate the model"), answered)

    def ask_end_of_training(self) -> None:
        if self.refused():
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command("ending the training", self.link.cancel_training)

        question = ["What the run has learned so far is lost; the models stay as they are."]
        self.push_screen(ConfirmScreen("End training", question, "End the run"), answered)

    def action_train(self) -> None:
        self.push_screen(TrainingScreen(self.link, self.view))
