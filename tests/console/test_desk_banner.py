"""What stands across the screen, and what is of the past at once."""

from __future__ import annotations

import pytest

from console.link_protocol import LinkState
from console.screens.desk_banner import Said, banner, past_words
from console.view import DeskView
from engine.events import NS
from tests.console import sample_desk


@pytest.mark.parametrize("away", [LinkState.LOST, LinkState.ENGINE_GONE])
def test_what_is_shown_ages_from_the_moment_the_link_is_away(away: LinkState) -> None:
    now = 100.0
    view = DeskView(lambda: now)
    view.merge(sample_desk.full_frame())
    assert view.status is not None
    then = view.now_ns
    now += 1.0
    assert (view.now_ns, view.is_past) == (then, False), "a frame may come late"
    view.set_link(away, "")
    assert (view.now_ns - then, view.is_past) == (NS, True)


def test_without_an_engine_it_is_said_what_stays_open() -> None:
    view = DeskView()
    view.merge(sample_desk.full_frame())
    view.set_link(LinkState.ENGINE_GONE, "it was stopped: q leaves")
    held = len(view.positions)
    assert held > 1 and f"stopped: q leaves · {held} positions stay open and nothing" in past_words(view)
    view.positions = dict(list(view.positions.items())[:1])
    assert "1 position stays open and nothing watches its stops" in past_words(view)
    view.positions.clear()
    assert "open" not in past_words(view)


def test_an_engine_that_only_watches_says_so_as_long_as_it_runs() -> None:
    view = DeskView()
    view.merge(sample_desk.full_frame())
    assert banner(view, Said())[0] == ""
    view.merge(sample_desk.full_frame(hands_off=True))
    held = f"{len(view.positions)} positions stay open and nothing watches their stops"
    assert banner(view, Said()) == (
        f"HANDS OFF · this engine begins nothing by itself · {held}",
        "badge-warn",
    )
    view.set_link(LinkState.ENGINE_GONE, "")
    assert "HANDS OFF" not in banner(view, Said())[0]


def test_a_receipt_is_seen_on_a_frozen_display_and_on_a_small_one() -> None:
    view = DeskView()
    view.merge(sample_desk.full_frame())
    receipt = "FLATTEN: canceled 4/4, closed 3/3, verified flat in 1.2 s"
    assert banner(view, Said(receipt=receipt, too_small=True)) == (f"{receipt} · Esc closes", "badge-good")
    told = banner(view, Said(receipt=receipt, frozen=True))[0]
    assert told == f"DISPLAY FROZEN · {receipt} · Esc closes"
    assert banner(view, Said(notice="HALT NOT CONFIRMED", frozen=True))[0].startswith("DISPLAY FROZEN · HALT")
    view.set_link(LinkState.LOST, "")
    assert banner(view, Said(frozen=True))[0].startswith("DISPLAY FROZEN · LINK LOST")
