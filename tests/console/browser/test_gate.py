"""Who is let in: the token, the Host and the Origin; and beyond this machine only behind TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.browser.gate import (
    Address,
    Gate,
    Refused,
    check_reach,
    checked_public,
    checked_token,
    is_loopback,
    told,
)
from engine.errors import ConfigError

TOKEN = "t" * 40
HERE = Address("127.0.0.1", 8710)


@pytest.mark.parametrize(
    ("address", "headers", "let_in"),
    [
        (HERE, {"Host": "127.0.0.1:8710"}, True),
        (HERE, {"Host": "LocalHost:8710", "Origin": "http://localhost:8710"}, True),
        (HERE, {"Host": "[::1]:8710"}, True),
        (HERE, {"Host": "evil.example:8710"}, False),
        (HERE, {"Host": "127.0.0.1:8711"}, False),
        (HERE, {"Host": "127.0.0.1"}, False),
        (HERE, {"Host": "localhost.:8710"}, False),
        (HERE, {"Host": "127.0.0.1.evil.example:8710"}, False),
        (HERE, {"Host": "[::ffff:127.0.0.1]:8710"}, False),
        (HERE, {"Host": "evil.example@127.0.0.1:8710"}, False),
        (Address("127.0.0.1", 80), {"Host": "127.0.0.1", "Origin": "http://127.0.0.1"}, True),
        (Address("127.0.0.2", 8710), {"Host": "127.0.0.2:8710", "Origin": "http://127.0.0.2:8710"}, True),
        (HERE, {}, False),
        (HERE, {"Host": "127.0.0.1:8710", "Origin": "http://127.0.0.1:9999"}, False),
        (HERE, {"Host": "127.0.0.1:8710", "Origin": "https://127.0.0.1:8710"}, False),
        (HERE, {"Host": "127.0.0.1:8710", "Origin": "null"}, False),
        (Address("0.0.0.0", 80, "https://desk.example"), {"Host": "desk.example"}, True),
        (Address("0.0.0.0", 80, "https://desk.example"), {"Host": "127.0.0.1:80"}, False),
        (
            Address("127.0.0.1", 80, "https://desk.example"),
            {"Host": "127.0.0.1:80", "Origin": "https://desk.example"},
            True,
        ),
        (
            Address("127.0.0.1", 80, "https://desk.example"),
            {"Host": "127.0.0.1:80", "Origin": "http://desk.example"},
            False,
        ),
    ],
)
def test_host_and_origin(address: Address, headers: dict[str, str], let_in: bool) -> None:
    gate = Gate(address, TOKEN)
    if let_in:
        gate.check_address(headers)
    else:
        with pytest.raises(Refused):
            gate.check_address(headers)
    if "Origin" not in headers:
        with pytest.raises(Refused):
            gate.check_address(headers, must_say_origin=True)


def test_the_token_among_the_protocols_that_a_page_offers() -> None:
    def offer(*offered: str) -> dict[str, str]:
        return {"Sec-WebSocket-Protocol": ", ".join(offered)}

    gate = Gate(HERE, TOKEN)
    gate.check_token(told(TOKEN))
    gate.check_offer(offer("tickdesk", told(TOKEN)))
    assert TOKEN not in told(TOKEN) and told("?>" * 16).isascii() and "=" not in told("12345")
    for wrong in (
        {}, offer(""), offer("tickdesk"), offer(TOKEN), offer(told(TOKEN[1:])), offer(told(TOKEN) + "x"),
        offer("token."), offer("token.é"), offer(told("u" * 40), told(TOKEN)), {"Cookie": told(TOKEN)},
    ):  # fmt: skip
        with pytest.raises(Refused):
            gate.check_offer(wrong)
    for given in ("", TOKEN, "\udc80"):
        with pytest.raises(Refused, match="runs now"):
            gate.check_token(given)


def test_what_is_opened() -> None:
    assert HERE.url == "http://127.0.0.1:8710"
    assert Address("::1", 9).url == "http://[::1]:9"
    assert Address("0.0.0.0", 9, "https://desk.example").url == "https://desk.example"
    assert is_loopback("127.9.9.9") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("::") and not is_loopback("evil.example")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("desk.example", "write it as https://NAME"),
        ("ftp://desk.example", "write it as https://NAME"),
        ("https://", "write it as https://NAME"),
        ("https://desk.example/path", "write it as https://NAME"),
        ("https://a:b@desk.example", "write it as https://NAME"),
        ("https://desk.example:99999", "write it as https://NAME"),
        ("https://desk.example:0", "write it as https://NAME"),
        ("https://desk.example/#x", "write it as https://NAME"),
        ("https://evil.example\\@desk.example", "write it as https://NAME"),
        ("https://börse.example", "write it as https://NAME"),
        ("https://desk example", "write it as https://NAME"),
        ("https://[0::1]", "write it as https://NAME"),
        ("http://desk.example", "only https beyond this machine"),
    ],
)
def test_a_public_address_that_is_none(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        checked_public(text)


def test_a_public_address() -> None:
    assert checked_public(None) == "" and checked_public("https://desk.example/") == "https://desk.example"
    assert checked_public("http://localhost:8080") == "http://localhost:8080"
    # As a browser says it in Host and Origin.
    assert checked_public("HTTPS://Desk.Example:443") == checked_public("https://desk.example:")
    assert checked_public("https://desk.example:443") == "https://desk.example"
    assert checked_public("https://[2001:db8::1]:8443/") == "https://[2001:db8::1]:8443"


def test_beyond_this_machine_only_with_a_token_and_tls(tmp_path: Path) -> None:
    for public in ("", "https://desk.example"):
        with pytest.raises(ConfigError, match=r"0.0.0.0 is beyond .* --token-file FILE .* TLS in front"):
            checked_token("0.0.0.0", public, None)
    with pytest.raises(ConfigError, match=r"^--public-url: .* --token-file FILE, with TLS in front"):
        checked_token("127.0.0.1", "https://a.example", None)
    with pytest.raises(ConfigError, match="TLS in front"):
        check_reach("192.168.0.5", "")
    check_reach("192.168.0.5", "https://desk.example")
    check_reach("::1", "")
    assert len(checked_token("127.0.0.1", "", None)) >= 43 != checked_token("localhost", "", None)


def test_a_tokens_file(tmp_path: Path) -> None:
    def given(data: bytes, mode: int = 0o600) -> str:
        path = tmp_path / "token"
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
        return checked_token("0.0.0.0", "https://desk.example", path)

    assert given(TOKEN.encode() + b"\n") == TOKEN
    for data, mode, reason in (
        (b"short\n", 0o600, "32 to 500 characters"),
        (b"x" * 501, 0o600, "32 to 500 characters"),
        (b"x" * 20 + b" " + b"y" * 20, 0o600, "visible ASCII"),
        ("é".encode() * 20, 0o600, "visible ASCII"),
        (TOKEN.encode(), 0o640, "other users can read it"),
    ):
        with pytest.raises(ConfigError, match=reason):
            given(data, mode)
    with pytest.raises(ConfigError, match="No such file"):
        checked_token("127.0.0.1", "", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="Is a directory"):
        checked_token("127.0.0.1", "", tmp_path)
