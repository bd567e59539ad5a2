"""What leaves the console: tables as files, rows and texts by the clipboard, the screen as an image."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from console.clipboard import osc52
from console.command_line.command import Argument, Command, CommandError
from console.commanding import CommandingApp
from console.export_files import Export, Exportable, ExportError, write_file
from engine.on_disk import on_disk
from engine.text import clean, clean_block

SCREENSHOT = "screen"
LONGEST = 10_000_000
"""Characters of what is copied."""


class ExportingApp(CommandingApp):
    """``exports``: the folder for files; None: there is none."""

    def __init__(self, *, exports: Path | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._exports = exports

    def typed_commands(self) -> list[Command]:
        return [
            *super().typed_commands(),
            Command(
                "export",
                "Export what is shown to a file, CSV or text",
                self._export_to,
                (Argument("FOLDER", "where to, instead of the folder for exports", optional=True),),
            ),
            Command("screenshot", "The screen as an SVG file", lambda words: self.action_save_screen()),
        ]

    # --- files -----------------------------------------------------------------------------------

    def action_export(self) -> None:
        """What the screen shows, as files."""
        screen = self.screen
        if not isinstance(screen, Exportable):
            self.say("there is no table and no text here to export")
            return
        files = screen.exports()
        if files:
            self._save(files)
        else:
            self.say("there is nothing to export yet")

    def _export_to(self, words: Sequence[str]) -> None:
        before = self._exports
        if words:
            try:
                folder = Path(words[0]).expanduser().absolute()
                is_file = on_disk(folder) not in ("", "folder")
            except (OSError, RuntimeError, ValueError) as error:  # too long; a home of nobody; no name
                why = getattr(error, "strerror", "") or error
                raise CommandError(f"{clean(words[0], 80)}: {clean(why, 80)}") from None
            if is_file:
                raise CommandError(f"{clean(folder, 80)} is a file: give a folder")
            self._exports = folder
        try:
            self.action_export()
        finally:
            self._exports = before

    def action_save_screen(self) -> None:
        picture = self.export_screenshot(title="tickdesk")
        # Else librsvg and what rests on it trim the blanks that columns begin with.
        picture = picture.replace("<svg ", '<svg xml:space="preserve" ', 1)
        self._save([Export(SCREENSHOT, ".svg", picture)])

    def _save(self, files: Sequence[Export]) -> None:
        if self._exports is None:
            self.say("there is no folder for files: set `[console] exports`", "error")
            return
        try:
            paths = [
                write_file(self._exports, one.name, time.time_ns(), one.suffix, one.text) for one in files
            ]
        except ExportError as error:
            self.say(str(error), "error")
            return
        more = f" and {len(paths) - 1} more beside it" if len(paths) > 1 else ""
        self.say(f"written: {paths[0]}{more}")

    # --- the clipboard ---------------------------------------------------------------------------

    def action_copy_row(self) -> None:
        """The selected row, or the whole of what is read; to a file when it is more than terminals take."""
        screen = self.screen
        what, text = screen.copied() if isinstance(screen, Exportable) else ("", "")
        if not text:
            self.say("there is nothing to copy here")
        elif self._put_into_clipboard(text):
            self.say(f"{what} copied")
        else:
            self._save([Export("copied", ".txt", clean_block(text, LONGEST))])

    def copy_to_clipboard(self, text: str) -> None:
        self._put_into_clipboard(text)

    def _put_into_clipboard(self, text: str) -> bool:
        """False: it is too long."""
        text = clean_block(text, LONGEST)  # what is pasted into a shell must not hold an escape
        sequence = osc52(text, os.environ)
        if sequence is None:
            return False
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(sequence)
        return True
