"""A user's theme: what it may say, and one line for what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from themes import THEMES
from themes.contrast import colour_of
from themes.own import MOST_BYTES, read_theme, read_themes


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_it_changes_what_it_says_and_no_more(tmp_path: Path) -> None:
    own = read_theme(
        written(
            tmp_path,
            'name = "paper"\nbase = "tickdesk-light"\n'
            '[colours]\nsurface = "#fdf6e3"\nprice-up = "rgb(0,80,40)"\n',
        )
    )
    light = THEMES["tickdesk-light"]
    assert (own.theme.name, own.base, own.warning) == ("paper", "tickdesk-light", "")
    assert own.theme.surface == "#FDF6E3" and colour_of(own.theme, "price-up") == "#005028"
    assert own.theme.background == light.background and not own.theme.dark
    assert light.surface == "#ffffff" and "paper" not in THEMES


def test_the_files_name_and_the_first_theme_stand_in(tmp_path: Path) -> None:
    own = read_theme(written(tmp_path, "", "night.toml"))
    assert (own.theme.name, own.base) == ("night", "tickdesk-dark")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('nmae = "x"', "nmae is not known; did you mean name?"),
        ('[colours]\nprice_up = "#00ff00"', "colours.price_up is not known; did you mean price-up?"),
        ('[colours]\nzzz = "#00ff00"', "there are foreground, muted"),
        (
            '[colours]\naccent = "greenish"',
            "colours.accent: 'greenish' is no colour; write it as \"#rrggbb\"",
        ),
        ("[colours]\naccent = 7", "colours.accent: 7 is no colour"),
        ('[colours]\naccent = "ansi_green"', "is no colour"),
        ('[colours]\naccent = "#11223344"', "is no colour"),
        ('[colours]\naccent = "auto"', "is no colour"),
        ('colours = "red"', "give a table, [colours]"),
        ('base = "tickdesk-drak"', "base: tickdesk-drak is not known; did you mean tickdesk-dark?"),
        ('name = "tickdesk-dark"', "is one of ours"),
        ('name = "Böse Käse"', "give 1 to 30 of a-z, 0-9 and -"),
        ("name = 3", "give 1 to 30 of a-z"),
        ("base = [1]", "base: [1] is not known"),
        ("name = ", "not TOML"),
        ("#" * (MOST_BYTES + 1), f"no theme has more than {MOST_BYTES} bytes"),
    ],
)
def test_one_line_for_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_theme(written(tmp_path, text))
    assert str(error.value).startswith("theme mine.toml: ") and told in str(error.value)
    assert "\n" not in str(error.value)


def test_low_contrast_is_a_warning(tmp_path: Path) -> None:
    own = read_theme(written(tmp_path, '[colours]\nmuted = "#303840"'))
    assert own.warning.startswith("theme mine.toml: muted on cursor is hard to read: contrast 1.")


def test_a_folder_of_good_and_bad_ones(tmp_path: Path) -> None:
    written(tmp_path, 'name = "a"', "1.toml")
    written(tmp_path, 'name = "a"', "2.toml")
    written(tmp_path, "\x00", "3.toml")
    (tmp_path / "4.toml").mkdir()
    (tmp_path / "5.toml").write_bytes(b"\xff\xfe")
    written(tmp_path, "no theme", "6.txt")
    own, wrong = read_themes(tmp_path)
    assert [each.theme.name for each in own] == ["a"]
    assert [line.split(":")[0] for line in wrong] == [f"theme {n}.toml" for n in (2, 3, 4, 5)]
    assert "1.toml has the same name" in wrong[0]
    assert read_themes(tmp_path / "nowhere") == ([], [])
