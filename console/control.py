"""Who controls: K takes the desk over or gives it up, and nothing is sent from a console that may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from console.commanding import CommandingApp
from console.link_protocol import Link
from console.screens.confirm import ConfirmScreen
from console.standing import Standing
from console.view import DeskView
from engine.api.protocol import Reply
from engine.errors import LinkError


class ControlApp(CommandingApp):
    link: Link
    view: DeskView

    @property
    def standing(self) -> Standing:
        return self.view.standing

    def action_control(self) -> None:
        """A free seat is taken at once; one that is not, is asked for once."""
        now = self.standing
        if now.read_only:
            self.say(self.refusal(), "warning")
        elif now.seat_is_free:
            self.command("TAKE CONTROL", partial(self.link.take_control, ""), safer=True)
        elif now.watching:
            self._ask(
                f"{now.controller} controls the desk.",
                "Take over",
                "it watches from then on",
                "TAKE CONTROL",
                partial(self.link.take_control, now.controller_id),
            )
        else:
            self._ask(
                "This console controls the desk.",
                "Give up control",
                "nobody controls then",
                "GIVE UP CONTROL",
                self.link.give_control,
            )

    def _ask(
        self, question: str, label: str, detail: str, name: str, send: Callable[[], Awaitable[Reply]]
    ) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.command(name, send, safer=True)

        self.push_screen(ConfirmScreen("Control", [question], label, detail), answered)

    # --- before a command ------------------------------------------------------------------------

    def refusal(self, *, safer: bool = False) -> str:
        return self.standing.refusal(self.key_map.words("{control}"), safer=safer)

    async def why_not(self, name: str, *, safer: bool = False) -> str:
        refusal = self.refusal(safer=safer)
        if refusal or safer or not self.standing.seat_is_free:
            return refusal
        question = ConfirmScreen(
            "Control", ["Nobody controls the desk."], "Take control", f"and send: {name[:40]}"
        )
        # On top of the dialog that sends, which waits for the answer.
        if await self.push_screen_wait(question) != "yes":
            return f"NOT SENT: {name}: nobody controls the desk"
        try:
            reply = await self.link.take_control("")  # not from who took it meanwhile
        except LinkError as error:
            return str(error)
        return "" if reply.ok else reply.text
