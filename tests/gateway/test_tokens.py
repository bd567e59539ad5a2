"""Tokens: what is kept of them, whom they let in, and what of a damaged or open file."""

from __future__ import annotations

import errno
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TokenError
from engine.gateway import tokens as tokens_module
from engine.gateway.tokens import FILE, MOST_TOKENS, Tokens

NOW = 1_800_000_000_000_000_000
DAY = 86_400 * 1_000_000_000


def test_a_token_is_shown_once_and_its_secret_is_kept_nowhere(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "state")
    text = tokens.add("bot", "trade", NOW)
    kept = (tmp_path / "state" / FILE).read_text()
    assert text.split("_", 2)[2] not in kept and text not in kept
    assert stat.S_IMODE((tmp_path / "state" / FILE).stat().st_mode) == 0o600
    found = tokens.find(text, NOW)
    assert found is not None and (found.name, found.role) == ("bot", "trade")
    assert found.may("read") and found.may("trade") and not found.may("admin")


def test_two_tokens_share_neither_salt_nor_secret(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    texts = [tokens.add(name, "read", NOW) for name in ("a", "b")]
    kept = tokens.all()
    assert len({token.salt for token in kept}) == len({token.hash for token in kept}) == len(set(texts)) == 2


def test_what_another_process_changes_counts_at_once(tmp_path: Path) -> None:
    ours, theirs = Tokens(tmp_path), Tokens(tmp_path)
    assert ours.usable(NOW) == 0
    text = theirs.add("bot", "read", NOW)
    token = ours.find(text, NOW)
    assert token is not None and ours.holds(token, NOW)
    theirs.remove("bot")
    assert ours.find(text, NOW) is None and not ours.holds(token, NOW)
    other = theirs.add("bot", "admin", NOW)
    assert not ours.holds(token, NOW) and ours.find(other, NOW) is not None


def test_an_expired_token_is_none(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    text = tokens.add("bot", "read", NOW, days=2)
    assert tokens.find(text, NOW + 2 * DAY - 1) is not None
    assert tokens.find(text, NOW + 2 * DAY) is None
    assert (tokens.usable(NOW), tokens.usable(NOW + 2 * DAY)) == (1, 0)


@given(
    st.one_of(st.text(max_size=90), st.from_regex(r"tickdesk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", fullmatch=True))
)
def test_whatever_else_is_said_is_nobodys(tmp_path_factory: pytest.TempPathFactory, said: str) -> None:
    assert _one(tmp_path_factory).find(said, NOW) is None


def _one(factory: pytest.TempPathFactory, kept: list[Tokens] = []) -> Tokens:  # noqa: B006 - one for all
    if not kept:
        kept.append(Tokens(factory.mktemp("tokens")))
        kept[0].add("bot", "admin", NOW)
    return kept[0]


def test_each_changed_character_makes_it_another(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    text = tokens.add("bot", "read", NOW)
    for at in range(len(text)):
        changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
        assert tokens.find(changed, NOW) is None
    assert tokens.find(f"{text}=", NOW) is None


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 33, "a\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenError, match="no name of a token"):
        Tokens(tmp_path).add(name, "read", NOW)


def test_refusals_in_one_line(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    tokens.add("bot", "read", NOW)
    for wrong in (
        lambda: tokens.add("bot", "admin", NOW),
        lambda: tokens.remove("cat"),
        lambda: tokens.add("cat", "read", NOW, days=0),
        lambda: tokens.add("cat", "read", NOW, days=float("nan")),
        lambda: tokens.add("cat", "read", NOW, days=1e9),
    ):
        with pytest.raises(TokenError) as caught:
            wrong()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tokens":[{"name":1}]}', '{"tokens":[]}x', "\xff"])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    tokens = Tokens(tmp_path)
    token = tokens.add("bot", "read", NOW)
    tokens.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TokenError, match="damaged"):
        tokens.find(token, NOW)


def test_a_token_is_revoked_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no room for a file beside the old one; what is left fits into that."""
    tokens = Tokens(tmp_path)
    made = {name: tokens.add(name, "admin", NOW) for name in ("one", "two", "three")}

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tokens_module, "whole_bytes", full)
    for gone in ("two", "one"):
        Tokens(tmp_path).remove(gone)
        assert tokens.find(made[gone], NOW) is None and tokens.find(made["three"], NOW) is not None
    with pytest.raises(TokenError, match="No space left"):
        tokens.add("four", "read", NOW)
    assert tokens.find(made["three"], NOW) is not None
    monkeypatch.undo()
    assert tokens.add("four", "read", NOW) and [one.name for one in tokens.all()] == ["three", "four"]


def test_a_file_that_others_can_read_lets_nobody_in(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    token = tokens.add("bot", "read", NOW)
    tokens.path.chmod(0o640)
    with pytest.raises(TokenError, match="chmod 600"):
        Tokens(tmp_path).find(token, NOW)


def test_no_token_is_lost_where_several_are_made_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: Tokens(tmp_path).add(f"bot{n}", "read", NOW), range(40)))
    assert len(Tokens(tmp_path).all()) == 40 < MOST_TOKENS
