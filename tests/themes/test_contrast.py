"""Every ink can be read on every surface: by the formula of WCAG, in as many colours as a terminal has."""

from __future__ import annotations

import itertools
import math

import pytest
from rich._palettes import EIGHT_BIT_PALETTE, STANDARD_PALETTE
from rich.color import Color as TerminalColour
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from console.filters import in_eight_bit, in_sixteen
from themes import TEXT_STYLES, THEMES, eight_bit, next_theme, sixteen, swapped
from themes.contrast import AA, AAA, BADGES, INKS, MARK, SURFACES, colour_of, contrast, pairs, worst

SIMULATED = {
    # Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB.
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}  # fmt: skip
Lab = tuple[float, float, float]


def lab(colour: str, deficiency: str) -> Lab:
    """CIELAB (D65) of ``colour`` as it is seen."""
    channels = Color.parse(colour).normalized
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    seen = [sum(m * c for m, c in zip(row, linear, strict=True)) for row in SIMULATED[deficiency]]
    r, g, b = (min(max(c, 0.0), 1.0) for c in seen)
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883
    fx, fy, fz = (v ** (1 / 3) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def apart(theme: Theme, one: str, other: str, deficiency: str = "none") -> float:
    """CIE ΔE (1976): 2.3 is just noticed side by side."""
    return math.dist(*(lab(colour_of(theme, key), deficiency) for key in (one, other)))


def test_the_formula() -> None:
    assert contrast(Color.parse("#ffffff"), Color.parse("#000000")) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color.parse("#ffffff")) == pytest.approx(4.48, abs=0.01)
    assert lab("#ff0000", "none") == pytest.approx((53.24, 80.09, 67.20), abs=0.1)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
class TestEveryTheme:
    def test_every_ink_on_every_surface_is_aa(self, theme: Theme) -> None:
        assert len(list(pairs(theme))) == len(INKS) * len(SURFACES) + len(BADGES)
        assert worst(theme).ratio >= (AAA if theme.name == "tickdesk-contrast" else AA), worst(theme)

    def test_the_focused_pane_is_seen(self, theme: Theme) -> None:
        for surface in ("background", "surface"):
            colours = (Color.parse(colour_of(theme, key)) for key in ("rule-focus", surface))
            assert contrast(*colours) >= MARK
        assert apart(theme, "rule", "rule-focus") > 20

    def test_the_cursors_line_is_seen(self, theme: Theme) -> None:
        for line in ("cursor", "cursor-idle"):
            marked = theme.variables.get(f"style-{line}", "none") != "none"
            assert marked or apart(theme, line, "surface") > 5, line
        assert theme.variables.get("style-cursor") or apart(theme, "cursor", "cursor-idle") > 7

    def test_it_knows_our_variables_and_no_others(self, theme: Theme) -> None:
        colours = set(THEMES["tickdesk-dark"].variables)
        assert colours <= theme.variables.keys() | TEXT_STYLES.keys()
        ours = {key for key in theme.variables if not key.startswith(("block-cursor", "button-"))}
        assert ours - colours <= TEXT_STYLES.keys()

    def test_red_up_swaps_the_two_inks_alone(self, theme: Theme) -> None:
        turned = swapped(theme)
        assert colour_of(turned, "price-up") == colour_of(theme, "price-down")
        assert colour_of(turned, "price-down") == colour_of(theme, "price-up")
        assert turned.variables.get("style-up", "none") == theme.variables.get("style-down", "none")
        assert swapped(turned).variables == {**theme.variables, **swapped(turned).variables}
        assert swapped(turned).variables.items() >= theme.variables.items()
        assert worst(turned).ratio == worst(theme).ratio

    def test_nothing_vanishes_in_sixteen_colours(self, theme: Theme) -> None:
        small = sixteen.in_sixteen(theme, theme.name)
        standard = {colour.hex for colour in map(STANDARD_PALETTE.__getitem__, range(16))}
        assert {colour_of(small, key) for key in (*INKS, *SURFACES, "rule", "rule-focus")} <= standard
        drawn = itertools.chain(
            itertools.product(INKS, SURFACES), (("badge-ink", surface) for surface in BADGES)
        )
        for ink, surface in drawn:
            style = in_sixteen(style_of(small, ink, surface))
            assert style.color and style.bgcolor and style.bgcolor.number is not None
            assert style.color.number != style.bgcolor.number, (ink, surface)
            assert style.bgcolor.number < 8, "a Linux console has eight for surfaces"
            seen = (STANDARD_PALETTE[n] for n in (style.color.number, style.bgcolor.number))
            least = 3.9 if ink == "badge-ink" else 2.2
            assert contrast(*(Color(*triplet) for triplet in seen)) > least, (ink, surface)
        for line in ("cursor", "cursor-idle"):
            marked = small.variables.get(f"style-{line}", "none") != "none"
            assert marked or colour_of(small, line) != colour_of(small, "surface")

    def test_a_theme_that_has_no_sixteen_of_its_own_wears_those_of_its_kind(self, theme: Theme) -> None:
        small = sixteen.in_sixteen(theme, "one-more")
        kin = sixteen.in_sixteen(theme, "tickdesk-dark" if theme.dark else "tickdesk-light")
        assert small.variables == kin.variables and small.background == kin.background

    def test_256_colours_are_enough(self, theme: Theme) -> None:
        small, lines = eight_bit.in_eight_bit(theme), {}
        for ink, surface in itertools.product(INKS, SURFACES):
            style = in_eight_bit(style_of(small, ink, surface))
            assert style.color and style.bgcolor
            numbers = [style.color.number, style.bgcolor.number]
            assert all(number is not None and number >= 16 for number in numbers)
            seen = (Color(*EIGHT_BIT_PALETTE[number or 0]) for number in numbers)
            least = AA if theme.name != "tickdesk-contrast" else AAA
            if "dim" not in str(theme.variables.get(f"style-{ink}")):
                assert contrast(*seen) >= least, (ink, surface)
            lines[surface] = numbers[1]
        if "style-cursor" not in theme.variables:
            assert len({lines["surface"], lines["cursor"], lines["cursor-idle"]}) == 3
            assert apart(small, "cursor", "surface") > 10


def style_of(theme: Theme, ink: str, surface: str) -> Style:
    return Style(
        color=TerminalColour.parse(colour_of(theme, ink)),
        bgcolor=TerminalColour.parse(colour_of(theme, surface)),
    )


@pytest.mark.parametrize("deficiency", SIMULATED)
def test_blue_and_orange_are_apart_for_every_eye(deficiency: str) -> None:
    theme = THEMES["tickdesk-colour-blind"]
    for one, other in itertools.combinations(("price-up", "price-down", "price-flat"), 2):
        assert apart(theme, one, other, deficiency) > 35, (one, other)
    for one, other in itertools.combinations(("success", "warning", "error"), 2):
        assert apart(theme, one, other, deficiency) > 15, (one, other)
    assert apart(theme, "success", "error", deficiency) > 35


def test_the_simulation_tells_red_and_green_alike() -> None:
    """Else the test above would show nothing."""
    green, red = (Theme("t", "#000000", variables={"a": "#30a030", "b": "#a07a00"}),) * 2
    assert apart(green, "a", "b") > 45 > 25 > apart(red, "a", "b", "deuteranopia")


def test_monochrome_has_no_hue_and_says_it_otherwise() -> None:
    theme = THEMES["tickdesk-mono"]
    for key in (*INKS, *SURFACES, "rule", "rule-focus", "badge-ink", "secondary"):
        assert len(set(Color.parse(colour_of(theme, key)).rgb)) == 1, key
    for group in (("up", "down", "flat"), ("good", "warn", "bad"), ("cursor", "cursor-idle")):
        styles = [{**TEXT_STYLES, **theme.variables}[f"style-{name}"] for name in group]
        assert len(set(styles)) == len(styles), group


def test_the_key_walks_round() -> None:
    names = [*THEMES, "mine"]
    walked = names[:1]
    while len(walked) <= len(names):
        walked.append(next_theme(walked[-1], names))
    assert walked == [*names, names[0]]
    assert next_theme("gone", names) == names[0]
