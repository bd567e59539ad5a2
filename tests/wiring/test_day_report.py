"""The report of a day, from a database that a store wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from engine.config import AccountConfig, load
from engine.errors import StoreError
from engine.events import (
    NS,
    Amendment,
    Blend,
    BlendInput,
    ChangeKind,
    Family,
    FeatureRow,
    Fill,
    Funding,
    JournalEvent,
    LimitChange,
    Opportunity,
    OrderChange,
    OrderEvent,
    OrderRequest,
    OrderState,
    OrderType,
    Purpose,
    RiskChange,
    RiskState,
    Side,
    Verdict,
)
from engine.portfolio.counted_from import COUNTED
from engine.portfolio.day import LEDGER_DAY
from engine.portfolio.report.html import as_html
from engine.portfolio.report.text import as_text
from engine.store.read import DATABASE
from engine.store.rows import EquityPoint, PositionPoint
from engine.store.store import Store
from engine.wiring.daily_reports import DailyReports
from engine.wiring.day_report import DAY_NS, begin_of, day_report
from engine.wiring.report_files import FOLDER, Request, make, report_path

D = Decimal
DAY = date(2025, 3, 4)
T0 = begin_of(DAY)
HOUR = 3600 * NS
A, EVIL = "sim:A-USD", 'sim:<script>alert("x")</script>'
ACCOUNT = AccountConfig(starting_cash=10_000.0)
NOW = T0 + 40 * HOUR


def order(
    n: int, symbol: str, side: Side, quantity: str, ns: int, opportunity: str = "", *sources: str
) -> list[JournalEvent]:
    """How an order begins."""
    purpose = Purpose.ENTRY if sources else Purpose.STOP_LOSS
    identity = f"td-{n}"
    request = OrderRequest(
        *(identity, symbol, side, OrderType.MARKET, D(quantity), purpose, not sources, ns, 100.0),
        opportunity_id=opportunity,
        sources=sources,
    )
    verdict = Verdict(identity, symbol, True, "", "", (), ns)
    return [
        OrderEvent(identity, symbol, OrderState.INITIALIZED, "", ns, request),
        OrderEvent(identity, symbol, OrderState.SUBMITTED, "", ns, None, verdict),
    ]


def fill(n: int, symbol: str, side: Side, quantity: str, price: str, ns: int) -> Fill:
    return Fill(f"tx-{n}", f"td-{n}", symbol, side, D(quantity), D(price), D(1), "taker", 100.0, ns, "USD")


def opportunity(identity: str, ns: int) -> Opportunity:
    inputs = tuple(
        BlendInput(source, Family.TECHNICAL, 0.5, 0.5, 0, 0.5, part, "")
        for source, part in (("trend", 0.3), ("<b>speed</b>", 0.1), ("against", -0.2))
    )
    row = msgspec.convert(
        dict.fromkeys(FeatureRow.__struct_fields__, 0.0) | {"symbol": A, "ns": ns},
        FeatureRow,
        strict=False,
    )
    blend = Blend(A, ns, 0.5, 0.5, 1.0, inputs, ())
    return Opportunity(
        *(identity, A, Side.BUY, 0.5, 0.5, 100.0, ("trend",), "up", ns, ns + NS, 0), blend=blend, features=row
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """The day before: bought 2 A at 100. The day: sold them at 110 and bought 1 at 120, marked at 121."""
    store = Store(tmp_path / DATABASE)
    store.start()
    before = T0 - 2 * HOUR
    store.behind(opportunity("op-1", before))
    store.commit_now(
        [*order(1, A, Side.BUY, "2", before, "op-1", "trend"), fill(1, A, Side.BUY, "2", "100", before)]
    )
    store.behind(EquityPoint(before, "9999", "9799", "0"))
    store.behind(PositionPoint(before, A, "2", "100", "101", "2", "0"))
    nine = T0 + 9 * HOUR
    denied = Verdict("td-5", A, False, "STALE_DATA", "4 s", (), nine)
    store.commit_now(
        [
            Funding("fu-1", A, D("-0.5"), "USD", 0.0001, T0 + HOUR),
            *order(2, A, Side.SELL, "2", nine),
            fill(2, A, Side.SELL, "2", "110", nine),
            *order(3, A, Side.BUY, "1", nine + 1, "", "trend", "model"),
            fill(3, A, Side.BUY, "1", "120", nine + 2),
            order(4, EVIL, Side.BUY, "1", nine + 3, "", "trend")[0],
            OrderEvent("td-4", EVIL, OrderState.SUBMITTED, "", nine + 3, None, denied),
            OrderEvent("td-4", EVIL, OrderState.REJECTED, "<i>no</i>", nine + 4),
            order(5, A, Side.BUY, "1", nine + 5, "", "trend")[0],
            OrderEvent("td-5", A, OrderState.DENIED, "STALE_DATA 4 s", nine + 5, None, denied),
            LimitChange("desk", "max_gross_pct", "100", "50", "<u>me</u>", nine + 6),
            RiskChange(RiskState.HALTED, RiskState.ACTIVE, "<script>", "risk", nine + 7),
        ]
    )
    for hour, equity in ((10, "10020"), (11, "9919.8"), (12, "10018")):
        store.behind(EquityPoint(T0 + hour * HOUR, equity, "0", "0"))
    store.behind(PositionPoint(nine + 3, A, "1", "120", "121", "1", "20"))
    after = T0 + 30 * HOUR
    store.commit_now([*order(6, A, Side.SELL, "1", after), fill(6, A, Side.SELL, "1", "500", after)])
    store.behind(EquityPoint(after, "10395", "0", "0"))
    assert store.close()
    yield tmp_path


def test_by_hand(state_dir: Path) -> None:
    report = day_report(state_dir, DAY, ACCOUNT, NOW)
    assert (report.day, report.whole, report.currency) == ("2025-03-04", True, "USD")
    assert (report.equity_start, report.equity_end) == ("10001.00", "10017.50")
    desk = report.desk
    assert (desk.realized, desk.unrealized, desk.fees, desk.funding) == ("20.00", "-1.00", "2.00", "-0.50")
    assert desk.net == "16.50" and report.return_pct == pytest.approx(16.5 / 10_001 * 100)
    assert [(one.name, one.net) for one in report.strategies] == [("trend", "16.50"), ("model", "0.00")]
    assert (report.fills, report.traded, report.trips, report.hit_rate) == (2, "340.00", 1, 1.0)
    assert [(one.name, one.net, one.trips) for one in report.sources] == [
        ("trend", "13.12", 1),
        ("<b>speed</b>", "4.38", 1),
    ]
    (trade,) = report.trades
    assert (trade.entry, trade.exit, trade.net, trade.purpose) == ("100", "110", "17.50", "stop_loss")
    assert (trade.strategies, trade.opportunity_id, trade.side) == (("trend",), "op-1", "buy")
    (held,) = report.positions
    assert (held.symbol, held.quantity, held.entry, held.mark) == (A, "1", "120", "121")
    assert (held.unrealized, held.strategies) == ("1.00", ("trend", "model"))
    assert (report.denied, report.rejected) == ({"STALE_DATA": 1}, 1)
    assert [one.text for one in report.states] == ["ACTIVE → HALTED by risk: <script>"]
    assert [one.text for one in report.limits] == ["max_gross_pct of desk: 100 → 50 by <u>me</u>"]
    assert report.max_drawdown_pct == pytest.approx(1.0)
    assert [point.equity for point in report.curve] == [10_020.0, 9_919.8, 10_018.0]
    whole, entry, stop = sorted(report.slippage, key=lambda one: one.purpose)
    assert (whole.purpose, whole.fills, entry.purpose, entry.bps) == ("", 2, "entry", pytest.approx(2000))
    assert stop.bps == pytest.approx(-1000)
    assert report.exposure_max_pct == pytest.approx(121 / 9919.8 * 100)
    assert any("market impact" in text for text in report.not_modelled)


def test_days_add_up_and_are_of_utc(state_dir: Path) -> None:
    days = [day_report(state_dir, date(2025, 3, day), ACCOUNT, NOW) for day in (3, 4, 5)]
    assert [report.desk.net for report in days] == ["1.00", "16.50", "378.00"]
    assert days[0].equity_start == "10000.00" and days[2].equity_end == "10395.50"
    assert all(a.equity_end == b.equity_start for a, b in pairwise(days))
    assert [report.whole for report in days] == [True, True, False]
    assert days[2].positions == () and days[2].limits == ()


def test_the_day_s_deepest_fall_counts_from_its_begin_to_its_end(tmp_path: Path) -> None:
    """Bought 10 at 100 the day before; the first point is after a fall, the last before another."""
    store = Store(tmp_path / DATABASE)
    store.start()
    before = T0 - 2 * HOUR
    store.commit_now([*order(1, A, Side.BUY, "10", before), fill(1, A, Side.BUY, "10", "100", before)])
    store.behind(PositionPoint(before, A, "10", "100", "100", "0", "0"))
    for hour, equity, mark in ((9, "9899", "90"), (10, "9909", "91")):
        store.behind(EquityPoint(T0 + hour * HOUR, equity, "0", "0"))
        store.behind(PositionPoint(T0 + hour * HOUR, A, "10", "100", mark, "0", "0"))
    assert store.close()
    report = day_report(tmp_path, DAY, ACCOUNT, NOW)
    assert (report.equity_start, report.equity_end) == ("9999.00", "9909.00")
    assert [point.drawdown_pct for point in report.curve] == pytest.approx([100 / 99.99, 90 / 99.99])
    assert report.max_drawdown_pct == pytest.approx(100 / 99.99)

    store = Store(tmp_path / DATABASE)
    store.start()
    store.behind(PositionPoint(T0 + 11 * HOUR, A, "10", "100", "80", "0", "0"))
    assert store.close()
    report = day_report(tmp_path, DAY, ACCOUNT, NOW)
    assert report.equity_end == "9799.00"
    assert report.max_drawdown_pct == pytest.approx(200 / 99.99)


def test_a_day_without_anything(state_dir: Path) -> None:
    report = day_report(state_dir, date(2025, 1, 1), ACCOUNT, NOW)
    assert (report.desk.net, report.fills, report.trades, report.curve) == ("0.00", 0, (), ())
    assert report.max_drawdown_pct is None and report.hit_rate is None
    assert "Round trips" in as_text(report) and "<svg" not in as_html(report)


def test_what_a_clock_that_was_ahead_has_dated_was_before_what_follows(tmp_path: Path) -> None:
    """Bought 2 by a clock that was three days ahead, sold on the day; then by one that was ahead again."""
    store = Store(tmp_path / DATABASE)
    store.start()
    ahead, nine = T0 + 3 * DAY_NS, T0 + 9 * HOUR
    for n, side, price, ns in (
        (1, Side.BUY, "100", ahead),
        (2, Side.SELL, "110", nine),
        (3, Side.BUY, "110", ahead + HOUR),
    ):
        store.commit_now([*order(n, A, side, "2", ns, "", "trend"), fill(n, A, side, "2", price, ns)])
    assert store.close()
    so_far = day_report(tmp_path, DAY, ACCOUNT, nine + HOUR)
    assert (so_far.equity_start, so_far.equity_end, so_far.fills) == ("9999.00", "10017.00", 2)
    over = day_report(tmp_path, DAY, ACCOUNT, NOW)
    assert (over.equity_start, over.equity_end, over.fills) == ("9999.00", "10018.00", 1)
    assert day_report(tmp_path, date(2025, 3, 3), ACCOUNT, NOW).equity_end == "10000.00"


def test_a_day_that_a_clock_was_ahead_to_begins_as_the_one_before_has_ended(tmp_path: Path) -> None:
    """Nothing of before is counted again once the date comes that a clock had been set to."""
    store = Store(tmp_path / DATABASE)
    store.start()
    for n, side, price, ns in (
        (1, Side.BUY, "100", T0 + DAY_NS + HOUR),
        (2, Side.SELL, "110", T0 + 9 * HOUR),
        (3, Side.BUY, "100", T0 + DAY_NS + 9 * HOUR),
    ):
        store.commit_now([*order(n, A, side, "2", ns, "", "trend"), fill(n, A, side, "2", price, ns)])
    assert store.close()
    first = day_report(tmp_path, DAY, ACCOUNT, T0 + 9 * DAY_NS)
    second = day_report(tmp_path, date(2025, 3, 5), ACCOUNT, T0 + 9 * DAY_NS)
    assert (first.equity_start, first.equity_end, first.fills) == ("9999.00", "10018.00", 1)
    assert (second.equity_start, second.equity_end, second.fills) == ("10018.00", "10017.00", 1)


def test_an_order_that_grew_keeps_its_strategy(tmp_path: Path) -> None:
    store = Store(tmp_path / DATABASE)
    store.start()
    fills = [
        msgspec.structs.replace(fill(1, A, Side.BUY, "1", "100", T0 + n), trade_id=f"tx-{n}")
        for n in (1, 2, 3)
    ]
    accepted = OrderEvent("td-1", A, OrderState.ACCEPTED, "", T0)
    grown = OrderChange("td-1", A, ChangeKind.UPDATED, "its parent filled", T0 + 1, Amendment(quantity=D(3)))
    store.commit_now([*order(1, A, Side.BUY, "1.5", T0, "", "trend"), accepted, fills[0], grown, *fills[1:]])
    assert store.close()
    report = day_report(tmp_path, DAY, ACCOUNT, NOW)
    assert [(one.name, one.fees) for one in report.strategies] == [("trend", "3.00")]
    assert not any("manual" in note for note in report.notes)


def keep_day(state_dir: Path, **told: object) -> None:
    store = Store(state_dir / DATABASE)
    store.start()
    store.put_setting(
        LEDGER_DAY, {"day": 1, "start_equity": "", "peak_equity": "1", "starting_cash": "10000.0", **told}
    )
    assert store.close()


def test_a_configuration_that_is_another_desks_tells_no_wrong_money(state_dir: Path) -> None:
    keep_day(state_dir, currency="EUR")
    with pytest.raises(StoreError, match=r"counts in EUR, not in USD: give its --config$"):
        day_report(state_dir, DAY, ACCOUNT, NOW)


@pytest.mark.parametrize("configured", [10_000.0, 100_000.0])
def test_the_account_began_with_what_the_desk_counted_from(state_dir: Path, configured: float) -> None:
    expected = day_report(state_dir, DAY, ACCOUNT, NOW)
    keep_day(state_dir, currency="USD")
    assert day_report(state_dir, DAY, AccountConfig(starting_cash=configured), NOW) == expected


def keep_counted(state_dir: Path, *known: tuple[int, str]) -> None:
    store = Store(state_dir / DATABASE)
    store.start()
    store.put_setting(COUNTED, [{"since_ns": ns, "cash": cash, "currency": "USD"} for ns, cash in known])
    assert store.close()


def test_cash_that_was_configured_anew_within_the_day_is_no_drawdown(state_dir: Path) -> None:
    keep_counted(state_dir, (0, "10100"), (T0 + 11 * HOUR, "10000"))
    report = day_report(state_dir, DAY, ACCOUNT, NOW)
    assert [point.equity for point in report.curve] == [9_920.0, 9_919.8, 10_018.0]
    assert report.curve[1].drawdown_pct == pytest.approx(report.max_drawdown_pct)
    assert report.max_drawdown_pct == pytest.approx((10_001 - 9_919.8) / 10_001 * 100)  # from the day's begin


@pytest.mark.parametrize("cash", ["", "NaN", "x"])
def test_cash_that_is_none_is_not_counted_from(state_dir: Path, cash: str) -> None:
    expected = day_report(state_dir, DAY, ACCOUNT, NOW)
    keep_counted(state_dir, (0, cash))
    assert day_report(state_dir, DAY, ACCOUNT, NOW) == expected


@pytest.mark.parametrize("cash", ["", "NaN", "inf", "-5", "x"])
def test_what_was_kept_and_is_no_amount_is_not_believed(state_dir: Path, cash: str) -> None:
    expected = day_report(state_dir, DAY, ACCOUNT, NOW)
    keep_day(state_dir, starting_cash=cash)
    assert day_report(state_dir, DAY, ACCOUNT, NOW) == expected


def test_html_is_one_file_without_anything_active(state_dir: Path) -> None:
    page = as_html(day_report(state_dir, DAY, ACCOUNT, NOW))
    assert "<polyline" in page and "<polygon" in page
    for text in ("<script", "<i>", "<u>", "<b>", "http", "src=", "href=", "url(", "@import", "javascript:"):
        assert text not in page.replace("http-equiv", ""), text
    assert "&lt;b&gt;speed&lt;/b&gt;" in page and "ACTIVE → HALTED by risk: &lt;script&gt;" in page


def test_text_is_for_people(state_dir: Path) -> None:
    told = as_text(day_report(state_dir, DAY, ACCOUNT, NOW))
    assert told.startswith("tickdesk 2025-03-04 (UTC)\n")
    assert "16.50 USD (0.165 %)" in told and "stop_loss" in told and "STALE_DATA" in told
    assert "market impact" in told


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        day_report(tmp_path, DAY, ACCOUNT, NOW)
    (tmp_path / DATABASE).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match="cannot read the database"):
        day_report(tmp_path, DAY, ACCOUNT, NOW)


def test_files_are_whole_and_private(state_dir: Path) -> None:
    made = make(Request(str(state_dir), DAY.isoformat(), ACCOUNT, NOW))
    path = report_path(state_dir, DAY)
    assert made.path == str(path) and "Net P&L: 16.50 USD" in made.text
    assert sorted(one.name for one in path.parent.iterdir()) == ["2025-03-04.html", "2025-03-04.json"]
    assert path.parent.stat().st_mode & 0o077 == 0 and path.stat().st_mode & 0o077 == 0
    assert json.loads(path.with_suffix(".json").read_text())["desk"]["net"] == "16.50"


# --- by itself ---


class Made:
    """Daily reports of a state directory at a time that a test says."""

    def __init__(self, state_dir: Path, now: datetime, report_at: str = "00:00") -> None:
        self.now_ns = int(now.timestamp()) * NS
        self.alerts: list[tuple[str, str, str]] = []
        self.told: list[tuple[str, str]] = []
        config = load(environ={}, overrides=[f'performance.report_at="{report_at}"'])
        config = msgspec.structs.replace(config, account=ACCOUNT)
        self.reports = DailyReports(
            state_dir,
            config,
            clock=lambda: self.now_ns,
            alert=lambda *news: self.alerts.append(news),
            tell=lambda *news: self.told.append(news),
            look_s=0.01,
        )

    async def until(self, count: int) -> None:
        task = asyncio.create_task(self.reports.run())
        try:
            async with asyncio.timeout(60):
                while len(self.alerts) < count or self.reports._done is None:
                    assert not task.done()
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_the_process_of_a_report_gets_no_secret(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    seen = site / "environment"
    (site / "sitecustomize.py").write_text(
        f"import os, pathlib; pathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))"
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("BROKER_KEY", "only the desk knows this")
    await Made(state_dir, datetime(2025, 3, 5, 0, 1, tzinfo=UTC)).until(2)
    assert "PYTHONPATH" in seen.read_text() and "only the desk" not in seen.read_text()


async def test_missed_reports_are_made_once(state_dir: Path) -> None:
    first = Made(state_dir, datetime(2025, 3, 5, 0, 1, tzinfo=UTC))
    await first.until(2)
    assert [day for day, _ in first.told] == ["2025-03-03", "2025-03-04"]
    assert first.alerts[1] == ("info", "report", f"2025-03-04: {FOLDER}/2025-03-04.html")
    assert "Net P&L: 16.50 USD" in first.told[1][1]
    written = report_path(state_dir, DAY).stat().st_mtime_ns
    again = Made(state_dir, datetime(2025, 3, 6, 0, 1, tzinfo=UTC))
    await again.until(1)
    assert [day for day, _ in again.told] == ["2025-03-05"]
    assert report_path(state_dir, DAY).stat().st_mtime_ns == written


async def test_at_the_time_that_is_configured(state_dir: Path) -> None:
    made = Made(state_dir, datetime(2025, 3, 5, 6, 29, tzinfo=UTC), "06:30")
    await made.until(1)
    assert [day for day, _ in made.told] == ["2025-03-03"]
    made.now_ns += 60 * NS
    made.reports._done = date(2025, 3, 3)
    await made.until(2)
    assert [day for day, _ in made.told] == ["2025-03-03", "2025-03-04"]


async def test_older_than_a_week_is_left(state_dir: Path) -> None:
    made = Made(state_dir, datetime(2025, 3, 12, 0, 1, tzinfo=UTC))
    await made.until(1)
    assert [day for day, _ in made.told] == ["2025-03-05"]


async def test_a_report_that_cannot_be_made_is_told_once(state_dir: Path) -> None:
    (state_dir / FOLDER).write_text("in the way")
    made = Made(state_dir, datetime(2025, 3, 6, 0, 1, tzinfo=UTC))
    await made.until(3)
    assert [level for level, _, _ in made.alerts] == ["error"] * 3 and not made.told
    assert made.alerts[0][2].startswith("no report of 2025-03-03: ")


def test_the_day_is_of_utc() -> None:
    assert begin_of(date(1970, 1, 2)) == DAY_NS
