"""``tickdesk orders place``: what a file of tickets becomes, and its mistakes as one line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from console.cli import main, order_list
from console.cli.arguments import parse
from engine.api.trading_protocol import ListPreview, OrderList, OrderPreview, OrderReply, OrderTicket
from engine.events import Check, Verdict

TOML = """
kind = "oco"
token = "mine"
[[tickets]]
symbol = "sim:A"
side = "sell"
type = "limit"
quantity = 0.10
price = 110
post_only = true
[[tickets]]
symbol = "sim:A"
side = "sell"
type = "stop"
quantity = "0.10"
stop_price = 95.50
time_in_force = "gtd"
expire_s = 60
"""
JSON = """[{"symbol": "sim:A", "side": "buy", "equity_pct": 2.5}]"""


def wanted(path: Path, *options: str) -> OrderList:
    return order_list._wanted(parse(["orders", "place", str(path), *options]))


def test_numbers_keep_the_digits_that_were_written(tmp_path: Path) -> None:
    file = tmp_path / "exits.toml"
    file.write_text(TOML)
    first, second = wanted(file).tickets
    assert (first.quantity, first.price, first.post_only) == ("0.10", "110", True)
    assert (second.quantity, second.stop_price, second.expire_s) == ("0.10", "95.50", 60.0)
    assert (wanted(file).kind, wanted(file).token) == ("oco", "mine")
    assert wanted(file, "--token", "other").token == "other"


def test_a_bare_list_of_tickets(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(JSON)
    made, again = wanted(file), wanted(file, "--oco")
    assert made.tickets == (OrderTicket("sim:A", "buy", equity_pct=2.5),)
    assert (made.kind, again.kind) == ("list", "oco")
    assert made.token and made.token != again.token


@pytest.mark.parametrize(
    ("name", "text", "options", "says"),
    [
        ("a.json", "{", ("--yes",), "is no JSON"),
        ("a.toml", "x =", ("--yes",), "is no TOML"),
        ("a.json", "[" * 50_000, ("--yes",), "is no JSON"),
        ("a.json", "\udcff", ("--yes",), "is no JSON"),
        ("a.json", "7", ("--yes",), "holds no tickets"),
        ("a.json", '{"tickets": 3}', ("--yes",), "tickets"),
        ("a.json", '[{"symbol": "A"}]', ("--yes",), "side"),
        ("a.json", '[{"symbol": "A", "side": "buy", "leverage": 3}]', ("--yes",), "leverage"),
        ("a.json", " " * 70_000, ("--yes",), "larger than 64 KiB"),
        ("a.json", JSON, (), "add --yes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    text: str,
    options: tuple[str, ...],
    says: str,
) -> None:
    file = tmp_path / name
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert main(("orders", "place", str(file), *options, "--state-dir", str(tmp_path))) == 2
    err = capsys.readouterr().err
    assert err.startswith("tickdesk: ") and err.count("\n") == 1 and says in err, err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("orders", "place"), "say which"),
        (("orders", "place", "/no/such/file"), "cannot read"),
        (("orders", "list", "file"), "goes with place"),
    ],
)
def test_what_is_asked_for_wrongly(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    assert main((*words, "--state-dir", str(tmp_path))) == 2
    assert says in capsys.readouterr().err


def test_without_an_engine_it_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text(JSON)
    assert main(("orders", "place", str(file), "--yes", "--state-dir", str(tmp_path))) == 4
    assert "no engine runs" in capsys.readouterr().err


def test_a_preview_shows_every_ticket() -> None:
    failed = Check("GROSS_LIMIT", False, "9", "5")
    verdict = Verdict("td-1", "sim:A", False, "GROSS_LIMIT", "9, limit 5", (failed,), 0)
    one = OrderPreview("1", "2", "2", "0.01", "1", "98", (), True, "buy 1 sim:A at market: approved")
    other = OrderPreview("1", "", "", "", "1", "", (verdict,), False, "sell 1 sim:A at market: denied")
    told = order_list._lines(ListPreview((one, other), False, "2 orders: 1 denied"))
    assert told[0] == "2 orders: 1 denied" and one.text in told and other.text in told
    assert told[-1] == "denied:GROSS_LIMIT 9, limit 5"


def test_the_sizes_that_were_shown_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[OrderList] = []
    one = OrderPreview("0.25", "2", "2", "0.01", "1", "98", (), True, "approved")

    def answers(where: Path, path: str, body: bytes, token: str) -> OrderReply:
        sent.append(msgspec.json.decode(body, type=OrderList))
        return OrderReply(True, "placed")

    file = tmp_path / "list.json"
    file.write_text(JSON)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(order_list, "_preview", lambda *_: ListPreview((one,), True, "approved"))
    monkeypatch.setattr(order_list, "send", answers)
    assert main(("orders", "place", str(file), "--state-dir", str(tmp_path))) == 0
    assert sent[0].tickets == (OrderTicket("sim:A", "buy", quantity="0.25"),)
