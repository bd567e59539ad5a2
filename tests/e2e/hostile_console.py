"""A console in this terminal on a made-up desk whose every free text is hostile; it walks its own screens.

    python -m tests.e2e.hostile_console COUNT RESULT.json

COUNT texts are drawn, each another one (0: plain samples, to compare with). What was sent to the engine, what
failed, how many texts there were and where panes have their borders at the end is written to RESULT.json.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from textual.pilot import Pilot

from console.app import DeskApp
from console.driver import DeskDriver
from engine.api.daily_protocol import DailyDetail
from engine.api.market_protocol import MarketFrame
from engine.api.protocol import EventFrame
from engine.errors import LinkError
from engine.events import Alert
from tests.console import sample_bus, sample_daily, sample_market
from tests.console import sample_desk as sample
from tests.console.fake_link import FakeLink
from tests.console.hostile import hostile_texts, poison

READING = frozenset({"explain", "contributions"})
"""What the fake link writes down although nothing is done."""
WALK = (
    ("1", "j", "y"),
    ("1", "enter"),
    ("2", "j", "y"),
    ("2", "enter"),
    ("3", "y"),
    ("4", "right_square_bracket", "y"),
    ("4", "enter"),
    ("5", "y"),
    ("5", "enter"),
    ("5", "right_square_bracket", "right_square_bracket", "enter", "y"),
    ("6", "G", "y"),
    ("7", "right_square_bracket", "right_square_bracket", "y"),
    ("7", "enter", "I", "h"),
    ("8", "right_square_bracket", "right_square_bracket"),
    ("1", "slash", "x", "enter", "escape"),
    ("colon", "b", "u", "y", "space", "tab", "tab"),
    ("colon", "e", "x", "p", "l", "a", "i", "n", "space", "tab"),
    ("exclamation_mark",),
    ("exclamation_mark", "exclamation_mark", "j"),
    ("W",),
    ("v",),
    ("D", "y"),
    ("O",),
    ("w",),
    ("L",),
    ("P",),
    ("F",),
    ("M", "right_square_bracket"),
    ("M", "enter"),
    ("M", "a"),
    ("M", "e"),
    ("M", "t"),
    ("b",),
    ("d", "right_square_bracket"),
    ("B",),
    ("3", "x"),
    ("4", "j", "j", "m"),
    ("X",),
    ("K",),
    ("o",),
    ("question_mark",),
    ("ctrl+p",),
    ("plus",),
    ("underscore", "f"),
    ("f", "q"),
)
"""Keys that show something and do nothing."""
MOST_ESCAPES = 8
"""By then every dialog is closed."""


class Counted:
    """The texts, and how many were drawn."""

    def __init__(self) -> None:
        self._texts = hostile_texts(7)
        self.drawn = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.drawn += 1
        return next(self._texts)


class HostileLink(FakeLink):
    """Every answer is poisoned, whoever asks."""

    def __init__(self, texts: Counted | None) -> None:
        super().__init__()
        self.texts = texts
        self.market = self.poisoned_market
        self.daily_runs, self.inspected = sample_daily.runs(), sample_bus.inspection()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in ("run", "watch") or name.startswith("_") or not inspect.iscoroutinefunction(value):
            return value

        async def poisoned(*arguments: Any, **options: Any) -> Any:
            try:
                answer = await value(*arguments, **options)
            except KeyError as error:
                raise LinkError("it is not known") from error
            return self.given(answer)

        return poisoned

    async def daily_of(self, day: str) -> list[DailyDetail]:
        """By whatever day they are asked for."""
        return list(self.daily_runs)

    def given(self, value: Any) -> Any:
        texts = super().__getattribute__("texts")
        return value if texts is None else poison(value, texts)

    def poisoned_market(self, symbol: str) -> MarketFrame:
        """Of the symbol that was asked for: another one's would be left out."""
        market: MarketFrame = self.given(sample_market.full_frame())
        return msgspec.structs.replace(market, symbol=symbol)

    def tell(self, *, calm: bool = False) -> None:
        """A whole frame, and an alert. ``calm``: without it, in a state that no banner tells of."""
        frame = self.given(sample.full_frame())
        if calm:
            status = msgspec.structs.replace(frame.status, risk_state="active", risk_reason="")
            frame = msgspec.structs.replace(frame, status=status)
        if self.texts is not None:
            # What is chosen from a list by the desk stays as it is; symbols are still rows of their own.
            ticks = tuple(
                msgspec.structs.replace(row, symbol=f"{next(self.texts)}:{next(self.texts)}")
                for row in frame.ticks
            )
            frame = msgspec.structs.replace(frame, ticks=ticks)
        self.on_message(frame)
        if calm:
            return
        alert = self.given(Alert(level="warning", source="feed", text="late", ns=1))
        self.on_message(EventFrame(1, alert))


async def without_notices(app: DeskApp, pilot: Pilot[None]) -> None:
    """They may stand over a border; one that was told of before may still be on its way."""
    app.clear_notifications()
    while app.screen.query("Toast"):
        await pilot.pause(0.05)
        app.clear_notifications()


def main(count: int, result: Path) -> None:
    texts = Counted() if count else None
    link = HostileLink(texts)
    app = DeskApp(link, frames_per_s=10, driver_class=DeskDriver)
    fault, edges = "", []

    async def walk(pilot: Pilot[None]) -> None:
        nonlocal fault, edges
        try:
            await pilot.pause()
            while True:
                for keys in WALK if texts is not None else WALK[:2]:  # the plain one shows how it writes
                    link.tell()
                    app.paint()
                    await pilot.press(*keys)
                    await pilot.pause()
                    app.paint()
                    await pilot.pause()
                    for _ in range(MOST_ESCAPES):
                        if app.screen is app.desk:
                            break
                        await pilot.press("escape")
                    else:
                        raise RuntimeError(f"{app.screen!r} stays open after {' '.join(keys)}")
                if texts is None or texts.drawn >= count:
                    break
            await pilot.press("1")
            link.tell(calm=True)
            app.paint()
            await without_notices(app, pilot)
            await pilot.pause(0.3)  # until it is on the terminal: there it is looked at
            shown = [pane.region for pane in app.desk.panes if pane.display]
            edges = [(x, r.y + 1, r.bottom - 1) for r in shown for x in (r.x, r.right - 1)]
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        app.exit()

    app.run(auto_pilot=walk)
    told = {
        "texts": texts.drawn if texts is not None else 0,
        "sent": [str(what[0]) for what in link.sent if what[0] not in READING],
        "edges": edges,
        "fault": fault or ("it crashed" if app.return_code else ""),
    }
    result.write_bytes(msgspec.json.encode(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
