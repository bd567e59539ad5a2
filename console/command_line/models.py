"""The commands of the quant: strategies, weights, models, automations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from console.command_line.command import Argument, Candidate, Command, CommandError
from console.command_line.completion import one_of
from engine.api.model_protocol import ModelEntry, ModelsDetail
from engine.api.protocol import StrategyPatch, WeightsPatch
from engine.events import Family
from engine.plain_number import plain_number
from engine.text import clean

if TYPE_CHECKING:
    from console.models import ModelsApp

_SWITCH = {"on": True, "off": False}
_MODEL_WORDS = {
    "list": "the models screen",
    "activate": "VERSION: the active one from now on (asks)",
    "shadow": "VERSION: beside the active one; off: none",
    "reload": "the registry's active model anew, without a stop",
    "rollback": "to the one that was active before (asks)",
    "deactivate": "go on without a model (asks)",
    "train": "train one while the desk trades",
    "cancel": "end the training run (asks)",
}
_WITH_VERSION = ("activate", "shadow")


def model_commands(app: ModelsApp) -> list[Command]:
    typed = _Quant(app)
    switch = Argument("on|off", "without it: the settings", typed.switches, optional=True)
    return [
        Command(
            "strategy",
            "Switch a strategy, or open its settings",
            typed.strategy,
            (Argument("NAME", "of the strategy", typed.strategies), switch),
        ),
        Command(
            "automation",
            "Switch an automation, or open its definition",
            typed.automation,
            (Argument("NAME", "of the automation", typed.automations), switch),
        ),
        Command(
            "weight",
            "Change what a family of signals weighs",
            typed.weight,
            (
                Argument("FAMILY", "of signals", lambda before: [Candidate(one.value) for one in Family]),
                Argument("VALUE", "percent, 0 to 1000"),
            ),
        ),
        Command(
            "model",
            "Models: activate, shadow, reload, roll back, train",
            typed.model,
            (
                Argument("WHAT", "list, activate, shadow, reload …", typed.model_words, optional=True),
                Argument("VERSION", "or its first characters", typed.versions, optional=True),
            ),
        ),
    ]


class _Quant:
    def __init__(self, app: ModelsApp) -> None:
        self._app = app

    def strategy(self, words: Sequence[str]) -> None:
        app = self._app
        name = one_of(words[0], app.view.strategies, "strategy")
        if len(words) == 1:
            app.open_strategy(name)
            return
        patch = StrategyPatch(enabled=_on(words[1]))
        app.command(f"switching {name}", lambda: app.link.set_strategy(name, patch))

    def automation(self, words: Sequence[str]) -> None:
        app = self._app
        name = one_of(words[0], app.view.automations, "automation")
        if len(words) == 1:
            app.open_automation(name)
            return
        app.command(f"switching {name}", partial(app.link.set_automation, name, _on(words[1])))

    def weight(self, words: Sequence[str]) -> None:
        app, family = self._app, one_of(words[0], [one.value for one in Family], "family of signals")
        try:
            value = plain_number(words[1].rstrip("%"))
        except ValueError as error:
            raise CommandError(str(error)) from None
        patch = msgspec.convert({family: value}, WeightsPatch)
        app.command(f"the weight {family}", lambda: app.link.set_weights(patch))

    async def model(self, words: Sequence[str]) -> None:
        app = self._app
        what = one_of(words[0], _MODEL_WORDS, "word for models") if words else "list"
        if len(words) > 1 and what not in _WITH_VERSION:
            raise CommandError(f"model {what} takes no version")
        if what in _WITH_VERSION:
            await self._switch(what, words[1] if len(words) > 1 else "")
        elif what == "deactivate":
            app.ask_deactivation(await app.link.models())
        elif what == "cancel":
            app.ask_end_of_training()
        else:
            actions = {
                "list": app.action_models,
                "reload": app.action_reload_model,
                "rollback": app.action_rollback,
                "train": app.action_train,
            }
            actions[what]()

    async def _switch(self, what: str, text: str) -> None:
        app = self._app
        if what == "shadow" and text.lower() == "off":
            app.command("ending the shadow", lambda: app.link.shadow_model(""))
            return
        known = await app.link.models()
        entry = _entry(known, text)
        if entry.role == ("active" if what == "activate" else what):
            raise CommandError(f"model {entry.version} is the {entry.role} one already")
        if what == "activate":
            app.ask_activation(known, entry, await app.link.model(entry.version))
        else:
            app.shadow_model(entry.version)

    # --- what a word may become ------------------------------------------------------------------

    def strategies(self, before: Sequence[str]) -> Iterable[Candidate]:
        rows = self._app.view.strategies
        return [Candidate(name, "on" if rows[name].enabled else "off") for name in sorted(rows)]

    def automations(self, before: Sequence[str]) -> Iterable[Candidate]:
        rows = self._app.view.automations
        return [Candidate(name, "on" if rows[name].active else "off") for name in sorted(rows)]

    def switches(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate("on"), Candidate("off")]

    def model_words(self, before: Sequence[str]) -> Iterable[Candidate]:
        return [Candidate(word, about) for word, about in _MODEL_WORDS.items()]

    def versions(self, before: Sequence[str]) -> Iterable[Candidate]:
        if before[0].lower() not in _WITH_VERSION:
            return []
        off = [Candidate("off", "no shadow")] if before[0].lower() == "shadow" else []
        return [*off, *(Candidate(row.version, row.role) for row in self._app.known_models)]


def _on(text: str) -> bool:
    return _SWITCH[one_of(text, _SWITCH, "switch (on or off)")]


def _entry(known: ModelsDetail, text: str) -> ModelEntry:
    found = [row for row in known.models if text and row.version.startswith(text)]
    exact = [row for row in found if row.version == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not text:
        raise CommandError("VERSION is missing: of the model, or its first characters")
    if found:
        raise CommandError(f"{clean(text, 30)} begins {len(found)} versions: give more of it")
    raise CommandError(f"there is no model {clean(text, 30)}; `model` lists them")
