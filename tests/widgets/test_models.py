"""Models as lines: what is unknown is a dash with its reason, what is beyond a bound has a word for it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.model_protocol import ContributionRow, DriftRow, EstimateRow, MetricsRow, TrainingOrder
from engine.events import NS
from engine.wiring.training_options import SIMULATED_S, TrainingOptions
from tests.console import sample_desk
from tests.console import sample_models as sample
from tests.console.sample_desk import NOW_NS
from tests.console.sample_models import ACTIVE, GOOD, LEAKY, SHADOW
from widgets.contributions import contribution_lines
from widgets.lines import Line
from widgets.model_compare import comparison_lines, drift_lines, switch_lines
from widgets.model_detail import detail_lines, refusal
from widgets.models import head_lines, version_cells
from widgets.status import StatusView, status_items
from widgets.strategies import model_cells
from widgets.training import BEGIN, DEFAULTS, NUMBERS, Sources, order_lines, training_lines, training_order

HOW = "`tickdesk models shadow VERSION`"


def text(lines: list[Line]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


def test_a_model_that_is_not_scored_yet_has_no_live_figures() -> None:
    young = sample.entry(live=sample.live(steps=0, rank_ic=0.0, pnl_pct=0.0, hit_rate=0.0))
    cells = [cell for cell, _ in version_cells(young, NOW_NS).cells]
    assert cells[9] == "–" and cells[11:13] == ["–", "–"], "nothing scored is no zero"
    assert "214 predictions, none scored yet" in text(detail_lines(young, None, 70, NOW_NS))
    assert "not scored yet" in text(head_lines(sample.models(models=(young,)), NOW_NS))


def test_few_independent_steps_are_no_facts() -> None:
    few = sample.entry(live=sample.live(steps=4, independent=1.4, rank_ic_low=None, rank_ic_high=None))
    cells = version_cells(few, NOW_NS).cells
    assert cells[9] == ("+0.032", "muted") and cells[10][0] == "4≈1" and "few" in cells[-1][0]
    assert cells[11][1] == "muted"
    said = text(detail_lines(few, None, 70, NOW_NS))
    assert "about 1 independent step: may be chance" in said
    assert "(n 4≈1, few)" in text(head_lines(sample.models(models=(few,)), NOW_NS))
    dialog = text(switch_lines(few, sample.entry(SHADOW), None))
    assert "4≈1, few" in dialog and "196≈39" in dialog
    enough = sample.entry()
    assert version_cells(enough, NOW_NS).cells[9] == ("+0.032", "up")
    said = text(detail_lines(enough, None, 70, NOW_NS))
    assert "+0.032 [+0.014, +0.050]" in said and "chance" not in said.split("Validated")[0]
    (row,) = sample_desk.models()
    early = msgspec.structs.replace(row, live_steps=4, live_independent=1.4)
    view = StatusView(sample_desk.status(), (), (early,), "up")
    assert "live IC +0.032 n 4≈1 few" in text([line for _, line in status_items(view).second])
    assert model_cells(early, NOW_NS).cells[3] == ("+0.032", "muted")


def test_what_a_model_did_when_it_ran_is_told_dim() -> None:
    gone = sample.entry(GOOD, role="", status="deprecated", last_good=True)
    cells = version_cells(gone, NOW_NS).cells
    assert cells[9] == ("+0.032", "muted") and cells[12] == ("▲+0.84%", "muted")
    assert "ran here" in text(detail_lines(gone, None, 70, NOW_NS))
    assert "+0.032" in text(switch_lines(sample.entry(), gone, None)).split("live rank IC")[1]


def test_models_of_other_bars_or_horizons_are_not_comparable() -> None:
    other = sample.entry(SHADOW, horizon_bars=7, role="shadow")
    lines = switch_lines(sample.entry(), other, sample.comparison(), ("2025-11-28…01-01", ""))
    said = text(lines)
    assert "1m×5" in said and "1m×7" in said and "2025-11-28…01-01" in said
    assert "not comparable" in said and len(lines) <= 11
    assert "not comparable" not in text(switch_lines(sample.entry(), sample.entry(SHADOW), None))


def test_a_shadow_of_other_bars_is_told_by_itself() -> None:
    shadow = sample.entry(SHADOW, role="shadow", bar_interval_s=300.0, next_ns=NOW_NS, live=None)
    detail = sample.models(models=(shadow, sample.entry()), comparison=None)
    said = text(comparison_lines(detail, HOW))
    assert "not compared: 5m×5 bars, the active one's 1m×5" in said and "the next one is at" in said
    scored = msgspec.structs.replace(shadow, live=sample.live())
    lone = sample.models(models=(scored, sample.entry()), comparison=None)
    said = text(comparison_lines(lone, HOW))
    assert "by its own bars: live rank IC +0.032" in said


def test_how_to_have_a_shadow_is_said_as_one_reads_it() -> None:
    alone = sample.models(models=(sample.entry(),), comparison=None)
    assert f"none runs: {HOW} runs it beside the active one" in text(comparison_lines(alone, HOW))


def test_a_model_that_waits_to_be_taken_up_says_which_key_does_it() -> None:
    cells = [cell for cell, _ in version_cells(sample.entry(role=""), NOW_NS).cells]
    assert cells[1] == "! waiting" and "to reload" in cells[-1]


def test_the_active_model_is_told_since_it_runs_here() -> None:
    row = sample.entry(running_ns=NOW_NS - 35 * NS)
    assert f"{ACTIVE} for 35s" in text(head_lines(sample.models(models=(row,)), NOW_NS))


def test_banners_take_two_lines_at_most() -> None:
    lines = head_lines(sample.models(error="e" * 400, trouble="t" * 400, rollback="r" * 400), NOW_NS)
    assert len(lines) == 4 and all(len(text([line])) <= 2 * 76 for line in lines[1:])


def test_figures_of_the_simulated_venue_and_before_costs_say_so() -> None:
    detail = msgspec.structs.replace(sample.model(), source="simulated venue, seed 7, 7200 s")
    said = text(detail_lines(sample.entry(), detail, 100, NOW_NS))
    assert "made to be predictable" in said and "before costs" in said
    assert "predictable" not in text(detail_lines(sample.entry(), sample.model(), 100, NOW_NS))


def test_the_gain_of_paper_weights_is_told_after_costs() -> None:
    live, validated = text(detail_lines(sample.entry(), sample.model(), 100, NOW_NS)).split("Validated")
    assert "paper after costs" in live and "before costs" not in live and "before costs" in validated
    assert "paper after costs" in text(comparison_lines(sample.models(), HOW))


def test_a_users_model_has_no_rounds() -> None:
    assert "rounds" in text(detail_lines(sample.entry(), sample.model(), 140, NOW_NS))
    assert "rounds" not in text(detail_lines(sample.entry(kind="user"), sample.model(), 140, NOW_NS))


def test_an_interval_that_holds_zero_is_called_chance() -> None:
    chance = EstimateRow(0.01, -0.02, 0.04)
    metrics = MetricsRow(chance, chance, EstimateRow(0.5, 0.1, 0.9), chance, 100)
    said = text(detail_lines(sample.entry(metrics=metrics), None, 100, NOW_NS)).splitlines()
    rows = {line.split("  ")[0]: line for line in said}
    assert "may be chance" in rows["rank IC"] and "may be chance" not in rows["ICIR"]


def test_why_a_model_may_not_trade_is_said_as_the_engine_says_it() -> None:
    detail = msgspec.structs.replace(sample.model(), objection="fold 3 tests on what it was trained on")
    assert refusal(detail.entry, detail) == "fold 3 tests on what it was trained on"
    assert "does not show" in refusal(detail.entry, None), "before the engine has answered"
    assert "not validated" in refusal(sample.entry(metrics=None), None)


@pytest.mark.parametrize(
    ("psi", "word"),
    [(0.0999, "alike"), (0.1, "~ shifted"), (0.2499, "~ shifted"), (0.25, "! drifted"), (9.0, "! drifted")],
)
def test_drift_has_words(psi: float, word: str) -> None:
    said = text(drift_lines(sample.models(drift=(DriftRow("KMID", psi, 0.0, 0.1),)), 70))
    assert word in said.splitlines()[-1]


def test_when_a_feature_counts_as_drifted_is_configured() -> None:
    row = DriftRow("KMID", 0.3, 0.0, 0.1)
    said = text(drift_lines(sample.models(drift=(row,), drift_psi=0.4), 70))
    assert "0 drifted (PSI from 0.4)  1 shifted" in said and "~ shifted" in said
    said = text(
        drift_lines(sample.models(drift=(msgspec.structs.replace(row, psi=0.06),), drift_psi=0.05), 70)
    )
    assert "1 drifted (PSI from 0.05)  0 shifted" in said and "! drifted" in said


@pytest.mark.parametrize(
    ("psi", "noise", "word"),
    [(0.3, 0.3, "? chance"), (0.3, 0.29, "! drifted"), (0.15, 0.2, "? chance"), (0.09, 0.2, "alike")],
)
def test_an_index_that_chance_makes_of_so_few_rows_says_nothing(psi: float, noise: float, word: str) -> None:
    said = text(drift_lines(sample.models(drift=(DriftRow("KMID", psi, 0.0, 0.1, noise),)), 70))
    assert word in said.splitlines()[-1]
    assert ("1 may be chance: 4,120 rows are too few" in said) == (word == "? chance")
    assert ("1 drifted" in said) == (word == "! drifted")


def test_why_drift_is_unknown() -> None:
    assert "120 live rows are too few" in text(drift_lines(sample.models(drift=(), drift_rows=120), 70))
    early = sample.models(drift=(), drift_missing="72 of the 100 live rows it takes")
    assert "of the active model: 72 of the 100 live rows" in text(drift_lines(early, 70))
    assert "no model is active" in text(drift_lines(sample.nothing_yet(), 70))


def test_the_live_figures_of_a_switch_are_those_of_the_common_batches() -> None:
    detail = sample.models()
    by_version = {row.version: row for row in detail.models}
    said = text(switch_lines(by_version[ACTIVE], by_version[SHADOW], detail.comparison))
    assert "+0.039" in said and "+0.032" not in said
    assert "rank correlation 0.83" in said
    other = text(switch_lines(by_version[ACTIVE], by_version[LEAKY], detail.comparison))
    assert "+0.032" in other and "0.83" not in other and "not compared" in other
    first = text(switch_lines(None, by_version[SHADOW], None))
    assert "no model" in first and "not compared" not in first
    for lines in (
        switch_lines(by_version[ACTIVE], by_version[SHADOW], detail.comparison),
        switch_lines(None, by_version[LEAKY], None),
    ):
        assert len(lines) <= 11 and all(len("".join(t for t, _ in line)) <= 55 for line in lines)


def test_a_shadow_without_a_common_batch_waits() -> None:
    early = msgspec.structs.replace(sample.comparison(), batches=0)
    assert "no prediction of both yet" in text(comparison_lines(sample.models(comparison=early), HOW))
    assert "nothing to compare it with yet" in text(comparison_lines(sample.models(comparison=None), HOW))


@pytest.mark.parametrize("state", ["none", "running", "done", "failed", "canceled", "of another day"])
def test_every_state_of_a_run_is_told(state: str) -> None:
    row = msgspec.structs.replace(sample.done(), state=state, text="too little data")
    said = text(training_lines(row, NOW_NS))
    assert state.split()[0] in said and "too little data" in said and "in 6h" in said


@given(share=st.floats(-1, 2), spent=st.integers(-(10**6), 10**9))
def test_progress_fits_its_line_whatever_the_engine_says(share: float, spent: int) -> None:
    row = msgspec.structs.replace(sample.running(), share=share, started_ns=NOW_NS - spent * NS)
    line = training_lines(row, NOW_NS)[2]
    assert "%" in text([line]) and len(text([line])) <= 75


parts = st.lists(
    st.builds(
        ContributionRow,
        st.sampled_from(["ROC60", "KMID", "STD20"]),
        st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
        st.floats(-1e6, 1e6),
    ),
    max_size=20,
)


@given(rows=parts, width=st.sampled_from([54, 66, 120]))
def test_contributions_of_any_size_stay_in_their_columns(rows: list[ContributionRow], width: int) -> None:
    taken = msgspec.structs.replace(sample.contributions(), rows=tuple(rows))
    lines = contribution_lines(taken, width)
    moved = [row for row in rows if row.contribution]
    table = lines[6 : 6 + len(moved)]
    assert all(len("".join(t for t, _ in line)) <= width for line in table)
    assert all("#" not in cell for line in table for cell, _ in line)


def test_what_the_model_makes_of_the_sum_is_said() -> None:
    taken = msgspec.structs.replace(sample.contributions(), note="they add up to 0.1, of which")
    said = text(contribution_lines(taken, 70))
    assert "they add up to 0.1" in said and "→ prediction" in said and "= prediction" not in said


@pytest.mark.parametrize("name", NUMBERS)
def test_the_form_takes_what_an_order_takes(name: str) -> None:
    most = NUMBERS[name].most
    assert getattr(training_order({**BEGIN, name: f"{most:.0f}"}), name) == most
    for value in (most + 1, NUMBERS[name].least - (1 if NUMBERS[name].whole else 0)):
        with pytest.raises(ValueError, match=NUMBERS[name].words):
            training_order({**BEGIN, name: f"{value:.0f}"})
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({name: value}, TrainingOrder, strict=False)


def test_an_empty_form_is_what_the_configuration_says() -> None:
    assert training_order(BEGIN) == TrainingOrder(then="shadow")
    rolling = training_order({**BEGIN, "window": "rolling", "purge": "30", "embargo": "0", "folds": "6"})
    assert (rolling.window, rolling.purge, rolling.embargo, rolling.folds) == ("rolling", 30, 0, 6)
    options = TrainingOptions()
    assert all(str(getattr(options, name)) == said for name, said in DEFAULTS.items() if name != "seconds")
    assert DEFAULTS["seconds"] == str(SIMULATED_S) and options.window == BEGIN["window"]


def test_where_a_path_counts_from_is_said() -> None:
    sources = Sources(8, True, False)
    assert "where the engine was started" in text(order_lines(TrainingOrder(model="mine.py"), sources))
    assert "where the engine" not in text(order_lines(TrainingOrder(model="/home/me/mine.py"), sources))


def test_the_status_bar_and_the_models_pane_tell_live_ic_shadow_and_rollback() -> None:
    (row,) = sample_desk.models()
    view = StatusView(sample_desk.status(), (), (row,), "up")
    said = text([line for _, line in status_items(view).second])
    assert "live IC +0.032 n 196≈39 ◐ 5f0c9d1e" in said and "rolled back" not in said
    cells = [cell for cell, _ in model_cells(row, NOW_NS).cells]
    assert cells[3:] == ["+0.032", "◐5f0c9d1e2a3b", "rank IC 0.041"]
    moved = msgspec.structs.replace(row, drifted=3)
    assert model_cells(moved, NOW_NS).cells[-1] == ("! 3 drifted, rank IC 0.041", "warn")
    back = msgspec.structs.replace(row, rollback="not finite", live_rank_ic=None, live_steps=0, shadow="")
    said = text([line for _, line in status_items(view._replace(models=(back,))).second])
    assert "! rolled back, M" in said and "live IC" not in said
    cells = [cell for cell, _ in model_cells(back, NOW_NS).cells]
    assert cells[3:] == ["–", "", "! rolled back: not finite"]


def test_only_a_reload_that_failed_is_called_one() -> None:
    (row,) = sample_desk.models()
    view = StatusView(sample_desk.status(), (), (row,), "up")
    for name, told, noted in (
        ("error", "! reload failed, M", "! reload failed: it broke"),
        ("trouble", "! trouble, M", "! trouble: it broke"),
        ("rollback", "! rolled back, M", "! rolled back: it broke"),
    ):
        for version in (row.version, ""):
            if name == "error" and not version:
                told = "! not loaded, M"  # there is none that was kept
            bad = msgspec.structs.replace(row, version=version, **{name: "it broke"})
            said = text([line for _, line in status_items(view._replace(models=(bad,))).second])
            assert told in said and said.count("!") == 1
            assert model_cells(bad, NOW_NS).cells[-1][0] == noted
        said = text(head_lines(sample.models(**{name: "it broke"}), NOW_NS))
        assert "it broke" in said and ("reload failed" in said) == (name == "error")


def test_no_model_is_not_told_as_good() -> None:
    (row,) = sample_desk.models()
    gone = msgspec.structs.replace(row, version="", status="none")
    assert model_cells(gone, NOW_NS).cells[1] == ("none", "warn")
