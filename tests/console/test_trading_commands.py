"""The trading commands without an engine: what they ask for, and every mistake as one line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from console.cli import account, explain, flatten, limits, main, models_switch, order, orders, targets
from console.cli.arguments import parse
from engine.api.page import Page
from engine.api.protocol import Reply
from engine.api.rows import OrderRow
from engine.api.trading_protocol import LimitPatch, OrderPreview, OrderTicket
from engine.errors import ConfigError, LinkError, RefusedError
from engine.events import Check, Verdict
from tests.api import fake_trading as fake

Capture = pytest.CaptureFixture[str]


def parsed(*words: str) -> argparse.Namespace:
    return parse(words)


@pytest.mark.parametrize(
    ("options", "type", "fields"),
    [
        ((), "market", {}),
        (("--limit", "99"), "limit", {"price": "99"}),
        (("--stop", "101"), "stop", {"stop_price": "101"}),
        (("--stop", "101", "--limit", "102"), "stop_limit", {"stop_price": "101", "price": "102"}),
        (("--trail", "3"), "trailing_stop", {"trail": "3", "stop_price": None}),
        (("--trail", "3", "--stop", "97"), "trailing_stop", {"trail": "3", "stop_price": "97"}),
        (("--take-profit", "110"), "take_profit", {"stop_price": "110", "take_profit": None}),
        (
            ("--bracket-stop", "90", "--bracket-target", "120"),
            "market",
            {"stop_loss": "90", "take_profit": "120"},
        ),
        (("--limit", "9", "--expires", "60"), "limit", {"time_in_force": "gtd", "expire_s": 60.0}),
        (("--limit", "9", "--tif", "fok"), "limit", {"time_in_force": "fok"}),
        (
            ("--limit", "9", "--post-only", "--reduce-only", "--trigger", "mark"),
            "limit",
            {"post_only": True, "reduce_only": True, "trigger": "mark"},
        ),
    ],
)
def test_the_type_of_an_order_follows_from_its_prices(
    options: tuple[str, ...], type: str, fields: dict[str, object]
) -> None:
    ticket = order._ticket(parsed("order", "buy", "BTC-USD", "0.5", *options))
    assert (ticket.side, ticket.symbol, ticket.quantity, ticket.type) == ("buy", "BTC-USD", "0.5", type)
    assert {name: getattr(ticket, name) for name in fields} == fields


def test_every_ticket_has_a_token_of_its_own_unless_one_is_given() -> None:
    first, second = (order._ticket(parsed("order", "buy", "A", "1")) for _ in range(2))
    assert first.token and second.token and first.token != second.token
    assert order._ticket(parsed("order", "buy", "A", "1", "--token", "mine")).token == "mine"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("order", "buy", "A"), "say how much"),
        (("order", "buy", "A", "1", "--notional", "5"), "say how much"),
        (
            ("order", "buy", "A", "1", "--limit", "1", "--trail", "1"),
            "do not go together",
        ),
        (("order", "hold", "A", "1"), "choose from buy, sell"),
        (("order", "buy", "A", "1", "--tif", "day"), "'day' is not known"),
        (("order", "buy", "A", "1"), "add --yes"),
        (("order", "buy", "A", "1", "--json"), "add --yes"),
        (("cancel",), "say which"),
        (("cancel", "td-1", "--all"), "say which"),
        (("amend", "td-1"), "say what"),
        (("limits", "desk"), "'desk' is not known (choose from list, set, reset)"),
        (("limits", "list", "desk"), "takes no names"),
        (("limits", "set", "desk", "max_gross_pct"), "say what"),
        (("limits", "set", "desk", "max_gross_pct", "nan"), "is no number"),
        (("limits", "reset", "desk"), "say which"),
        (("orders", "--last", "0"), "1 to 1000"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_mistakes_are_one_line(capsys: Capture, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    try:
        code = main([*words, "--state-dir", str(tmp_path)])
    except SystemExit as end:
        code = int(str(end.code))
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.startswith("tickdesk: ") and err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize(
    "words",
    [
        ("order", "buy", "A", "1", "--yes"),
        ("orders",),
        ("cancel", "--all"),
        ("amend", "td-0123456789abcdef01234567", "--limit", "3"),
        ("flatten",),
        ("kill",),
        ("positions",),
        ("account",),
        ("reconcile",),
        ("reconcile", "--accept-cash", "alpaca"),
        ("limits",),
        ("targets",),
    ],
)
def test_without_an_engine_each_says_so(capsys: Capture, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert main([*words, "--state-dir", str(tmp_path)]) == 4
    assert "no engine runs" in capsys.readouterr().err


def test_limits_are_set_and_reset() -> None:
    patch = limits._patch("set", ["strategy:trend", "max_gross_pct", "12.5"])
    assert patch == LimitPatch("strategy:trend", "max_gross_pct", 12.5)
    assert limits._patch("reset", ["desk", "max_gross_pct"]) == LimitPatch("desk", "max_gross_pct", None)
    with pytest.raises(ConfigError):
        limits._patch("set", ["desk", "max_gross_pct", "inf"])


@pytest.mark.parametrize(
    ("words", "answer", "sent"),
    [
        (("set", "desk", "max_gross_pct", "120"), "y", True),
        (("set", "desk", "max_gross_pct", "120"), "", False),
        (("set", "desk", "max_gross_pct", "120", "--yes"), None, True),
        (("set", "desk", "max_gross_pct", "80"), None, True),
        (("set", "symbol:sim:A", "max_gross_pct", "80"), None, True),
        (("reset", "desk", "max_gross_pct"), None, True),
    ],
)
def test_what_allows_more_asks_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], answer: str | None, sent: bool
) -> None:
    posted: list[LimitPatch] = []

    def answers(where: Path, method: str, path: str, reply: type, *, body: bytes = b"") -> object:
        if method == "GET":
            return (msgspec.structs.replace(fake.LIMIT, looser="up"),)
        posted.append(msgspec.json.decode(body, type=LimitPatch))
        return Reply(True, "set")

    def asked(question: str) -> str:
        assert answer is not None, "nobody is asked"
        assert "max_gross_pct of desk: 100 → 120 % of equity: this allows more" in question
        return answer

    monkeypatch.setattr(limits, "ask", answers)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", asked)
    assert main(["limits", *words, "--state-dir", str(tmp_path)]) == (0 if sent else 1)
    assert bool(posted) is sent


def test_what_allows_more_is_not_done_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.setattr(limits, "ask", lambda *_, **__: (fake.LIMIT,))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    words = ("limits", "set", "desk", "max_gross_pct", "120", "--state-dir", str(tmp_path))
    assert main(list(words)) == 2
    assert "100 → 120 % of equity allows more and nobody can be asked: add --yes" in capsys.readouterr().err


def test_a_value_out_of_range_is_refused_before_anybody_is_asked_for_a_yes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    monkeypatch.setattr(limits, "ask", lambda *_, **__: (fake.LIMIT,))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert main(["limits", "set", "desk", "max_gross_pct", "300", "--state-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "max_gross_pct of desk takes > 0, <= 200 while the desk runs, not 300" in told
    assert "--yes" not in told


def test_what_is_printed_is_plain() -> None:
    row = OrderRow(
        *("td-1", "sim:A", "sell", "stop_limit", "2", "1", "9.5", "triggered", "entry", "why\x1b[31m", 1, 2),
        price="9", stop_price="10", pending="cancel",
    )  # fmt: skip
    text = "\n".join(orders._lines((row,)))
    assert "stop 10 9" in text and "1/2" in text and "triggered, cancel pending" in text
    assert "\x1b" not in text
    assert orders._lines(()) == ["no orders"]
    told = "\n".join(account._lines(fake.ACCOUNT))
    assert "equity 100000.00 USD" in told and "the desk" in told
    plan = "\n".join(targets._lines(fake.TARGETS))
    assert "1970-01-01 00:00:00Z" in plan and "+0.0200" in plan and "turnover 12800.00" in plan
    assert "the last one" not in plan
    assert "targets are off" in targets._lines(msgspec.structs.replace(fake.TARGETS, enabled=False))[0]
    assert "max_gross_pct" in "\n".join(limits._lines((fake.LIMIT,)))


def test_a_preview_names_what_denies() -> None:
    failed = Check("GROSS_LIMIT", False, "9", "5")
    verdict = Verdict("td-1", "sim:A", False, "GROSS_LIMIT", "9, limit 5", (failed,), 0)
    preview = OrderPreview("1", "", "", "", "1", "", (verdict,), False, "buy 1 sim:A at market: denied")
    text = order.lines(preview)
    assert text[0] == "buy 1 sim:A at market: denied" and text[-1] == "denied:GROSS_LIMIT 9, limit 5"
    assert any("unknown" in line for line in text)


@pytest.mark.parametrize(
    "words",
    [
        ("orders", "--symbol", "\udcff"),
        ("order", "buy", "\udcff", "1", "--yes"),
        ("cancel", "\udcff"),
        ("limits", "set", "\udcff", "x", "1"),
    ],
)
def test_bytes_that_are_no_text_are_a_mistake_of_usage(capsys: Capture, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "is not UTF-8 text" in told and told.count("\n") == 1


def test_an_end_of_input_at_the_question_sends_nothing(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    preview = OrderPreview("1", "2", "2", "0.01", "1", "98", (), True, "approved")
    monkeypatch.setattr("builtins.input", end)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(order, "_preview", lambda where, ticket: preview)
    monkeypatch.setattr(order, "send", lambda *given: pytest.fail("sent"))
    assert main(("order", "buy", "BTC-USD", "1", "--state-dir", str(tmp_path))) == 1
    assert capsys.readouterr().err == "not sent\n"


def test_what_is_not_in_the_account_s_currency_names_its_own() -> None:
    preview = OrderPreview("1", "2", "2", "0.001", "1", "98", (), True, "approved", currency="BTC")
    told = {
        line.rsplit(None, 2 if "BTC" in line else 1)[0].strip(): line for line in order.lines(preview)[1:]
    }
    assert told["notional"].endswith(" 2 BTC") and told["fee"].endswith(" 0.001 BTC")
    assert "BTC" not in told["cash after"]


def test_what_was_shown_is_what_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[OrderTicket] = []
    preview = OrderPreview("0.03207", "2", "2", "0.01", "1", "98", (), True, "approved")

    def answers(where: Path, path: str, body: bytes, token: str) -> fake.OrderReply:
        sent.append(msgspec.json.decode(body, type=OrderTicket))
        return fake.OrderReply(True, "placed")

    monkeypatch.setattr("builtins.input", lambda _: "y")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(order, "_preview", lambda where, ticket: preview)
    monkeypatch.setattr(order, "send", answers)
    for size in ("--equity-pct", "--notional"):
        words = ("order", "buy", "BTC-USD", size, "2", "--token", "t", "--state-dir", str(tmp_path))
        assert main(words) == 0
    wanted = OrderTicket("BTC-USD", "buy", quantity="0.03207", token="t")
    assert sent == [wanted, wanted]
    assert main((*words, "--yes")) == 0 and sent[-1].notional == "2", (
        "what nobody saw is sized when it is sent"
    )


@pytest.mark.parametrize(("there", "placed"), [(False, False), (True, True)])
def test_only_what_may_have_reached_an_engine_may_have_been_placed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool, placed: bool
) -> None:
    if there:

        def hangs_up(*_: object, **__: object) -> None:
            raise LinkError("the engine hung up")

        monkeypatch.setattr(order, "ask", hangs_up)
    assert main(("order", "buy", "A", "1", "--yes", "--state-dir", str(tmp_path))) == 4
    assert ("may have been placed" in capsys.readouterr().err) is placed


@pytest.mark.parametrize(
    ("words", "there", "told"),
    [
        ("flatten A --percent 50", True, True),
        ("flatten A --percent 50", False, False),
        ("models rollback", True, True),
    ],
)
def test_what_does_more_when_it_is_done_twice_may_be_done_where_nobody_answered(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str, there: bool, told: bool
) -> None:
    """Asked for again in good faith, half of it was a quarter more than was wanted."""
    if there:

        def hangs_up(*_: object, **__: object) -> None:
            raise LinkError("the engine hung up")

        monkeypatch.setattr(flatten, "ask", hangs_up)
        monkeypatch.setattr(models_switch, "ask", hangs_up)
    assert main((*words.split(), "--state-dir", str(tmp_path))) == 4
    assert ("may be done: look at `tickdesk" in capsys.readouterr().err) is told


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ("flatten", "flatten: this closes every position. Do it? [y/N] "),
        ("flatten sim:A --percent 50", "flatten: this closes 50 % of the position in sim:A. Do it? [y/N] "),
        ("kill", "kill: this halts, cancels every order and closes every position. Do it? [y/N] "),
    ],
)
def test_a_terminal_is_asked_before_positions_are_closed_and_nobody_else(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str, question: str
) -> None:
    done: list[str] = []
    answers = ["y", ""]

    def asked(text: str) -> str:
        assert text == question
        return answers.pop()

    def does(where: Path, method: str, path: str, *_: object, **__: object) -> Reply:
        done.append(path)
        return Reply(True, "flat")

    monkeypatch.setattr(flatten, "ask", does)
    monkeypatch.setattr("builtins.input", asked)
    command = (*words.split(), "--state-dir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert main(command) == 1 and not done
    assert capsys.readouterr().err == "nothing done\n"
    assert main(command) == 0 and len(done) == 1
    assert main((*command, "--yes")) == 0 and len(done) == 2
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert main(command) == 0 and len(done) == 3, "an emergency waits for nobody"
    assert set(done) == {f"/v1/{words.split()[0]}"} and not answers


@pytest.mark.parametrize(
    ("change", "there", "answer", "code"),
    [
        (("--quantity", "3"), True, "y", 0),
        (("--quantity", "3"), True, "", 1),
        (("--quantity", "3"), False, None, 2),
        (("--quantity", "3", "--yes"), False, None, 0),
        (("--quantity", "2.0"), False, None, 0),
        (("--quantity", "1"), False, None, 0),
        (("--quantity", "some"), False, None, 0),
        (("--limit", "3"), False, None, 0),
    ],
)
def test_an_order_becomes_larger_only_when_that_is_wanted(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: tuple[str, ...],
    there: bool,
    answer: str | None,
    code: int,
) -> None:
    id, sent = "td-abcdef000000000000000000", list[str]()
    row = OrderRow(*(id, "sim:A", "buy", "limit", "2", "0", "", "accepted", "entry", "", 1, 2))

    def does(where: Path, method: str, path: str, *_: object, **__: object) -> object:
        if method == "GET":
            return Page((row,), None)
        sent.append(path)
        return Reply(True, "change asked for")

    def asked(question: str) -> str:
        assert answer is not None, "nobody is asked"
        assert question == "sim:A: 2 → 3: this enlarges the order. Do it? [y/N] "
        return answer

    monkeypatch.setattr(orders, "ask", does)
    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: there))
    assert main(("amend", id, *change, "--state-dir", str(tmp_path))) == code
    assert bool(sent) is (code == 0)
    if code == 2:
        assert "sim:A: 2 → 3 enlarges the order and nobody can be asked: add --yes" in capsys.readouterr().err


def test_an_order_that_is_not_among_those_looked_through_is_asked_for(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent: list[str] = []

    def does(where: Path, method: str, path: str, *_: object, **__: object) -> object:
        sent.extend([path] * (method == "POST"))
        return Page((), None) if method == "GET" else Reply(True, "change asked for")

    monkeypatch.setattr(orders, "ask", does)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    command = ("amend", "td-abcdef000000000000000000", "--quantity", "3", "--state-dir", str(tmp_path))
    assert main(command) == 2 and not sent
    assert "may enlarge the order and nobody can be asked: add --yes" in capsys.readouterr().err
    assert main((*command, "--yes")) == 0 and len(sent) == 1


def test_an_order_is_meant_by_the_beginning_of_its_id(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [
        OrderRow(
            *(identity, "sim:A", "buy", "limit", "2", "0", "", "accepted", "entry", "", 1, 2),
        )
        for identity in ("td-abcdef000000000000000000", "td-abcdee000000000000000000", "td-abcdef1")
    ]  # fmt: skip
    monkeypatch.setattr(orders, "_orders", lambda where, symbol, state, limit: tuple(rows))
    assert orders.whole_id(tmp_path, "abcdee") == rows[1].id == orders.whole_id(tmp_path, "td-abcdee0")
    assert orders.whole_id(tmp_path, "abcde") == "abcde", "too short to mean one"
    assert orders.whole_id(tmp_path, "ffffff") == "ffffff"
    with pytest.raises(ConfigError, match="begins several ids"):
        orders.whole_id(tmp_path, "abcdef")
    told: list[str] = []

    def asked(where: Path, method: str, path: str, reply: type) -> None:
        told.append(path)
        raise LinkError("enough")

    monkeypatch.setattr(explain, "ask", asked)
    assert main(("explain", "abcdee", "--state-dir", str(tmp_path))) == 4
    assert told == [f"/v1/explain/{rows[1].id}"]


def test_what_is_wrong_with_an_order_is_told_before_that_nobody_can_be_asked() -> None:
    def look() -> None:
        raise RefusedError("unknown symbol DOGE")

    with pytest.raises(RefusedError, match="unknown symbol DOGE"):
        order.somebody_there(True, look)
    with pytest.raises(ConfigError, match="add --yes"):
        order.somebody_there(True, lambda: None)
