"""The users' strategies: loaded, isolated, refused, read anew."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from engine import user_module
from engine.errors import ConfigError
from engine.events import NS, Signal
from engine.strategies import user_files
from engine.strategies.registry import STRATEGIES, StrategySet, check_settings
from tests.strategies.rows import feature_row, hear, table_of

EXAMPLE = Path(__file__).parent / "users" / "ema_touch.py"

SIMPLE = '''
from engine.strategies.base import Strategy

class Mine(Strategy):
    name = "{name}"
    description = "speaks of every bar"

    class Params(Strategy.Params, frozen=True, forbid_unknown_fields=True, kw_only=True):
        level: float = {level}
        """What it says."""

    def __init__(self, params):
        super().__init__(params)
        self.params = params
        self.count = 0

    def on_bar(self, row):
        self.count += 1
        {body}
'''
SAYS = 'return self.signal(row.symbol, row.ns, self.params.level, 0.5, f"bar {self.count}")'

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "strategies"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def write(folder: Path) -> Write:
    def write(file: str = "mine.py", text: str = "", **parts: Any) -> Path:
        path = folder / file
        parts = {"name": "mine", "level": 0.5, "body": SAYS} | parts
        path.write_text(text or SIMPLE.format(**parts))
        path.chmod(0o600)
        return path

    return write


def rising_bars(symbol: str, count: int) -> Any:
    closes = np.linspace(99.0, 100.0, 100)[-count:]
    return np.column_stack([closes] * 4 + [np.ones(len(closes)), closes])


def of_file(strategies: StrategySet, name: str = "mine") -> Any:
    return next(state for state in strategies.states() if state.name == name)


def test_the_example_uses_an_indicator_of_pandas_ta_classic(folder: Path) -> None:
    shutil.copy(EXAMPLE, folder)
    (folder / EXAMPLE.name).chmod(0o600)
    strategies = StrategySet({"ema_touch": {"near_pct": 0.2}}, folder, bars=rising_bars)
    (signal,) = hear(strategies, feature_row(1, close=99.95, rsi=60.0))
    assert signal.source == "ema_touch" and "% from its average 99.9" in signal.reason
    assert hear(strategies, feature_row(2, close=99.95, rsi=40.0)) == []
    assert hear(strategies, feature_row(2, close=102.0, rsi=60.0)) == []
    detail = strategies.detail("ema_touch")
    assert detail.origin == str(folder / "ema_touch.py")
    assert [(p.name, p.kind, p.value, p.default, p.range) for p in detail.params] == [
        ("ttl_s", "number", 20.0, 20.0, "> 0 and <= 315360000"),
        ("length", "integer", 20, 20, "2 to 200"),
        ("near_pct", "number", 0.2, 0.05, "> 0 and <= 10"),
        ("min_rsi", "number", 50.0, 50.0, "0 to 100"),
    ]
    assert detail.params[1].about == "Bars of the average."
    assert detail.params[0].about.startswith("How long a signal counts")
    changed = EXAMPLE.read_text().replace("0.6, 0.6, reason", "0.9, 0.6, reason")
    (folder / "ema_touch.py").write_text(changed)
    assert strategies.reload().text == "ema_touch read anew"
    (signal,) = hear(strategies, feature_row(3, close=99.95, rsi=60.0))
    assert signal.score == 0.9


def test_files_come_in_sorted_order_after_the_built_in_ones(folder: Path, write: Write) -> None:
    write("b.py", name="second")
    write("a.py", name="first")
    (folder / "notes.txt").write_text("not Python")
    strategies = StrategySet({}, folder)
    assert [s.name for s in strategies.states()] == [*STRATEGIES, "first", "second"]
    assert [s.source for s in hear(strategies, feature_row())] == ["first", "second"]


def test_what_editors_keep_beside_a_file_is_no_strategy(folder: Path, write: Write) -> None:
    write("mine.py")
    write(".mine.py", name="other")
    write("._mine.py", "\x00\x05\x16\x07")
    (folder / ".#mine.py").symlink_to("anna@desk.1234")
    strategies = StrategySet({}, folder)
    assert [s.name for s in strategies.states()] == [*STRATEGIES, "mine"]


def test_no_folder_is_no_error(folder: Path) -> None:
    assert len(StrategySet({}, folder / "none").states()) == len(STRATEGIES)
    assert StrategySet({}).reload().text == "there is no folder of strategies"
    assert StrategySet({}, folder).reload().text == "nothing changed"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def (", "SyntaxError: "),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Skip(BaseException): ...\nraise Skip('not here')", "Skip: not here"),  # as pytest's
        ("x = 1", "mine.py defines no strategy: write a class that extends Strategy"),
        (SIMPLE.format(name="trend", level=0.5, body=SAYS), "class Mine: the name trend is taken"),
        (SIMPLE.format(name="reload", level=0.5, body=SAYS), "class Mine: the name reload is taken"),
        (SIMPLE.format(name="speed", level=0.5, body=SAYS), "class Mine: the name speed is taken"),
        (SIMPLE.format(name="manual", level=0.5, body=SAYS), "class Mine: the name manual is taken"),
        (SIMPLE.format(name="not a name", level=0.5, body=SAYS), "class Mine: give it a name that is"),
        (SIMPLE.format(name="x", level="[]", body=SAYS), ""),
        (SIMPLE.format(name="x", level="0.5", body=SAYS).replace("float", "list"), "class Mine: parameter"),
        (SIMPLE.format(name="x", level="0.5", body=SAYS).replace("self.count = 0", "1 / 0"), "ZeroDivision"),
        (
            SIMPLE.format(name="x", level="0.5", body=SAYS).replace("self.count = 0", "raise GeneratorExit"),
            "GeneratorExit: ",
        ),
        (SIMPLE.format(name="x", level="0.5", body=SAYS).replace("level:", "weight:"), "class Mine: parame"),
        (
            SIMPLE.format(name="x", level=".5", body=SAYS).replace('"speaks of every bar"', "1"),
            "class Mine: ",
        ),
    ],
)
def test_a_file_that_cannot_be_used_costs_only_itself(
    write: Write, folder: Path, text: str, says: str
) -> None:
    write(text=text)
    write("other.py", name="other")
    strategies = StrategySet({}, folder)
    if not says:
        return
    broken = of_file(strategies)
    assert not broken.enabled and broken.error.startswith(says) and "\n" not in broken.error
    assert [s.source for s in hear(strategies, feature_row())] == ["other"]
    ((name, trace),) = strategies.take_errors()
    assert name == "mine" and "Traceback" in trace
    with pytest.raises(ConfigError, match="mine cannot run"):
        strategies.set_enabled("mine", True)
    assert strategies.detail("mine").error == broken.error
    assert strategies.settings()["mine"]["enabled"] is False
    write()
    assert strategies.reload().text == "mine read anew"
    assert len(hear(strategies, feature_row(2))) == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("return 5", "StrategyFault: returned a int"),
        ("return self.signal('a:OTHER', row.ns, 0.5, 0.5, '')", "StrategyFault: signal for 'a:OTHER'"),
        ("return self.signal(row.symbol, row.ns, float('nan'), 0.5, '')", "StrategyFault: score nan"),
        ("return self.bars(row.symbol, 5)", "RuntimeError: no bars of"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError: "),
        ("raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})", "Mute"),
        ("return self.signal(row.symbol, row.ns + 1, 0.5, 0.5, '')", "StrategyFault: ns "),
        ("return self.signal(row.symbol, float(row.ns), 0.5, 0.5, '')", "StrategyFault: ns "),
        ("self._ttl_ns = 2**80; " + SAYS, "StrategyFault: ttl_ns "),
        (f"{SAYS}\n    def candidates(self, table): return 5", "StrategyFault: candidates"),
        (f"{SAYS}\n    def candidates(self, table): return [True]", "StrategyFault: candidates"),
        (f"{SAYS}\n    def candidates(self, table): return table.column('rsi')", "StrategyFault: candidates"),
        (f"{SAYS}\n    def candidates(self, table): return table.column('nosuch') > 0", "KeyError: 'nosuch'"),
    ],
)
def test_a_fault_at_a_bar_disables_only_that_strategy(
    write: Write, folder: Path, body: str, says: str
) -> None:
    write(body=body)
    write("other.py", name="other")
    strategies = StrategySet({}, folder)
    assert [s.source for s in hear(strategies, feature_row())] == ["other"]
    state = of_file(strategies)
    assert not state.enabled and state.error.startswith(says)
    assert [name for name, _ in strategies.take_errors()] == ["mine"]
    write()
    assert strategies.reload().text == "mine read anew"
    assert of_file(strategies).enabled and of_file(strategies).error == "", "it was on before its fault"


def test_an_endless_error_floods_no_log(write: Write, folder: Path) -> None:
    write(body="raise ValueError('no\\n' * 100_000)")
    strategies = StrategySet({}, folder)
    assert hear(strategies, feature_row()) == []
    ((_, trace),) = strategies.take_errors()
    assert len(trace.splitlines()) <= 100
    assert len(of_file(strategies).error) <= 200


def test_an_interrupt_is_the_persons_and_no_fault(write: Write, folder: Path) -> None:
    write(body="raise KeyboardInterrupt")
    strategies = StrategySet({}, folder)
    with pytest.raises(KeyboardInterrupt):
        hear(strategies, feature_row())
    assert of_file(strategies).enabled


def test_a_users_signal_comes_out_in_plain_types_and_one_line(write: Write, folder: Path) -> None:
    write(
        body="import numpy; return self.signal(row.symbol, row.ns, numpy.float64(0.25), True, "
        "'\\x1b[31mred\\n' * 100_000)"
    )
    (signal,) = hear(StrategySet({}, folder), feature_row())
    assert (type(signal.score), signal.score) == (float, 0.25)
    assert (type(signal.confidence), signal.confidence) == (float, 1.0)
    assert len(signal.reason) <= 200 and signal.reason.isprintable()
    assert msgspec.json.decode(msgspec.json.encode(signal), type=Signal) == signal


@pytest.mark.parametrize("ttl_s", [1e-12, 3 * 86_400.0, 315_360_000.0])
def test_every_lifetime_that_is_taken_can_be_said(write: Write, folder: Path, ttl_s: float) -> None:
    write()
    strategies = StrategySet({}, folder)
    strategies.set_params("mine", {"ttl_s": ttl_s})
    (signal,) = hear(strategies, feature_row())
    assert signal.ttl_ns == max(1, round(ttl_s * NS)) and of_file(strategies).enabled


def test_what_a_users_strategy_writes_to_is_its_own(write: Write, folder: Path) -> None:
    write(
        body=f"""{SAYS}

    def candidates(self, table):
        table.values[:] = table.indices[:] = table.bars[:] = 7
        return table.column("close") == 7.0

    def on_scores(self, ns, scores):
        scores.clear()
        return []
"""
    )
    write(
        "other.py",
        name="other",
        body=f"{SAYS}\n    def on_scores(self, ns, scores): self.heard = dict(scores); return []",
    )
    strategies = StrategySet({}, folder)
    table = table_of([feature_row(close=100.0)], ["simulated:BTC-USD"])
    before = table.values.copy()
    assert [signal.source for signal in strategies.on_bars(table)] == ["mine", "other"]
    assert np.array_equal(table.values, before, equal_nan=True)
    assert (table.indices.tolist(), table.bars.tolist()) == ([0], [1])
    scores = {"a:X": 0.02, "b:Y": -0.02}
    assert len(strategies.on_scores(1, scores)) == 2, "of the model"
    assert len(scores) == 2
    assert strategies._entries["other"].strategy.heard == scores  # type: ignore[attr-defined]


def test_a_changed_file_keeps_what_was_set(write: Write, folder: Path) -> None:
    write()
    strategies = StrategySet({}, folder)
    strategies.set_weight("mine", 3.0)
    strategies.set_budget("mine", 12.0)
    strategies.set_symbols("mine", ("a:X",))
    strategies.set_params("mine", {"level": 0.25})
    assert [s.reason for s in hear(strategies, feature_row(symbol="a:X"))] == ["bar 1"]
    before = {name for name in sys.modules if name.startswith("_tickdesk_strategy_mine")}
    write(level=0.75, body=SAYS.replace("bar", "candle"))
    weights = strategies.weights
    assert strategies.reload().text == "mine read anew"
    (signal,) = hear(strategies, feature_row(2, symbol="a:X"))
    assert (signal.score, signal.reason) == (0.25, "candle 1"), "it started afresh, with its parameter"
    assert hear(strategies, feature_row(2, symbol="a:Y")) == []
    assert strategies.settings()["mine"] == {
        "enabled": True, "weight": 3.0, "symbols": ["a:X"], "budget_pct": 12.0, "ttl_s": 10.0, "level": 0.25,
    }  # fmt: skip
    assert weights is strategies.weights and of_file(strategies).signals == 2
    after = {name for name in sys.modules if name.startswith("_tickdesk_strategy_mine")}
    assert len(after - before) == len(before - after) == 1, "the old module is dropped"
    strategies.set_enabled("mine", False)
    write(level=0.1)
    strategies.reload()
    assert not strategies.enabled("mine"), "a person switched it off"


def test_a_default_that_changed_holds_unless_it_was_set(write: Write, folder: Path) -> None:
    write(level=0.5)
    strategies = StrategySet({}, folder)
    write(level=0.75)
    strategies.reload()
    assert strategies.settings()["mine"]["level"] == 0.75
    strategies.set_params("mine", {"level": 0.3})
    write(text=SIMPLE.format(name="mine", level="'a'", body="return None").replace("float", "str"))
    strategies.reload()
    assert strategies.settings()["mine"]["level"] == "a", "a number does not fit any more"


def test_a_failed_reload_keeps_the_old_version_running(write: Write, folder: Path) -> None:
    write()
    strategies = StrategySet({}, folder)
    for text in ("def (", SIMPLE.format(name="trend", level=0.5, body=SAYS)):
        write(text=text)
        told = strategies.reload().text
        assert told.startswith("mine: the version before goes on, ")
        assert len(hear(strategies, feature_row())) == 1
        assert of_file(strategies).enabled and strategies.take_errors() == []
    assert "the version before goes on" in strategies.reload().text, "it is tried again each time"
    write()
    assert strategies.reload().text == "nothing changed", "the version before is back in the file"


def test_another_file_of_its_name_does_not_take_the_place_of_a_broken_one(write: Write, folder: Path) -> None:
    write("b.py", name="same")
    strategies = StrategySet({}, folder)
    write("a.py", name="same", level=-0.5)
    write("b.py", text="def (")
    assert "b: the version before goes on" in strategies.reload().text
    assert [s.score for s in hear(strategies, feature_row())] == [0.5]
    assert "the name same is taken" in of_file(strategies, "a").error


def test_files_come_and_go(write: Write, folder: Path) -> None:
    strategies = StrategySet({}, folder)
    write()
    assert strategies.reload().text == "mine added"
    assert strategies.weights["mine"] == 1.0 and len(hear(strategies, feature_row())) == 1
    assert strategies.reload().text == "nothing changed"
    (folder / "mine.py").unlink()
    assert strategies.reload().text == "mine removed"
    assert "mine" not in strategies.weights and hear(strategies, feature_row()) == []
    with pytest.raises(ConfigError, match="unknown strategy mine"):
        strategies.detail("mine")


def test_an_unchanged_file_goes_on_where_it_was(write: Write, folder: Path) -> None:
    write()
    strategies = StrategySet({}, folder)
    hear(strategies, feature_row())
    write("other.py", name="other")
    strategies.reload()
    assert [s.reason for s in hear(strategies, feature_row())] == ["bar 2", "bar 1"]


def test_two_files_may_not_define_one_name(write: Write, folder: Path) -> None:
    write("a.py", name="same")
    write("b.py", name="same")
    strategies = StrategySet({}, folder)
    assert of_file(strategies, "same").origin.endswith("a.py")
    assert "the name same is taken" in of_file(strategies, "b").error
    write("b.py", name="other")
    strategies.reload()
    write("a.py", name="other")
    assert "the version before goes on" in strategies.reload().text, "b.py has the name already"
    assert {s.source for s in hear(strategies, feature_row())} == {"same", "other"}


def test_what_others_can_write_is_not_loaded(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    path.chmod(0o620)
    assert "others may write to it; chmod go-w it" in of_file(StrategySet({}, folder)).error
    path.chmod(0o600)
    folder.chmod(0o777)
    assert "others may write to it" in of_file(StrategySet({}, folder)).error
    folder.chmod(0o700)
    os.mkfifo(folder / "pipe.py", 0o600)
    assert of_file(StrategySet({}, folder), "pipe").error == "pipe.py is no regular file"
    (folder / "pipe.py").unlink()
    user = os.geteuid()
    monkeypatch.setattr(user_module.os, "geteuid", lambda: user + 1)
    if user != 0:
        assert "it belongs to another user" in of_file(StrategySet({}, folder)).error


def test_settings_of_a_file_are_checked_where_it_is_known(write: Write, folder: Path) -> None:
    section = {"mine": {"level": 0.25}}
    with pytest.raises(ConfigError, match=r"strategies\.mine: unknown strategy"):
        StrategySet(section, folder)
    with pytest.raises(ConfigError, match="unknown strategy"):
        check_settings(section, folder)
    write()
    check_settings(section, folder)
    with pytest.raises(ConfigError, match=r"strategies\.trend\.min_gap_atr"):
        check_settings({"trend": {"min_gap_atr": 0}}, folder)
    assert StrategySet(section, folder).settings()["mine"]["level"] == 0.25
    wrong = StrategySet({"mine": {"level": "high"}}, folder)
    assert of_file(wrong).error.startswith("strategies.mine.level: expected a number")


def test_one_that_keeps_being_slow_is_disabled_but_never_without_a_clock(write: Write, folder: Path) -> None:
    write()
    now, step = [0], [0]

    def timer() -> int:
        now[0] += step[0]
        return now[0]

    timed, plain = StrategySet({}, folder, timer=timer, limit_s=0.05), StrategySet({}, folder)
    for took_ms in (60, 60, 40, 60, 60):
        step[0] = took_ms * 1_000_000
        assert len(hear(timed, feature_row())) == 1
    hear(timed, feature_row())
    assert of_file(timed).error == (
        "StrategyFault: took 60 ms for its symbols, 3 times in a row (strategy_limit_ms = 50)"
    )
    assert hear(timed, feature_row()) == [] and len(hear(plain, feature_row())) == 1


def test_entry_points_are_taken_up(monkeypatch: pytest.MonkeyPatch, folder: Path, write: Write) -> None:
    kind = type("Packaged", (STRATEGIES["trend"],), {"name": "packaged"})

    def point(name: str, load: Callable[[], Any]) -> Any:
        return SimpleNamespace(name=name, value=f"pkg:{name}", dist=SimpleNamespace(name="pkg"), load=load)

    found = [point("b", lambda: kind), point("a", lambda: 5), point("c", lambda: 1 / 0)]
    monkeypatch.setattr(user_files.importlib.metadata, "entry_points", lambda group: found)
    section = {"packaged": {"min_gap_atr": 3.0}}
    check_settings(section, folder)
    write()
    strategies = StrategySet(section, folder)
    assert strategies.settings()["packaged"]["min_gap_atr"] == 3.0
    assert of_file(strategies, "packaged").origin == "pkg: pkg:b"
    assert "is no Strategy subclass" in of_file(strategies, "a").error
    assert of_file(strategies, "c").error.startswith("ZeroDivisionError")
    write(level=0.1)
    assert strategies.reload().text == "mine read anew"
    assert of_file(strategies, "packaged").enabled and not of_file(strategies, "a").enabled


@pytest.mark.parametrize("words", ["short", "two\n  lines, one indented"])
def test_a_fault_elsewhere_is_told_in_the_words_of_one_here(write: Write, folder: Path, words: str) -> None:
    write(text=SIMPLE.format(name="mine", level=0.5, body=f"raise ValueError({words!r})"))
    here, other = StrategySet({}, folder), StrategySet({}, folder)
    hear(here, feature_row())
    ((name, trace),) = here.take_errors()
    other.fail(name, trace)
    assert not other.enabled("mine") and of_file(other).error.split() == of_file(here).error.split()


@pytest.mark.parametrize("count", [1 << 63, -(1 << 63) - 1, "9999999999999999999999"])
def test_a_whole_number_that_no_message_takes_is_refused(write: Write, folder: Path, count: object) -> None:
    write(text=SIMPLE.format(name="mine", level=1, body=SAYS).replace("level: float", "level: int"))
    strategies = StrategySet({}, folder)
    with pytest.raises(ConfigError, match=r"^strategies\.mine\.level: expected a whole number of 64 bits"):
        strategies.set_params("mine", {"level": count})
    strategies.set_params("mine", {"level": (1 << 63) - 1})


def test_text_that_cannot_be_written_costs_only_its_strategy(write: Write, folder: Path) -> None:
    write(text=SIMPLE.format(name="mine", level='"\\udcff"', body=SAYS).replace("level: float", "level: str"))
    assert "level: expected text that UTF-8 can write" in of_file(StrategySet({}, folder)).error
