"""Automations as rows for clients: what they are in words, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.api.protocol import AutomationRow, SignalStatistics
from engine.automation.definition import Definition
from engine.automation.dispatcher import Dispatcher, Entry
from engine.store.automations import StoredAutomation


class AutomationRows:
    """Rows of the dispatcher's entries; a definition is put into words once."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._texts: dict[str, tuple[Definition, str, str]] = {}
        """Trigger and steps in words, by name."""

    def row(self, name: str, refused: Mapping[str, str]) -> AutomationRow:
        """``refused``: by name, why what is stored cannot be used."""
        entry = self._dispatcher.entries.get(name)
        if entry is None:
            return AutomationRow(name, False, "", "", 0, 0, 0, 0, 0, 0, refused.get(name, ""))
        return self._row(entry)

    def forget(self) -> None:
        """Definitions were read anew."""
        self._texts = {}

    def statistics(self) -> tuple[SignalStatistics, ...]:
        """What was done with each type of signal since the engine's start."""
        return tuple(
            SignalStatistics(
                signal=source,
                seen=tally.seen,
                matched=tally.matched,
                started=tally.started,
                succeeded=tally.succeeded,
                failed=tally.failed,
                skipped=tally.skipped,
                latency_p50_us=tally.latency_us(0.5),
                latency_p99_us=tally.latency_us(0.99),
            )
            for source, tally in sorted(self._dispatcher.tallies.items())
        )

    def _row(self, entry: Entry) -> AutomationRow:
        definition = entry.definition
        kept = self._texts.get(definition.name)
        if kept is None or kept[0] is not definition:
            kept = definition, str(definition.trigger), steps_text(definition)
            self._texts[definition.name] = kept
        return AutomationRow(
            name=definition.name,
            active=definition.active,
            trigger=kept[1],
            steps=kept[2],
            matched=entry.matched,
            started=entry.started,
            succeeded=entry.succeeded,
            failed=entry.failed,
            running=entry.running,
            last_ns=entry.last_ns,
            error=entry.error,
            place=entry.place,
        )


def steps_text(definition: Definition) -> str:
    """The steps in words."""
    return ", ".join(map(str, definition.steps))


def switch_text(active: bool) -> str:
    return "on" if active else "off"


def document_of(found: StoredAutomation) -> dict[str, Any] | None:
    """What is stored as a document, with whether it is active now; None for what is none."""
    try:
        document = msgspec.json.decode(found.definition)
    except msgspec.DecodeError:
        return None
    return {**document, "active": found.active} if isinstance(document, dict) else None
