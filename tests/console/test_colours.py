"""How many colours and which letters a terminal gets, and that it gets no others."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pyte
import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as ScreenColor
from textual.drivers.headless_driver import HeadlessDriver

from console.app import DeskApp
from console.colours import Colours, ascii_only, colours_of
from console.filters import AsciiFilter, StyleFilter, in_ascii, in_sixteen, without_colours
from console.themes import looks_of
from engine.config import ConsoleConfig
from engine.errors import ConfigError
from tests.console.fake_link import FakeLink
from tests.console.pilot import press, toasts
from themes import THEMES

ROOT = Path(__file__).resolve().parents[2]
SGR = re.compile(r"\x1b\[([0-9;]*)m")


def parts(sent: str) -> set[str]:
    """Every kind of SGR that sets a colour: its first number, with the second of 38 and 48."""
    found = set()
    for sequence in SGR.findall(sent):
        numbers = sequence.split(";")
        while numbers:
            number = numbers.pop(0)
            if number in ("38", "48"):
                kind = numbers.pop(0)
                del numbers[: 3 if kind == "2" else 1]
                found.add(f"{number};{kind}")
            elif number and (30 <= int(number) <= 49 or int(number) >= 90):
                found.add(number)
    return found


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Colours.TRUE),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, Colours.TRUE),
        ({"TERM": "xterm-direct"}, Colours.TRUE),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, Colours.EIGHT_BIT),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "0"}, Colours.NONE),
        ({"TERM": "screen-256color-bce"}, Colours.EIGHT_BIT),
        ({"TERM": "screen", "COLORTERM": "truecolor", "STY": "1.pts-0"}, Colours.SIXTEEN),
        ({"TERM": "screen", "COLORTERM": "truecolor", "TMUX": "/tmp/x,1,0"}, Colours.TRUE),
        ({"TERM": "xterm"}, Colours.SIXTEEN),
        ({"TERM": "linux"}, Colours.SIXTEEN),
        ({"TERM": "tmux"}, Colours.SIXTEEN),
        ({"TERM": "vt100"}, Colours.NONE),
        ({}, Colours.NONE),
    ],
)
def test_what_the_terminal_says(environ: dict[str, str], colours: Colours) -> None:
    assert colours_of("auto", environ) is colours
    for setting in Colours:
        assert colours_of(setting.value, environ) is setting, "what is set decides"


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "de_DE.utf8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, True),
        ({"LANG": "de_DE@euro"}, False),
        ({"LANG": "x.nonsense"}, False),
    ],
)
def test_letters(environ: dict[str, str], plain: bool) -> None:
    assert ascii_only("auto", environ) is plain
    assert ascii_only("on", environ) and not ascii_only("off", environ)


def test_every_glyph_keeps_its_cells() -> None:
    assert in_ascii("▲+1 ▼-1 ● ✗ ~ │ ▶ …") == "^+1 v-1 * x ~ | > ."
    assert in_ascii("╭─ 2 ─╮") == "+- 2 -+"
    assert in_ascii("é漢̈⠿⠁") == "e??+."
    assert in_ascii("❚❚ 4× ▔▔▔ ••• ±2σ") == "|| 4x --- *** ~2s"
    assert in_ascii("a ≠ b ≯ c") == "a ? b ? c"
    assert in_ascii("½ 10² ①\u00a0Å") == "? 10? ? A", "no other number than it is"
    assert in_ascii("[…5326] 12… against…") == r"[\5326] 12\ against.", "a cut number is no other number"
    segment = Segment("▁▂▃▄▅▆▇█", Style(bold=True))
    assert AsciiFilter().apply([segment], ScreenColor(0, 0, 0)) == [Segment("__.-=+*#", Style(bold=True))]


def test_conversions_keep_what_a_click_means() -> None:
    style = Style(color="#ff0000", bgcolor="#fe0101", bold=True, meta={"option": 3})
    bare = without_colours(style)
    assert (bare.color, bare.bgcolor, bare.bold, bare.meta) == (None, None, True, {"option": 3})
    small = in_sixteen(style)
    assert small.color and small.bgcolor and small.color.number != small.bgcolor.number
    assert small.meta == {"option": 3}
    control = Segment("x", None)
    assert StyleFilter(in_sixteen).apply([control], ScreenColor(0, 0, 0)) == [control]


def test_looks(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "mine"\n[colours]\nmuted = "#303030"\n')
    (tmp_path / "b.toml").write_text("nmae = 3\n")
    config = ConsoleConfig(up="red", colours="16", ascii="on")
    looks = looks_of(config, "mine", tmp_path, {})
    assert (looks.theme, looks.colours, looks.ascii, looks.red_up) == ("mine", Colours.SIXTEEN, True, True)
    assert [own.theme.name for own in looks.own] == ["mine"]
    assert ["did you mean name" in looks.warnings[0], "hard to read" in looks.warnings[1]] == [True, True]
    assert len(looks_of(config, "tickdesk-dark", tmp_path, {}).warnings) == 1
    with pytest.raises(ConfigError, match=r"no theme mien is not known; did you mean mine\?; theme b\.toml"):
        looks_of(config, "mien", tmp_path, {})


async def test_few_colours_are_sent_and_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One run of the console for each number of colours."""
    sent: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda self, data: sent.append(data))
    monkeypatch.setattr(HeadlessDriver, "is_headless", False)  # else nothing is written
    (tmp_path / "a.toml").write_text(
        'name = "mine"\nbase = "tickdesk-light"\n[colours]\nsurface = "#fdf6e3"\n'
    )
    (tmp_path / "b.toml").write_text("nmae = 3\n")
    names = [*THEMES, "mine"]
    basic = {str(n) for n in (*range(30, 38), *range(40, 48), *range(90, 98))}
    for colours, allowed in (
        (Colours.NONE, set()),
        (Colours.SIXTEEN, basic),
        (Colours.EIGHT_BIT, {"38;5", "48;5"}),
    ):
        looks = looks_of(ConsoleConfig(colours=colours.value), "tickdesk-dark", tmp_path, {})
        app = DeskApp(FakeLink(), frames_per_s=0.5, looks=looks)
        async with app.run_test(size=(80, 24)) as pilot:
            sent.clear()
            await pilot.pause()
            app.paint()
            assert any("theme b.toml: nmae is not known" in toast for toast in toasts(app))
            await press(pilot, "X")  # a dialog, and what is seen around it
            await press(pilot, "escape")
            if colours is Colours.NONE:
                await press(pilot, "t")
                assert app.theme == names[0] and "one theme" in toasts(app)[-1]
            for name in names[1:3] if colours is Colours.SIXTEEN else ():
                await press(pilot, "t")
                assert app.theme == name and "for this time only" in toasts(app)[-1]
        drawn = "".join(sent)
        assert parts(drawn) <= allowed and bool(parts(drawn)) is bool(allowed), colours
        assert "\x1b[" in drawn and "SOL-USD" in drawn


CHILD = """
import os, sys
from pathlib import Path
from console import app
from console.themes import looks_of
from engine.config import ConsoleConfig
from tests.console.fake_link import FakeLink
sys.exit(app.run(FakeLink(), looks=looks_of(ConsoleConfig(), "tickdesk-dark", Path("/nowhere"), os.environ)))
"""


def on_a_terminal(**environ: str) -> tuple[bytes, bytes]:
    """What a terminal of 80×24 is sent until a key is pressed, and until the desk is left."""
    master, slave = pty.openpty()
    unset = ("NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
        env={
            **{name: value for name, value in os.environ.items() if name not in unset},
            "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "24", **environ,
        },
    )  # fmt: skip
    os.close(slave)
    first, seen, deadline, keys = b"", b"", time.monotonic() + 30, [(b"leave", b"q"), (b"etach", b"\r")]
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 65536)
                except OSError:
                    break
            if keys and keys[0][0] in seen:
                first = first or seen
                os.write(master, keys.pop(0)[1])
        assert child.wait(timeout=5) == 0
    finally:
        child.kill()
        os.close(master)
    return first, seen


@pytest.mark.pty
def test_a_terminal_without_colours_is_sent_none_and_still_shows_what_is_selected() -> None:
    first, seen = on_a_terminal(NO_COLOR="1", TERM="xterm-256color", COLORTERM="truecolor", LANG="C")
    assert parts(seen.decode()) == set() and seen.isascii()
    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(re.sub(rb"\x1b\[[<>][0-9]*u", b"", first))
    rows = {line.split()[0]: screen.buffer[y] for y, line in enumerate(screen.display) if line.strip()}
    assert all(rows["ADA-USD"][x].reverse for x in range(20)), "the cursor's line"
    assert not rows["SOL-USD"][0].reverse
    assert rows["PAPER"][2].reverse and rows["PAPER"][2].bold, "the badge of the mode"
    assert rows[">1"][1].reverse and not rows[">1"][30].reverse, "the tab of the pane with the focus"
