"""The status bar: mode, risk state and feed are always there, whatever else there is to say."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.protocol import FeedRow, ModelRow
from engine.events import NS
from tests.console import sample_desk as sample
from widgets.cells import width_of
from widgets.lines import Line
from widgets.status import StatusBar, StatusView, status_items

UP = FeedRow("simulated", "up", "", 210.0, 0, 1, 0)


def text(line: Line) -> str:
    return "".join(text for text, _ in line)


def styles(line: Line) -> set[str]:
    return {style for _, style in line}


def view(*feeds: FeedRow, link: str = "up", silent_s: int = 0, **changes: object) -> StatusView:
    return StatusView(sample.status(**changes), feeds or (UP,), sample.models(), link, "", silent_s)  # type: ignore[arg-type]


def feed(*feeds: FeedRow, **changes: object) -> Line:
    return status_items(view(*feeds, **changes)).first[1][1]


def bar(width: int, shown: StatusView) -> tuple[Line, ...]:
    widget = StatusBar()
    widget._view = shown
    return widget.layout_lines(width, 1 if width >= 160 else 2)


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("reason", ["x" * 200, "daily loss " * 18, "lunch"])
def test_a_long_reason_pushes_nothing_away(width: int, reason: str) -> None:
    lines = bar(width, view(risk_state="halted", risk_reason=reason))
    shown = "".join(map(text, lines))
    for part in (" PAPER ", " HALTED ", "FEED ● <1s", "day ▲+12.40", "DD -0.8%", "12:00:07Z"):
        assert part in shown, part
    assert all(width_of(line) <= width for line in lines)
    assert text(lines[-1]).endswith("12:00:07Z") and width_of(lines[-1]) == width - 1
    if width == 120:
        assert reason[:10] in shown, "cut to what is left"


def test_the_reason_takes_the_place_of_the_traffic() -> None:
    shown = view(risk_state="halted", risk_reason="halted from the console")._replace(traffic="link 17 kB/s")
    (line,) = bar(200, shown)
    assert "halted from the console" in text(line) and "link 17" not in text(line)
    (line,) = bar(200, shown._replace(status=sample.status(), models=()))
    assert "link 17 kB/s" in text(line), "how a model does here comes before it"


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("name", ["simulated", "a venue with a name of quite some length"])
def test_the_feed_never_falls(width: int, name: str) -> None:
    down = FeedRow(name, "down", "refused", None, 3, 0, 0)
    first = text(bar(width, view(down, risk_state="halted", risk_reason="y" * 200))[0])
    assert "HALTED" in first and f"FEED ✗ {name[:9]}" in first and "down" in first


def test_a_late_feed_is_not_green_whatever_its_state_says() -> None:
    late = FeedRow("kraken", "up", "", 200_000.0, 0, 1, 0)
    assert text(feed(UP, late)) == "FEED ~ kraken late 3m 1/2 up"
    assert "good" not in styles(feed(UP, late)) and "warn" in styles(feed(UP, late))
    assert text(feed(UP)) == "FEED ● <1s"


@pytest.mark.parametrize("phase", ["starting", "warming up"])
def test_nothing_is_late_before_the_desk_runs(phase: str) -> None:
    down = FeedRow("simulated", "down", "", 180_000.0, 0, 0, 0)
    items = status_items(view(down, phase=phase, stale_symbols=8))
    assert text(items.first[1][1]) == f"FEED ◌ {phase}"
    assert not any("stale" in text(line) for _, line in items.second)
    assert not any("bad" in styles(line) for _, line in (*items.first, *items.second))


def test_without_a_link_only_mode_and_link_are_not_stale() -> None:
    items = status_items(view(link="engine gone", risk_state="halted", risk_reason="lunch"))
    assert items.first[0][1] == ((" PAPER ", "badge"), (" HALTED? ", "stale"))
    assert text(items.first[1][1]) == " LINK ENGINE GONE "
    assert {s for _, line in (*items.first[2:], *items.second) for s in styles(line)} == {"stale"}
    assert items.reason == ("lunch", "stale") and styles(items.clock) == {"stale"}


def test_an_engine_that_sends_nothing_is_told() -> None:
    assert feed(silent_s=3) == ((" no frame for 3 s ", "badge-warn"),)


def test_zero_has_no_minus_and_a_model_from_the_future_no_age() -> None:
    shown = view(drawdown_pct=0.04, daily_loss_pct=0.0)._replace(
        models=(ModelRow("model", "a1", "loaded", sample.NOW_NS + 3600 * NS, "", ""),)
    )
    both = "".join(map(text, bar(120, shown)))
    assert "DD 0.0% loss 0.0/-3.0%" in both and "model a1 –" in both


def test_a_recording_is_told_and_its_end_is_not_overlooked() -> None:
    told = lambda **changes: "".join(map(text, bar(120, view(**changes))))  # noqa: E731
    assert "REC" not in told()
    assert "● REC" in told(recording="on") and "✗ REC ended" in told(recording="failed")


def test_how_long_a_datum_takes_stands_beside_its_age() -> None:
    slow = msgspec.structs.replace(UP, venue="kraken", latency_ms=34.2)
    assert text(feed(UP, slow)) == "FEED ● <1s 34ms"


def test_only_the_market_counts_as_a_feed() -> None:
    redis = FeedRow("redis", "down", "", None, 0, 0, 0, market=False)
    assert text(feed(UP, redis)) == "FEED ● <1s"
    assert text(feed(redis)) == "FEED ✗ redis down"  # nothing else is there to speak of


def test_a_tape_at_its_end_is_neither_down_nor_fresh() -> None:
    ended = FeedRow("binance", "ended", "end of tape", 100.0, 0, 7, 0)
    assert text(feed(ended)) == "FEED ■ binance ended"
    assert not {"bad", "warn"} & set(styles(feed(ended)))


def test_a_clock_that_denies_entries_is_marked() -> None:
    off = msgspec.structs.replace(UP, clock_offset_ms=-834.2 * 86_400_000, clock_off=True)
    assert text(feed(off)) == "FEED ~ simulated clock 834 d off"
    late = msgspec.structs.replace(UP, clock_offset_ms=12_400.0, clock_off=True)
    assert text(feed(late)) == "FEED ~ simulated 12 s behind"
    assert "good" not in styles(feed(off))


def test_what_rests_on_a_stale_price_is_marked() -> None:
    items = status_items(view()._replace(worth_stale=True))
    shown = "  ".join(map(text, (line for _, line in items.first)))
    for figure in ("day ~▲", "DD ~-", "loss ~-", "equity ~"):
        assert figure in shown
    assert "~" not in "".join(map(text, (line for _, line in status_items(view()).first)))


def test_nothing_of_a_silent_engine_is_shown_as_now() -> None:
    items = status_items(view(silent_s=3))
    shown = [cell for _, line in (*items.first, *items.second) for cell in line]
    assert (" no frame for 3 s ", "badge-warn") in shown
    assert any(text.startswith(" ACTIVE?") and style == "stale" for text, style in shown)
    assert {style for text, style in shown if text.strip()} <= {"stale", "badge", "badge-warn"}
    assert all(style == "stale" for _, style in items.clock)


@pytest.mark.parametrize("width", [80, 200])
def test_the_bus_is_told_of_where_there_is_one(width: int) -> None:
    def shown(**changes: object) -> str:
        return "".join(map(text, bar(width, view(**changes)._replace(models=()))))

    assert "BUS" not in shown()
    assert "BUS ✗ nobody has shard 3" in shown(bus="nobody has shard 3", bus_ok=False)
    assert "\x1b" not in shown(bus="\x1b[2J" * 100, bus_ok=False)
    if width == 200:
        assert "BUS ● 4 workers" in shown(bus="4 workers")
