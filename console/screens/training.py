"""The form that starts a training run: what on, how long, what becomes of the model."""

from __future__ import annotations

from console.link_protocol import ModelsLink
from console.screens.confirm import ConfirmScreen
from console.screens.form import FormScreen
from console.view import DeskView
from engine.api.model_protocol import TrainingOrder, TrainingRow
from engine.errors import LinkError
from widgets.lines import Line
from widgets.training import BEGIN, Sources, order_lines, progress_line, training_fields, training_order

SIMULATED = "sim:"
"""Before the symbols of the simulated venue, which has no stored bars."""


class TrainingScreen(FormScreen):
    def __init__(self, link: ModelsLink, view: DeskView) -> None:
        super().__init__("Train a model")
        self._link, self._view = link, view
        self._values = dict(BEGIN)
        self._run: TrainingRow | None = None
        self._order: TrainingOrder | None = None
        """As it was submitted: that is sent, whatever is typed meanwhile."""
        self._show_fields()

    @property
    def sources(self) -> Sources:
        symbols = self._view.ticks
        simulated = sum(symbol.startswith(SIMULATED) for symbol in symbols)
        return Sources(len(symbols), simulated > 0 or not symbols, simulated < len(symbols))

    def _show_fields(self) -> None:
        self.form.show(training_fields(self._values, self.sources))

    def form_changed(self, key: str, value: str) -> None:
        self._values[key] = value
        self._show_fields()
        self.say("")
        self._tell()

    def form_submitted(self) -> None:
        if self.sending:
            self.say("on its way…", "muted")
            return
        try:
            self._order = training_order(self._values)
        except ValueError as error:
            self.say(str(error))
            return
        if self._order.then == "activate":
            lines = order_lines(self._order, self.sources)
            self.ask(ConfirmScreen("Let the new model trade?", lines, "Train, then activate"))
        else:
            self.send()

    # --- followed ----------------------------------------------------------------------------------

    def follow(self) -> None:
        self._tell()
        if all(worker.is_finished for worker in self.workers if worker.group == "run"):
            self.run_worker(self._ask(), group="run")

    async def _ask(self) -> None:
        try:
            self._run = await self._link.training()
        except LinkError as error:
            self._run = None
            self.say(str(error))
        self._tell()

    def _tell(self) -> None:
        run = self._run
        about: Line = (("enter starts it; what is left empty is as configured", "muted"),)
        if run is not None and run.state == "running":
            about = progress_line(run, self._view.now_ns)
        self.show_about(about)
        try:
            lines = order_lines(training_order(self._values), self.sources)
        except ValueError as error:
            lines = [((str(error), "warn"),)]
        self.show_outcome(lines)

    async def deliver(self) -> bool:
        order = self._order
        if order is None:
            return False
        reply = await self.commands.ask_engine("TRAINING", lambda: self._link.train(order))
        if reply is not None and not reply.ok:
            self.say(reply.text, "bad")
        return reply is not None and reply.ok
