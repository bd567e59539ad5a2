"""Definitions: what is taken, and one line that names the key and the fix for what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.automation import template
from engine.automation.definition import MAX_BYTES, MAX_STEPS, parse
from engine.errors import AutomationError

SIGNAL = {"type": "signal"}
PERIODIC = {"type": "periodic", "every_s": 60}
NOTIFY = {"type": "notify", "text": "{symbol}"}


def refused(document: Any, name: str = "one") -> str:
    with pytest.raises(AutomationError) as error:
        parse(name, document if isinstance(document, (bytes, str)) else json.dumps(document))
    text = str(error.value)
    assert "\n" not in text and text.startswith("automation ") and len(text) < 400
    return text


def step(trigger: dict[str, Any] = SIGNAL, **one: Any) -> dict[str, Any]:
    return {"trigger": trigger, "steps": [one]}


def test_every_kind_of_step_in_one() -> None:
    steps = [
        {"type": "notify", "text": "{{{symbol}}} {name} {equity}", "level": "error", "urls": ["env:URL"]},
        {"type": "order", "side": "signal", "percent": 2},
        {"type": "strategy", "name": "trend", "enabled": False, "for_s": 60},
        {"type": "webhook", "url": "https://example.com/x", "headers": {"Authorization": "env:TOKEN"}},
        {"type": "halt", "state": "reducing"},
    ]
    made = parse("one", json.dumps({"trigger": SIGNAL, "steps": steps}))
    assert made.name == "one" and made.active
    assert ", ".join(map(str, made.steps)) == "notify, order, strategy trend off, call webhook, halt".replace(
        "halt", "reduce"
    )


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "must be an object"),
        ("x" * (MAX_BYTES + 1), "longer than 64 KiB"),
        ({"steps": [NOTIFY]}, "trigger: missing: give a trigger of type signal or periodic"),
        ({"trigger": SIGNAL}, "steps: missing"),
        ({"trigger": SIGNAL, "steps": []}, "steps: "),
        ({"trigger": SIGNAL, "steps": [NOTIFY] * (MAX_STEPS + 1)}, "steps: "),
        ({"trigger": SIGNAL, "steps": [NOTIFY], "name": "two"}, "name: the definition calls itself two"),
        ({"trigger": SIGNAL, "steps": [NOTIFY], "colour": 1}, "colour: unknown key: there are name, active"),
        ({"trigger": {"type": "dream"}, "steps": [NOTIFY]}, "trigger.type: "),
        ({"trigger": {**SIGNAL, "min_score": 2}, "steps": [NOTIFY]}, "trigger.min_score: "),
        ({"trigger": {**SIGNAL, "score": 2}, "steps": [NOTIFY]}, "trigger.score: unknown key"),
        ({"trigger": {"type": "periodic"}, "steps": [NOTIFY]}, "give either every_s or at"),
        ({"trigger": {**PERIODIC, "at": "10:00"}, "steps": [NOTIFY]}, "give either every_s or at"),
        ({"trigger": {**PERIODIC, "days": ["mon"]}, "steps": [NOTIFY]}, "trigger.days: needs at"),
        ({"trigger": {"type": "periodic", "at": "24:00"}, "steps": [NOTIFY]}, "trigger.at: "),
        (step(PERIODIC, **NOTIFY), "steps[0].text: unknown field {symbol}"),
        (step(type="notify", text="{symbol.__class__}"), "must be a field's name"),
        (step(type="notify", text="{symbol!r:>99}"), "must be a field's name"),
        (step(type="notify", text="{}"), "names no field"),
        (step(type="notify", text="{"), "steps[0].text: "),
        (step(type="order", side="buy"), "give exactly one of notional, quantity and percent"),
        (step(type="order", side="buy", notional=1, quantity=1), "give exactly one"),
        (step(type="order", side="close", quantity=1), "a close closes the whole position"),
        (step(type="order", side="buy", quantity=-1), "steps[0].quantity: "),
        (step(type="order", side="buy", quantity=1, symbol="BTC"), "write venue and symbol"),
        (step(PERIODIC, type="order", side="buy", quantity=1), "name the symbol"),
        (step(PERIODIC, type="order", side="signal", quantity=1, symbol="x:Y"), "write buy, sell or close"),
        (step(type="strategy", name="trend"), "give enabled, weight or both"),
        (step(type="strategy", name="trend", weight=1, for_s=9), "for_s: needs enabled"),
        (step(type="webhook", url="ftp://example.com"), "write an http or https address"),
        (step(type="webhook", url="http://me:pw@example.com"), "holds a password"),
        (step(type="webhook", url="http://example.com/a b"), "percent-encoded"),
        (step(type="webhook", url="env:1"), "the name of an environment variable"),
        (
            step(type="webhook", url="http://a", headers={"Authorization": "x"}),
            "a definition keeps no secret",
        ),
        (step(type="webhook", url="http://a", headers={"Host": "x"}), "set by the desk"),
        (step(type="webhook", url="http://a", headers={"a b": "x"}), "no header's name"),
        (step(type="webhook", url="http://a", headers={"X": "a\r\nY: b"}), "holds control characters"),
        (step(type="webhook", url="http://a", headers={"X": "ä"}), "printable ASCII"),
        (step(type="webhook", url="http://a", retries=99), "steps[0].retries: "),
        (step(type="halt", state="active"), "steps[0].state: "),
    ],
)
def test_refused(document: Any, error: str) -> None:
    assert error in refused(document)


@pytest.mark.parametrize("name", ["", "a b", "statistics", "x" * 65, "../x", "a\x1bb", "ä"])
def test_names_that_are_none(name: str) -> None:
    assert "name: take up to 64" in refused({"trigger": SIGNAL, "steps": [NOTIFY]}, name)


@pytest.mark.parametrize("text", ["a\x1b]0;b", "a\x9bb", "a\nb", "a\u202eb", "a\x00"])
@pytest.mark.parametrize("where", ["symbols", "sources", "name"])
def test_names_in_it_that_would_reach_a_terminal_as_they_are(where: str, text: str) -> None:
    trigger = SIGNAL if where == "name" else {**SIGNAL, where: [text]}
    act = {"type": "strategy", "name": text, "enabled": True} if where == "name" else NOTIFY
    assert "holds control characters" in refused({"trigger": trigger, "steps": [act]})


def test_a_number_that_is_none() -> None:
    with pytest.raises(AutomationError, match=r"trigger.min_score: must be a finite number, not nan"):
        parse("one", {"trigger": {**SIGNAL, "min_score": float("nan")}, "steps": [NOTIFY]})


@pytest.mark.parametrize(
    "raw", [b"[" * 60_000, b'{"trigger":' * 5_000 + b"1" + b"}" * 5_000], ids=["lists", "objects"]
)
def test_one_that_is_nested_without_end(raw: bytes) -> None:
    with pytest.raises(AutomationError, match=r"the definition is no JSON|is nested too deep"):
        parse("one", raw)


def test_one_of_objects_that_is_nested_deeper_than_python_goes() -> None:
    trigger: dict[str, Any] = {}
    for _ in range(5_000):
        trigger = {"trigger": trigger}
    with pytest.raises(AutomationError, match="one: the definition is nested too deep: flatten it"):
        parse("one", {"trigger": trigger})


def test_triggers_in_words() -> None:
    made = parse("one", {"trigger": {"type": "periodic", "at": "07:30", "days": ["mon", "fri"]},
                         "steps": [{"type": "notify", "text": "x"}]})  # fmt: skip
    assert str(made.trigger) == "at 07:30 UTC on mon, fri"
    assert str(parse("one", {"trigger": PERIODIC, "steps": [{"type": "notify", "text": "x"}]}).trigger) == (
        "every 60 s"
    )


def test_templates_fill_in_names_and_nothing_else() -> None:
    assert template.fields("{a} {{b}} {c}") == ["a", "c"]
    assert template.render("{a} {{b}} {a}", {"a": "{c}"}) == "{c} {b} {c}"
    with pytest.raises(KeyError):
        template.render("{a}", {})
