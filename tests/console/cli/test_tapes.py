"""Tapes that cannot be read, or not to their end."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import msgspec
import pytest

from tests.console.cli.called import Capture, call, refused


def frame(n: int) -> bytes:
    raw = msgspec.json.encode({"e": "trade", "n": n}).decode()
    return msgspec.json.encode({"t": n, "ch": "ws", "raw": raw}) + b"\n"


def test_unreadable_tapes(capsys: Capture, tmp_path: Path) -> None:
    text = b"".join(frame(n) for n in range(2000))
    tapes = {
        "empty.jsonl": b"",
        "binary.jsonl": os.urandom(5000),
        "text.jsonl": b"hello\nworld\n",
        "json.jsonl": b'{"a":1}\n' * 10,
        "broken.jsonl.gz": b"\x1f\x8b\x08\x00 no gzip",
        "cut.jsonl.gz": gzip.compress(text)[:-200],
    }
    for name, content in tapes.items():
        path = tmp_path / name
        path.write_bytes(content)
        for command in (["replay", str(path)], ["--no-ui", "--tape", str(path)]):
            code, err = refused(capsys, *command, "--state-dir", str(tmp_path / "s"))
            assert code == 1 and name in err, (name, err)
    for path in (tmp_path / "none.jsonl", tmp_path):
        code, err = refused(capsys, "replay", str(path))
        assert code == 1 and str(path) in err
    code, err = refused(capsys, "replay", str(tmp_path / "text.jsonl"), "--venue", "nosuch")
    assert code == 1 and "nosuch" in err


@pytest.mark.data
def test_a_tape_cut_in_the_middle_is_replayed_up_to_there_and_says_so(
    capsys: Capture, tmp_path: Path, data_dir: Path
) -> None:
    whole = (data_dir / "feeds/binance/spot_btcusdt_20240808-09.jsonl.gz").read_bytes()
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 20])
    assert call("replay", "--json", str(cut)) == 0
    out, err = capsys.readouterr()
    report = msgspec.json.decode(out)
    assert report["truncated"] and report["trades"] > 100 and report["undecodable"] == 0
    assert "cut off" in err and err.count("\n") == 1
    assert call("replay", str(cut)) == 0
    out, _ = capsys.readouterr()
    assert report["sha256"] in out and f"{report['trades']:,}" in out
