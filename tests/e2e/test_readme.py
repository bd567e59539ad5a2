"""The README is true: its examples load and work, and what it names exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from console.cli import order_list
from console.cli.arguments import parse, parser
from console.keymap import KEYS
from engine import config
from engine.api.trading_protocol import OrderTicket
from engine.automation import definition
from engine.config import FeedConfig
from engine.feeds.registry import VENUES
from engine.risk.checks import ENTRY_CHECKS, EXIT_CHECKS
from engine.strategies.registry import STRATEGIES, StrategySet
from tests.console import sample_explanation
from tests.models.user_artefacts import RIDGE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def section(title: str) -> str:
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#|\Z)", README, re.DOTALL | re.MULTILINE)
    assert found, title
    return found.group(2)


def rows(text: str) -> list[list[str]]:
    """The cells of its tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in lines[2:]]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def test_the_strategy_is_one_and_speaks(tmp_path: Path) -> None:
    (source,) = [text for text in blocks("python") if "(Strategy)" in text]
    (tmp_path / "dip.py").write_text(source, encoding="utf-8")
    strategies = StrategySet({}, tmp_path)
    detail = strategies.detail("dip")
    assert detail.enabled and not detail.error
    (param,) = [param for param in detail.params if param.name == "dip_pct"]
    assert param.default == 0.2 and param.range and param.about
    row = msgspec.structs.replace(
        sample_explanation.features(), window_vwap=sample_explanation.features().close * 1.01
    )
    strategy = strategies._entries["dip"].strategy
    signal = strategy.on_bar(row)
    assert signal is not None and 0 < signal.score < 1 and signal.source == "dip"
    assert strategy.on_bar(msgspec.structs.replace(row, window_vwap=float("nan"))) is None


def test_the_model_is_the_one_that_is_tested() -> None:
    (source,) = [text for text in blocks("python") if "(UserModel)" in text]
    _, _, tested = RIDGE.read_text(encoding="utf-8").partition('"""\n\n')
    assert source.strip() == re.sub(r"  # noqa.*", "", tested).strip()


def test_the_configurations_are_right(tmp_path: Path) -> None:
    found = [text for text in blocks("toml") if "[[steps]]" not in text and "[[tickets]]" not in text]
    assert len(found) >= 2
    for number, text in enumerate(found):
        file = tmp_path / f"{number}.toml"
        file.write_text(text, encoding="utf-8")
        loaded = config.load(file, environ={})
        StrategySet(loaded.strategies)


def test_the_automation_is_right() -> None:
    (text,) = [text for text in blocks("toml") if "[[steps]]" in text]
    parsed = definition.parse("readme", tomllib.loads(text))
    assert {step.__struct_config__.tag for step in parsed.steps} == {"notify", "webhook"}
    named = set(code(section("Automations")))
    assert {"notify", "order", "strategy", "webhook", "halt"} <= named


def test_the_file_of_tickets_is_right(tmp_path: Path) -> None:
    (text,) = [text for text in blocks("toml") if "[[tickets]]" in text]
    file = tmp_path / "exits.toml"
    file.write_text(text, encoding="utf-8")
    wanted = order_list._wanted(parse(["orders", "place", str(file), "--oco"]))
    target, stop = wanted.tickets
    assert wanted.kind == "oco" and target.quantity == stop.quantity == "0.02"
    assert (target.type, target.price, stop.type, stop.stop_price) == ("limit", "61000", "stop", "59000")
    assert set(get_args(get_type_hints(OrderTicket)["type"])) <= set(re.findall(r"\w+", text))


def test_the_body_of_an_order_is_one() -> None:
    (text,) = re.findall(r"/v1/orders \\\n +-d '(.*)'", README)
    ticket = msgspec.json.decode(text, type=OrderTicket)
    assert (ticket.side, ticket.quantity, ticket.price) == ("buy", "0.01", "64000.5")


def test_strategies_and_their_parameters() -> None:
    listed = {code(row[0])[0]: set(code(row[2])) for row in rows(section("Strategies"))}
    own = {name: set(kind.Params.__struct_fields__) - {"ttl_s"} for name, kind in STRATEGIES.items()}
    assert listed == own


def test_every_risk_check_and_its_limits() -> None:
    table = rows(section("Risk checks"))
    codes = [name for row in table for name in code(row[1])]
    assert codes == [check.code for check in ENTRY_CHECKS]
    assert [check.code for check in EXIT_CHECKS] == [*codes[:3], "NOT_REDUCING"]
    keys = {name for row in table for name in code(row[2].split("(")[0])}
    assert keys == set(config.RiskConfig.__struct_fields__)


def test_every_feed_is_listed() -> None:
    listed = {name for row in rows(section("Market data")) for name in code(row[0])}
    assert listed == {*VENUES, "ccxt-ID"}
    named = set(code(section("Market data")))
    assert {name for name in FeedConfig.__struct_fields__ if name != "enabled"} <= named


def test_every_key_does_what_it_does() -> None:
    shown = " ".join(row[cell] for row in rows(section("Keys")) for cell in (0, 3))
    for key in KEYS:
        if key.label and key.id != "panes":
            assert key.shown in shown, key.id


@pytest.mark.parametrize(
    "command",
    [
        "strategies",
        "automations",
        "weights",
        "signals",
        "explain",
        "features",
        "train",
        "models",
        "doctor",
        "replay",
        "config",
        "history",
        "record",
        "tape",
        "check-feed",
        "quarantine",
    ],
)
def test_the_commands_exist(command: str) -> None:
    assert f"`tickdesk {command}" in README
    actions = [action for action in parser()._actions if action.choices and "attach" in action.choices]
    assert command in actions[0].choices  # type: ignore[operator]


def test_what_it_points_at_is_there() -> None:
    paths = [
        name for name in code(README) if re.fullmatch(r"(engine|console|widgets|themes|tests)/[\w/.]*", name)
    ]
    assert len(paths) > 15
    for name in paths:
        assert (ROOT / name).exists(), name
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / name.replace("%5B", "[").replace("%5D", "]")).exists(), name
