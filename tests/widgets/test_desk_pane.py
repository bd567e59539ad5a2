"""The desk's pane: figures always, the curve and the nearest limits as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.api.trading_protocol import EquityCurve
from tests.console import sample_account as account
from tests.console import sample_desk as sample
from widgets.cells import width_of
from widgets.desk_pane import EQUITY, FUNNEL, LATENCY, RISK, DeskPane, equity_lines
from widgets.equity import with_now
from widgets.funnel_detail import funnel_lines
from widgets.gauges import gauges
from widgets.lines import Line

FOUND = gauges(account.limits(), account.account())


def text(lines: Sequence[Line]) -> str:
    return "\n".join("".join(cell for cell, _ in line) for line in lines)


@pytest.mark.parametrize(("width", "height"), [(40, 4), (52, 8), (73, 14), (78, 19), (198, 44)])
def test_equity_fills_its_place_and_no_more(width: int, height: int) -> None:
    lines = equity_lines(account.curve(), sample.status(), FOUND, width, height)
    assert len(lines) == height
    assert all(width_of(line) <= width for line in lines[: height - 4])
    assert "equity 100,012.40 USD" in text(lines)
    assert ("max_open_orders" in text(lines)) == (height >= 8), "the limit that is nearest"


def test_equity_of_a_stale_price_is_dim_and_marked() -> None:
    found = gauges(account.limits(), account.account(), sample.strategies(), stale=True)
    lines = equity_lines(account.curve(), sample.status(), found, 120, 20, stale=True)
    for figure in ("equity ~100,012.40 USD", "day ~▲", "drawdown ~-", "✗ max_open_orders", "~ daily_loss"):
        assert figure in text(lines)
    assert ("~100,012.40 USD", "stale") in lines[0]
    assert "~" not in text(equity_lines(account.curve(), sample.status(), FOUND, 120, 20))


def test_equity_says_what_is_not_known() -> None:
    said = text(equity_lines(None, sample.status(equity="", day_pnl=""), (), 70, 10))
    assert "equity unknown" in said and "not known yet" in said
    one_point = EquityCurve((1,), (1.0,), (0.0,))
    assert "begins within minutes" in text(equity_lines(one_point, None, FOUND, 70, 10))


def test_the_curve_goes_on_until_now() -> None:
    measured = EquityCurve((1, 2), (100.0, 90.0), (0.0, 10.0))
    assert with_now(measured, 95.0, 3) == EquityCurve((1, 2, 3), (100.0, 90.0, 95.0), (0.0, 10.0, 5.0))
    assert with_now(measured, 120.0, 3).drawdown_pct[-1] == 0.0, "a new high"
    assert with_now(measured, 95.0, 2) is measured and with_now(measured, float("nan"), 3) is measured
    empty = EquityCurve((), (), ())
    assert with_now(empty, 95.0, 3) is empty
    ruined = EquityCurve((1,), (0.0,), (100.0,))
    assert with_now(ruined, 5.0, 2).drawdown_pct[-1] == 0.0 and with_now(ruined, -5.0, 2)


def test_a_tab_needs_what_it_shows_and_nothing_else() -> None:
    pane = DeskPane()
    asked = {}
    for tab in (EQUITY, RISK, LATENCY, FUNNEL):
        pane.go_to(tab)
        asked[tab] = {name for name in ("account", "limits", "curve", "latency") if pane.needs(name)}
    assert asked == {
        EQUITY: {"account", "limits", "curve"},
        RISK: {"account", "limits"},
        LATENCY: {"latency"},
        FUNNEL: set(),
    }


def test_the_funnel_tells_shares_and_what_each_code_means() -> None:
    status = sample.status(drops={**sample.status().drops, "odd:THING": 2, "market:CROSSED": 0})
    said = text(funnel_lines(status.funnel, status.drops, 75))
    stages = [line.split()[0] for line in said.split("\n") if not line.startswith(" ✗")]
    assert stages == list(status.funnel)
    assert "1.6 % of blends" in said and "93.4 % of orders" in said
    assert said.index("STALE_DATA") < said.index("orders "), "above the stage that it did not reach"
    assert "risk: the symbol's data is old or wrong" in said
    assert said.rstrip().endswith("odd") and "CROSSED" not in said
    assert "nothing has come in yet" in text(funnel_lines({}, {}, 75))
