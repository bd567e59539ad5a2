from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from engine.research.report.html import as_html
from engine.research.report.json import as_json
from engine.research.report.not_modelled import not_modelled
from engine.research.report.text import SCREEN, WIDTH, as_screen, as_text
from engine.research.result import Backtest, Rejects, Source
from engine.research.summary import Summary, summarise
from tests.research.made import backtest, charts, held, rejects, trade

HOSTILE = '<script src="http://evil/">&"\'</script>'


class Checked(HTMLParser):
    """What is open must be closed, in order."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.data: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def read(page: str) -> Checked:
    checked = Checked()
    checked.feed(page)
    checked.close()
    assert checked.stack == []
    assert len(set(checked.ids)) == len(checked.ids)
    return checked


@pytest.fixture(scope="module")
def whole() -> tuple[Backtest, Summary]:
    one = backtest(charts=charts(), held=held(), rejects=rejects())
    return one, summarise(one, samples=100, trials=7)


def test_the_page_stands_alone(whole: tuple[Backtest, Summary]) -> None:
    page = as_html(*whole)
    seen = set(read(page).seen)
    assert not seen & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert not re.search(r"https?:|url\(|@import| on[a-z]+=", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg viewBox") >= 3
    assert page.count("aria-labelledby") == page.count('role="img"') == 3


def test_digests_scroll_by_themselves_where_the_page_is_narrow(whole: tuple[Backtest, Summary]) -> None:
    _, again = as_html(*whole).split("<h2>To run it again</h2>")
    assert again.lstrip().startswith('<div class="wide" tabindex="0"><table>')


def test_all_formats_say_the_same(whole: tuple[Backtest, Summary]) -> None:
    one, summary = whole
    text, page = as_text(one, summary), " ".join(read(as_html(one, summary)).data)
    told = msgspec.json.decode(as_json(one, summary))
    flat = " ".join(text.split())
    for expected in (
        *summary.warnings,
        f"{summary.sharpe_low:.2f} to {summary.sharpe_high:.2f}",
        "MAX_POSITION",
        "BELOW_THRESHOLD",
        "golden_cross",
        "high below low",
        "market impact",
        "the spread: bars tell none",
        one.sha256,
        "7 trials",
    ):
        assert expected in page
        assert expected.replace(" ", "") in flat.replace(" - ", " ").replace(" ", "")
    assert told["summary"]["warnings"] == list(summary.warnings)
    assert told["summary"]["trials"] == 7
    assert told["backtest"]["trades"][0]["symbol"] == "AAA"
    assert any("market impact" in line for line in told["not_modelled"])
    assert "the result rests on one symbol: nothing says that it holds for another" in summary.warnings


def test_text_fits_a_terminal() -> None:
    name = "binance_futures:VERY-LONG-NAME-PERP"
    many = tuple(trade(f"{name}{at}", net=1e6 + at, quantity="123.456789012345") for at in range(60))
    data = (Source(name, "a file with quite a long name, as they have.parquet", 10**7, 1, 2, 3600, ""),)
    one = backtest(
        trades=many, data=data, rejects=(Rejects(name, "a reason that is long", 5, "line 7: " + "x" * 90),)
    )
    lines = as_text(one, summarise(one, samples=20)).splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert "Trades (the last 20 of 60)" in lines
    assert "… and 40 more" in lines


def test_text_from_outside_is_escaped() -> None:
    one = backtest(
        data=(Source(HOSTILE, HOSTILE, 1, 1, 2, 60, ""),),
        strategies=(HOSTILE,),
        trades=(trade(HOSTILE, strategies=((HOSTILE, "1"),), sources=((HOSTILE, 1.0),)),),
        rejects=(Rejects(HOSTILE, HOSTILE, 1, HOSTILE),),
        denied={HOSTILE: 1},
        charts=tuple(msgspec.structs.replace(chart, symbol=HOSTILE) for chart in charts()),
    )
    page = as_html(one, summarise(one, samples=0))
    assert "script" not in read(page).seen
    assert "<script" not in page


@pytest.mark.parametrize(
    "others",
    [
        {"trades": (), "deals": (), "funnel": {}, "denied": {}, "dropped": {}},
        {"ns": (), "equity": (), "exposure": (), "benchmark": (), "trades": ()},
        {"equity": (float("nan"),) * 252, "final_equity": "", "realized": "", "unrealized": ""},
        {"benchmark": (), "exposure": ()},
    ],
    ids=["no_trades", "no_curve", "unknown_rate", "no_benchmark"],
)
def test_what_is_not_known_is_left_out(others: dict[str, object]) -> None:
    one = backtest(**others)  # type: ignore[arg-type]
    summary = summarise(one, samples=10)
    read(as_html(one, summary))
    assert "tickdesk backtest: AAA" in as_text(one, summary)
    assert "NaN" not in as_json(one, summary)


def test_the_text_tells_whose_spread_deflates() -> None:
    one = backtest()
    assumed = " ".join(as_text(one, summarise(one, samples=0, trials=9)).split())
    assert "Luck of 9 trials: their Sharpe ratios are not known here" in assumed
    own = " ".join(as_text(one, summarise(one, samples=0, trials=9, trial_sharpes=[0.1, 0.4, None])).split())
    assert "by the spread of their own Sharpe ratios (2 known)" in own
    assert "Luck of" not in as_text(one, summarise(one, samples=0))


def test_on_a_screen_stand_the_warnings_the_headline_and_the_first_trades(
    whole: tuple[Backtest, Summary],
) -> None:
    one, summary = whole[0], msgspec.structs.replace(whole[1], warnings=whole[1].warnings[:2])
    many = msgspec.structs.replace(one, trades=[*one.trades] * 30)
    told = as_screen(many, summary, "all of it is elsewhere")
    lines, flat = told.splitlines(), " ".join(told.split())
    assert all(warning in flat for warning in summary.warnings) and many.sha256 in told
    assert flat.index("WARNINGS") < flat.index("Sharpe ratio") < flat.index("Trades (the first")
    assert len(lines) == SCREEN and max(map(len, lines)) <= WIDTH and lines[-1] == "all of it is elsewhere"
    few = as_screen(one, summary, "all of it is elsewhere")
    assert len(few.splitlines()) < SCREEN and few.splitlines()[:20] == lines[:20]
    assert as_text(one, summary).startswith(few[: few.index("Trades")].rstrip())


def test_adjusted_prices_are_said_to_know_of_later_splits() -> None:
    raw = backtest()
    adjusted = msgspec.structs.replace(raw, data=(msgspec.structs.replace(raw.data[0], adjusted=True),))
    assert any("how high prices stood then" in line for line in not_modelled(adjusted))
    assert not any("how high prices stood then" in line for line in not_modelled(raw))
