"""Parts that do not overlap, with the gap before what is judged."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.research.guards import gaps
from engine.research.result import Failed, Rejects, Source, Stop
from engine.research.summary import summarise
from engine.research.sweep_runs import packed, unpacked
from engine.research.sweep_spec import WalkForward
from engine.research.walk_forward import folds, joined
from tests.research import made


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 20),
    st.sampled_from(["expanding", "rolling"]),
    st.integers(1, 10),
    st.integers(0, 500),
    st.integers(0, 10**9),
    st.integers(30_000, 10**6),
)
def test_what_is_judged_is_never_what_was_chosen_on(
    count: int, window: str, in_sample: int, gap: int, first: int, long: int
) -> None:
    found = folds(WalkForward(count, window, in_sample, gap), first, first + long)  # type: ignore[arg-type]
    assert len(found) == count
    for one in found:
        assert first <= one.since_ns < one.until_ns == one.judged_since_ns - gap < one.judged_until_ns
    assert all(one.judged_until_ns == after.judged_since_ns for one, after in pairwise(found))
    assert found[-1].judged_until_ns == first + long + 1
    begins = {one.since_ns for one in found}
    assert begins == {first} if window == "expanding" else len(begins) == count


def test_a_gap_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="too short"):
        folds(WalkForward(2, gap_ns=700), 0, 1000)


def test_joined_parts_add_up() -> None:
    stop = Stop("HALTED", 1, 2, "why")
    one, other = made.backtest([0.01, -0.02, 0.03], stops=(stop,)), made.backtest([0.05, 0.01])
    both = joined([one, other])
    assert both.stops == (stop,)
    gain = float(one.final_equity) - 10_000
    assert float(both.final_equity) == pytest.approx(10_000 + gain + float(other.final_equity) - 10_000)
    assert both.equity[:3] == one.equity
    assert both.equity[3:] == pytest.approx([gain + value for value in other.equity])
    assert both.benchmark[3] == pytest.approx(one.benchmark[-1] - 10_000 + other.benchmark[0])
    assert both.equity[-1] == pytest.approx(float(both.final_equity))
    assert len(both.trades) == 8 and both.fees == "25.0" and both.funnel["orders"] == 8
    assert both.slippage_bps == pytest.approx(1.25)
    assert joined([one]).equity == one.equity
    with pytest.raises(ValueError, match="nothing"):
        joined([])


def test_what_is_to_be_doubted_of_any_part_is_of_the_whole() -> None:
    fault, later = Failed("trend", 5, "boom"), Failed("trend", 9, "boom again")
    file, line = Rejects("AAA", "NOT_POSITIVE", 3, "line 4"), Rejects("AAA", "LEAP", 1, "line 90")
    first = made.backtest([0.01, 0.02], rejects=(file,))
    split = msgspec.structs.replace(first.data[0], leap_ns=made.START, leap_ratio=0.25)
    second = made.backtest([0.01, 0.02], failed=(fault,), rejects=(file, line), data=(split,))
    third = made.backtest([0.01, 0.02], failed=(later,), rejects=(file,))
    for parts in ([first, second], [first, second, third], [second, first]):
        whole = joined(parts)
        assert whole.failed == (fault,) and whole.rejects == (file, line)
        told = summarise(whole, samples=0).warnings
        assert any("trend failed" in one for one in told) and any("0.25 times" in one for one in told)
        assert any("4 rows of the data were not believed" in one for one in told)
    assert not joined([first, first]).failed and not joined([first, first]).data[0].leap_ns


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole() -> None:
    one, other = made.backtest([0.01, -0.02]), made.backtest([0.05], final_equity="", realized="", traded="")
    both = joined([one, other, one])
    assert (both.final_equity, both.realized, both.traded, both.fees) == ("", "", "", "37.5")
    assert both.equity[3] == pytest.approx(
        one.equity[-1] + other.equity[-1] - 10_000 + one.equity[0] - 10_000
    )
    assert summarise(both, samples=0).final_equity == pytest.approx(both.equity[-1])


def test_a_result_is_kept_whole_but_for_how_long_it_took() -> None:
    result = made.backtest(seconds=3.0)
    assert unpacked(packed(result)) == made.backtest(seconds=0.0)
    assert packed(result) == packed(made.backtest(seconds=4.0))


def test_mean_exposure_of_the_parts_is_by_their_time() -> None:
    short = made.backtest([0.0] * 3, exposure_mean_pct=30.0, first_ns=0, last_ns=made.DAY)
    long = made.backtest([0.0] * 3, exposure_mean_pct=10.0, first_ns=made.DAY, last_ns=4 * made.DAY)
    assert joined([short, long]).exposure_mean_pct == pytest.approx(15.0)
    assert joined([short, made.backtest([0.0] * 3)]).exposure_mean_pct is None


def test_the_data_of_all_parts_are_judged() -> None:
    def part(rows: int, first: int) -> Source:
        return Source("AAA", "aaa.csv", rows, first, first + 99, 1, "cd", steps=100)

    one, other = made.backtest([0.01] * 3, data=(part(60, 0),)), made.backtest([0.01], data=(part(100, 100),))
    (source,) = joined([one, other]).data
    assert (source.rows, source.steps, source.first_ns, source.last_ns) == (160, 200, 0, 199)
    assert gaps(joined([one, other])) == [("AAA", 40, 200)]
    assert joined([one]).data == one.data
