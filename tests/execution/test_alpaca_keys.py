"""Keys: where they come from, where they may go, and that nothing shows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.alpaca_keys import KEY, SECRET, Keys
from engine.errors import ConfigError
from engine.execution.alpaca.keys import check_host, load_keys, stream_of


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("PKFILE\nfile-secret\n")
    path.chmod(0o600)
    return path


def test_the_environment_comes_first(key_file: Path) -> None:
    keys = load_keys({KEY: "PK", SECRET: "s"}, str(key_file))
    assert keys.headers() == {"APCA-API-KEY-ID": "PK", "APCA-API-SECRET-KEY": "s"}
    assert load_keys({}, str(key_file)).login()["secret"] == "file-secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_keys({}, str(key_file))


def test_what_is_no_file_of_ones_own_is_refused(key_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path, words in ((link, "cannot be read"), (fifo, "no file"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(ConfigError, match=words):
            load_keys({}, str(path))


@pytest.mark.parametrize("text", ["", "PK\n", "PK\ns\nmore\n", "PK\n\x1b[31m\n", "PK\n" + "s" * 300])
def test_a_file_that_holds_no_keys_is_refused_without_showing_it(key_file: Path, text: str) -> None:
    key_file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_keys({}, str(key_file))
    assert "PK" not in str(refused.value) and "\x1b" not in str(refused.value)


def test_none_or_half_of_the_keys_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match=f"{KEY} and {SECRET}"):
        load_keys({}, "")
    with pytest.raises(ConfigError, match="both"):
        load_keys({KEY: "PK"}, "")


def test_keys_show_in_no_text() -> None:
    keys = Keys("PKHIDDEN", "very-secret")
    assert "PKHIDDEN" not in f"{keys} {keys!r} {[keys]}" and not hasattr(keys, "__dict__")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets.evil.example",
        "https://paper-api.alpaca.markets@evil.example",
        "https://evil.example/paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets:8443",
        "ftp://127.0.0.1",
        "https://[",
        "",
    ],
)
def test_keys_go_to_the_paper_host_only(url: str) -> None:
    with pytest.raises(ConfigError, match="rest_url"):
        check_host("rest_url", url, "http")


@pytest.mark.parametrize("url", ["https://paper-api.alpaca.markets", "http://127.0.0.1:80", "http://[::1]:9"])
def test_the_paper_host_and_this_machine_are_accepted(url: str) -> None:
    check_host("rest_url", url, "http")
    check_host("stream_url", stream_of(url), "ws")
    assert stream_of(url).endswith("/stream") and stream_of(url).startswith("ws")
