"""Errors a user can cause. Each prints as one line that says what to do next; none prints a traceback."""

from __future__ import annotations

from pathlib import Path


class TickdeskError(Exception):
    """Base: ``str(error)`` is one line for the user. ``exit_code`` is the process's."""

    exit_code = 1


class UnknownNameError(TickdeskError):
    """There is nothing of the name, or the id, that was said."""


class ConfigError(TickdeskError):
    """A configuration value or file is wrong."""

    exit_code = 2


class UnknownStrategyError(ConfigError, UnknownNameError):
    """No strategy has this name."""


class SymbolError(ConfigError):
    """A name of an instrument is none, or means more than one."""


class AmbiguousSymbolError(SymbolError):
    """It means more than one."""


class TapeError(TickdeskError):
    """A tape cannot be read."""


class BarsError(TickdeskError):
    """A file of bars cannot be read, or its features not be written."""


class FeedError(TickdeskError):
    """A venue cannot be used as configured (unknown symbol, bad URL)."""


class ModelError(TickdeskError):
    """A model artefact or registry entry is refused."""


class UnknownModelError(ModelError, UnknownNameError):
    """No model, or no prediction of one, is known by this name."""


class NoEarlierError(ModelError):
    """There is no model to go back to."""


class SignalsError(TickdeskError):
    """A request for signals cannot be answered: its candles are none."""


class StoreError(TickdeskError):
    """The state directory or its database cannot be used."""


class OutcomeUnknownError(StoreError):
    """Whether what was handed to the disk is on it cannot be told: it may be done yet, by the next run."""


class BusError(TickdeskError):
    """The bus, or the server it runs on, cannot be used as it is."""


class FencedError(BusError):
    """Another worker owns the stage by now: what this one still has to say is void."""


class EngineBusyError(StoreError):
    """Another engine owns the state directory."""

    exit_code = 3


class LinkError(TickdeskError):
    """No engine answers, or it hung up."""

    exit_code = 4


class NoEngineError(LinkError):
    """None listens: what was asked has reached nobody."""


class RefusedError(LinkError):
    """The engine answers, and does not do what was asked."""

    exit_code = 1

    def __init__(self, text: str, code: str = "") -> None:
        """``code``: as its reply has it."""
        super().__init__(text)
        self.code = code


class ControlError(TickdeskError):
    """Another console controls the desk, or this one is read-only."""


class TokenError(TickdeskError):
    """A token of the API, or the file of them, is wrong."""


class NotReadyError(TickdeskError):
    """The desk cannot do it yet, or any more: it starts or stops. The same again later may be done."""

    def __init__(self, text: str = "the desk is warming up: try again in a moment") -> None:
        super().__init__(text)


class InternalError(TickdeskError):
    """Our own bug. The traceback is in the log, not on the screen."""

    exit_code = 70

    def __init__(self, log: Path, error: Exception) -> None:
        super().__init__(
            f"internal error ({type(error).__name__}): the traceback is in {log}; please report it"
        )


class OrderError(TickdeskError):
    """An illegal order or order transition."""


class UnknownOrderError(OrderError, UnknownNameError):
    """No order has this id."""


class AlertError(TickdeskError):
    """A rule for an alert is wrong."""


class UnknownAlertError(AlertError, UnknownNameError):
    """No alert has this id."""


class AutomationError(TickdeskError):
    """A definition of an automation is wrong, or one of its steps could not be done."""


class UnknownAutomationError(AutomationError, UnknownNameError):
    """No automation has this name."""
