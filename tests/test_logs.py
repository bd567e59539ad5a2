"""Log lines: their form, what never appears in them, the private file, and the ring for clients."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import logs
from engine.errors import StoreError

LOGGER = logging.getLogger("engine.feeds.binance")


class Captured:
    def __init__(self, path: Path, form: logs.Format = "text") -> None:
        self.stream = io.StringIO()
        self.path = path
        self.logs = logs.configure("info", stream=self.stream, file=path, form=form)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def captured(tmp_path: Path) -> Iterator[Captured]:
    captured = Captured(tmp_path / "engine.log")
    yield captured
    captured.logs.close()


@pytest.fixture
def as_json(tmp_path: Path) -> Iterator[Captured]:
    captured = Captured(tmp_path / "engine.json.log", "json")
    yield captured
    captured.logs.close()


def test_a_line_has_time_level_source_text_and_fields(captured: Captured) -> None:
    logs.log(LOGGER, logging.INFO, "connected", venue="binance", attempt=2, wait_s=0.25, detail='a "b" c=d')
    (line,) = captured.lines
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO feeds\.binance connected "
        r'venue=binance attempt=2 wait_s=0\.25 detail="a \\"b\\" c=d"',
        line,
    )
    assert captured.path.read_text() == line + "\n"


def test_the_time_is_the_records_in_utc() -> None:
    record = logging.makeLogRecord(
        {
            "name": "engine.risk",
            "msg": "halted",
            "levelname": "WARNING",
            "created": 1767268800.123,
            "msecs": 123.0,
        }
    )
    assert logs.LineFormatter(tracebacks=False).format(record) == (
        "2026-01-01T12:00:00.123Z WARNING risk halted"
    )


def test_levels_below_are_not_written(captured: Captured) -> None:
    logs.log(LOGGER, logging.DEBUG, "detail")
    LOGGER.debug("more detail")
    assert captured.lines == [] and captured.logs.ring.since(0) == ()


def test_text_from_outside_cannot_forge_lines_or_colours(captured: Captured) -> None:
    logs.log(LOGGER, logging.INFO, "said \x1b[31m\nfake\u202e", text="a\nb\x07" + "x" * 500, empty="")
    (line,) = captured.lines
    assert "\x1b" not in line and "\u202e" not in line and "\x07" not in line
    assert 'text="a bxxx' in line and len(line) < 400 and line.endswith('empty=""')


SECRETS = [
    {"api_token": "s3cr3t"},
    {"Secret": "s3cr3t"},
    {"apiKey": "s3cr3t"},
    {"password": "s3cr3t"},
    {"detail": "password=s3cr3t"},
    {"url": "wss://me:s3cr3t@example.com/ws"},
    {"url": "https://example.com/?listenKey=s3cr3t&x=1"},
    {"header": "Authorization: Bearer s3cr3t"},
    {"body": '{"api_secret": "s3cr3t"}'},
    {"header": "Authorization: Token s3cr3t"},
    {"header": "authorization=s3cr3t"},
    {"url": "redis://:p@s3cr3t@127.0.0.1/0"},
    {"told": "tickdesk_0123456789ab_s3cr3t"},
    {"url": "x" * (logs.VALUE_LIMIT - 20) + " redis://:s3cr3t-and-much-more@127.0.0.1/0"},
]


@pytest.mark.parametrize("fields", SECRETS)
def test_secrets_reach_no_output(captured: Captured, fields: dict[str, object]) -> None:
    logs.log(LOGGER, logging.INFO, "login", **fields)
    for name, value in fields.items():
        LOGGER.info(f"login {name}: {value}")
    try:
        raise ValueError(f"refused: {next(iter(fields))}={next(iter(fields.values()))}")
    except ValueError:
        LOGGER.exception("login failed")
    rows = " ".join(row.text for row in captured.logs.ring.since(0))
    for output in (captured.stream.getvalue(), captured.path.read_text(), rows):
        assert "login" in output and logs.HIDDEN in output
        assert "s3cr3t" not in output


def test_a_traceback_goes_to_the_file_alone(captured: Captured) -> None:
    try:
        raise ValueError("bad\nframe")
    except ValueError:
        LOGGER.exception("decoding failed")
    (line,) = captured.lines
    assert line.endswith('ERROR feeds.binance decoding failed error="ValueError: bad frame"')
    (row,) = captured.logs.ring.since(0)
    assert row.text == 'decoding failed error="ValueError: bad frame"' and row.level == "error"
    first, *trace = captured.path.read_text().splitlines()
    assert first == line and "Traceback" in trace[0] and "test_logs.py" in trace[1]
    assert all(text.startswith("    ") for text in trace)


def test_the_file_is_private_and_rotates(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_text("")
    path.chmod(0o644)
    configured = logs.configure("info", file=path, file_bytes=2_000, files=3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for number in range(400):
        logs.log(LOGGER, logging.INFO, "line", number=number)
    configured.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["engine.log", "engine.log.1", "engine.log.2"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert "number=399" in path.read_text()


@pytest.fixture
def on_full_disk(captured: Captured) -> Callable[[], None]:
    """Its file is on a full disk from now on; called: there is room again."""
    (kept,) = (one for one in captured.logs._handlers if isinstance(one, logs.PrivateFileHandler))
    assert kept.stream is not None
    at = kept.stream.fileno()
    real = os.dup(at)
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), at)

    def room() -> None:
        os.dup2(real, at)
        os.close(real)

    return room


def test_a_full_disk_is_told_in_a_line_and_shows_no_secret(
    captured: Captured, on_full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[logging.Handler] = []
    monkeypatch.setattr(logging.Handler, "handleError", lambda handler, record: printed.append(handler))
    for number in range(3):
        logs.log(LOGGER, logging.WARNING, "refused", number=number, token="tickdesk-1234")
    assert not {*printed} & {*captured.logs._handlers}, "a traceback, with the record as it is"
    assert [line.split(" ", 1)[1] for line in captured.lines] == [
        "WARNING feeds.binance refused number=0 token=[hidden]",
        f"ERROR logs {captured.path} takes no lines: No space left on device",
        "WARNING feeds.binance refused number=1 token=[hidden]",
        "WARNING feeds.binance refused number=2 token=[hidden]",
    ]
    on_full_disk()
    LOGGER.warning("room again")
    text = captured.path.read_text()
    assert "room again" in text and "up to 4 lines before this one are missing" in text


@pytest.mark.usefixtures("on_full_disk")
def test_a_full_disk_does_not_keep_the_file_from_being_closed(captured: Captured) -> None:
    LOGGER.warning("refused")
    captured.logs.close()
    assert not {*captured.logs._handlers} & {*logging.getLogger().handlers}


@pytest.mark.parametrize("gone", ["moved", "removed"])
def test_a_file_that_somebody_took_away_is_begun_anew(captured: Captured, gone: str) -> None:
    LOGGER.warning("before")
    moved = captured.path.with_suffix(".moved")
    captured.path.rename(moved)
    if gone == "removed":
        moved.unlink()
    LOGGER.warning("after")
    assert "after" in captured.path.read_text() and "before" not in captured.path.read_text()
    assert stat.S_IMODE(captured.path.stat().st_mode) == 0o600
    if gone == "moved":
        assert "after" not in moved.read_text()


def test_a_folder_that_somebody_took_away_ends_no_line(captured: Captured, tmp_path: Path) -> None:
    captured.path.unlink()
    captured.path.with_suffix(".log").mkdir()
    LOGGER.warning("after")
    assert "after" in captured.lines[-1] and len(captured.lines) == 1


def test_a_file_that_cannot_be_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(StoreError, match="--state-dir"):
        logs.configure("info", file=tmp_path / "missing" / "engine.log")
    assert logging.getLogger().handlers == before


def test_warnings_of_libraries_are_kept_and_their_chatter_is_not(captured: Captured) -> None:
    logging.getLogger("websockets.client").info("sent a frame")
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    (line,) = captured.lines
    assert line.endswith("ERROR asyncio Task exception was never retrieved")
    captured.logs.close()
    logging.getLogger("asyncio").error("after the end")
    assert len(captured.lines) == 1


def test_the_ring_keeps_the_newest_and_numbers_without_gaps() -> None:
    configured = logs.configure("info", capacity=3)
    ring = configured.ring
    assert ring.last_seq == 0 and ring.since(0) == ()
    for number in range(5):
        logs.log(LOGGER, logging.INFO, "line", number=number)
    configured.close()
    assert [(row.seq, row.source, row.text) for row in ring.since(0)] == [
        (seq, "feeds.binance", f"line number={seq - 1}") for seq in (3, 4, 5)
    ]
    assert [row.seq for row in ring.since(4)] == [5]
    assert ring.since(5) == () and ring.since(99) == ()


def test_the_ring_goes_by_the_desks_clock_where_it_has_one() -> None:
    ring, told = logs.LogRing(10), [0, 0, 1_700_000_000_000_000_001]
    ring.clock = lambda: told.pop(0)
    wall = {"name": "engine.risk", "msg": "x", "levelname": "INFO", "created": 1_800_000_000.5}
    ring.handle(logging.makeLogRecord(wall))
    ring.begins_ns = 1_700_000_000_000_000_000
    ring.handle(logging.makeLogRecord(wall))
    ring.handle(logging.makeLogRecord(wall))
    assert [row.ns for row in ring.since(0)] == [
        1_800_000_000_500_000_000,
        1_700_000_000_000_000_000,
        1_700_000_000_000_000_001,
    ]


def test_the_ring_loses_nothing_between_threads() -> None:
    configured = logs.configure("info", capacity=10_000)
    threads = [threading.Thread(target=lambda: [LOGGER.info("line") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    configured.close()
    assert [row.seq for row in configured.ring.since(0)] == list(range(1, 801))


def test_a_message_that_cannot_be_formatted_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    ring = logs.LogRing(10)
    ring.handle(logging.makeLogRecord({"name": "engine.risk", "msg": "%d items", "args": ("many",)}))
    ring.handle(logging.makeLogRecord({"name": "engine.risk", "msg": "still here", "levelname": "INFO"}))
    assert [(row.seq, row.text) for row in ring.since(0)] == [(1, "still here")]
    assert "%d items" in capsys.readouterr().err


# --- as JSON ---


def test_a_json_line_says_what_the_text_says(as_json: Captured) -> None:
    logs.log(
        LOGGER,
        logging.INFO,
        "connected \x1b[31mto\nit",
        venue="binance",
        attempt=2,
        wait_s=0.25,
        bad=math.nan,
    )
    (line,) = as_json.lines
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "info",
        "source": "feeds.binance",
        "text": "connected [31mto it",
        "fields": {"venue": "binance", "attempt": 2, "wait_s": 0.25, "bad": "nan"},
    }
    assert as_json.path.read_text() == line + "\n"


def test_a_traceback_is_in_the_files_json_alone(as_json: Captured) -> None:
    try:
        raise ValueError("bad\nframe")
    except ValueError:
        LOGGER.exception("decoding failed")
    (line,) = as_json.lines
    assert json.loads(line)["error"] == "ValueError: bad frame" and "traceback" not in json.loads(line)
    (kept,) = as_json.path.read_text().splitlines()
    trace = json.loads(kept)["traceback"]
    assert "Traceback" in trace[0] and any("test_logs.py" in text for text in trace)


@pytest.mark.parametrize("fields", SECRETS)
def test_secrets_reach_no_json(as_json: Captured, fields: dict[str, object]) -> None:
    logs.log(LOGGER, logging.INFO, "login", **fields)
    for name, value in fields.items():
        LOGGER.info(f"login {name}: {value}")
    try:
        raise ValueError(f"refused: {next(iter(fields))}={next(iter(fields.values()))}")
    except ValueError:
        LOGGER.exception("login failed")
    for output in (as_json.stream.getvalue(), as_json.path.read_text()):
        assert [json.loads(line)["level"] for line in output.splitlines()] == ["info", "info", "error"]
        assert logs.HIDDEN in output and "s3cr3t" not in output
