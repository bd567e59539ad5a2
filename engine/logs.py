"""Structured logging: one line per event, ``key=value`` fields, nothing secret, nothing unprintable.

    2026-01-01T12:00:00.123Z INFO feeds.binance connected venue=binance attempt=2

Or, for who collects them, one JSON object a line, with the same and nothing else:

    {"time":"2026-01-01T12:00:00.123Z","level":"info","source":"feeds.binance","text":"connected",
     "fields":{"venue":"binance","attempt":2}}

Built on the standard library's logging. The engine's lines, and warnings of the libraries it uses, go to
stderr, to a rotating file of mode 0600, and to a ring in memory for clients. Tracebacks go to the file alone.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Literal

import msgspec

from engine.api.protocol import LogRow
from engine.config import LoggingConfig
from engine.errors import StoreError
from engine.text import clean

ROOT = "engine"
FILE_BYTES = 2_000_000
FILES = 5
Format = Literal["text", "json"]
TEXT_LIMIT = 500
VALUE_LIMIT = 200
HIDDEN = "[hidden]"

_SECRET = re.compile(r"token|secret|key|password|passphrase|authorization|credential", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"""(?ix)
    ( \b[\w-]*(?:token|secret|key|password|passphrase)["']?\s*[=:]\s*["']?
    | \bauthorization["']?\s*[=:]\s*["']?(?:(?:token|bearer|basic|digest)\s+)?
    | \b(?:bearer|basic)\s+
    | \btickdesk_[0-9a-f]{12}_
    )
    [^\s"'&,;]+
    """
)
_CREDENTIALS_IN_URL = re.compile(r"(://)[^/\s]+@")
_PLAIN = re.compile(r"[^\s\"=]+")
_own = logging.getLogger(f"{ROOT}.logs")


def log(logger: logging.Logger, level: int, text: str, /, **fields: object) -> None:
    """Log ``text`` with ``fields``: ``log(logger, logging.INFO, "connected", venue="kraken")``."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", text, extra={"fields": fields})


def redact(text: str) -> str:
    """Hide what follows ``token=``, ``"secret": ``, ``Bearer `` and the like, and credentials in URLs."""
    return _CREDENTIALS_IN_URL.sub(rf"\1{HIDDEN}@", _SECRET_TEXT.sub(rf"\1{HIDDEN}", text))


def _safe(value: object, limit: int) -> str:
    """Clean, without secrets, and only then cut: half of a secret is not known for one."""
    text = redact(clean(value, 4 * limit))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def field(name: str, value: object) -> str:
    """``name=value``, cleaned; quoted where it has blanks, quotes or "="; a secret name keeps no value."""
    if _SECRET.search(name):
        return f"{name}={HIDDEN}"
    text = _safe(f"{value:g}" if isinstance(value, float) else value, VALUE_LIMIT)
    if not _PLAIN.fullmatch(text):
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name}={text}"


def message(record: logging.LogRecord) -> str:
    """The record's text and fields on one clean line; an exception as its type and text."""
    parts = [_safe(record.getMessage(), TEXT_LIMIT)]
    fields: dict[str, object] = getattr(record, "fields", {})
    parts += [field(name, value) for name, value in fields.items()]
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        parts.append(field("error", f"{type(error).__name__}: {error}"))
    return " ".join(parts)


def stamp(record: logging.LogRecord) -> str:
    """The record's time, UTC, to the millisecond."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def source(record: logging.LogRecord) -> str:
    """The logger's name below ``engine``."""
    return clean(record.name.removeprefix(f"{ROOT}."))


class LineFormatter(logging.Formatter):
    """One line per record; with ``tracebacks``, indented lines below it."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line = f"{stamp(record)} {record.levelname} {source(record)} {message(record)}"
        if not (self._tracebacks and record.exc_info and record.exc_info[1] is not None):
            return line
        return "\n".join([line, *(f"    {text}" for text in _trace(record.exc_info[1]))])


class JsonFormatter(logging.Formatter):
    """One JSON object a line; with ``tracebacks``, their lines in it."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": stamp(record),
            "level": record.levelname.lower(),
            "source": source(record),
            "text": _safe(record.getMessage(), TEXT_LIMIT),
        }
        fields: dict[str, object] = getattr(record, "fields", {})
        if fields:
            line["fields"] = {clean(name, VALUE_LIMIT): _plain(name, value) for name, value in fields.items()}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = _safe(f"{type(error).__name__}: {error}", VALUE_LIMIT)
            if self._tracebacks:
                line["traceback"] = _trace(error)
        return msgspec.json.encode(line).decode()


class LogRing(logging.Handler):
    """The newest ``capacity`` lines as rows for the link. Safe to use from several threads."""

    def __init__(self, capacity: int = 1000) -> None:
        super().__init__()
        self._rows: deque[LogRow] = deque(maxlen=capacity)
        self._last_seq = 0
        self._guard = threading.Lock()
        self.clock: Callable[[], int] | None = None
        """The desk's, ns UTC, where that is not the wall's: a replay's lines stand where its tape was. 0: it
        does not go yet. Asked on whatever thread logs."""
        self.begins_ns = 0
        """When that clock begins, ns UTC: the time of what is logged before; 0: it has none."""

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest line; 0 before the first."""
        return self._last_seq

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = message(record)
        except Exception:
            self.handleError(record)
            return
        clock = self.clock
        desk_ns = (clock() if clock is not None else 0) or self.begins_ns
        ns = desk_ns or int(record.created * 1_000_000) * 1_000
        with self._guard:
            self._last_seq += 1
            self._rows.append(LogRow(self._last_seq, ns, record.levelname.lower(), source(record), text))

    def clear(self) -> None:
        """Hold no line any more; the numbers go on."""
        with self._guard:
            self._rows.clear()

    def since(self, seq: int) -> tuple[LogRow, ...]:
        """Lines after ``seq`` that are still held, oldest first."""
        with self._guard:
            newer = min(self._last_seq - seq, len(self._rows))
            if newer <= 0:
                return ()
            if newer == len(self._rows):
                return tuple(self._rows)
            return tuple(self._rows[index] for index in range(len(self._rows) - newer, len(self._rows)))


class PrivateFileHandler(RotatingFileHandler):
    """A rotating file that only its owner can read, whatever the umask.

    That a disk takes no lines is said once, where lines go besides; and in the file, how many, once it does.
    Where somebody else has moved or removed it, it is begun anew: nobody reads what goes on in the other.
    """

    _lost = 0
    """Lines since the disk took the last one."""
    _opened: os.stat_result | None = None

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._lost
        stream = self.stream
        if stream is not None and not self._is_in_place():
            with contextlib.suppress(OSError):  # where no other can be made this one is as good
                self.stream = self._open()
                stream.close()
        super().emit(record)
        if lost and self._lost == lost:
            self._lost = 0
            _own.warning("up to %d lines before this one are missing in %s", lost, self.baseFilename)

    def _is_in_place(self) -> bool:
        try:
            return self._opened is None or os.path.samestat(Path(self.baseFilename).stat(), self._opened)
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def handleError(self, record: logging.LogRecord) -> None:
        """Print no traceback for what a disk does: it would show the line as it is, with its secrets."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._lost += 1
        if self._lost == 1:
            _own.error("%s takes no lines: %s", self.baseFilename, error.strerror)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take
            super().close()

    def _open(self) -> TextIOWrapper:
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(fd, 0o600)
        self._opened = os.fstat(fd)
        return os.fdopen(fd, "a", encoding="utf-8", errors="backslashreplace")


class Logs:
    """What ``configure`` set up; ``close`` takes it away again."""

    def __init__(self, ring: LogRing, handlers: list[logging.Handler]) -> None:
        self.ring = ring
        self._handlers = handlers

    def close(self) -> None:
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()


def configure(
    level: str = "info",
    *,
    stderr: bool = False,
    file: Path | None = None,
    capacity: int = 1000,
    stream: IO[str] | None = None,
    form: Format = "text",
    file_bytes: int = FILE_BYTES,
    files: int = FILES,
) -> Logs:
    """Send the engine's lines of ``level`` (debug, info, warning, error) and above where asked.

    ``file`` is put aside when it has ``file_bytes``; of ``files`` (2 at least, it included) the oldest goes.
    ``stream`` stands in for stderr. Raises ``StoreError`` when ``file`` cannot be written.
    """
    ring, formatter = LogRing(capacity), JsonFormatter if form == "json" else LineFormatter
    handlers: list[logging.Handler] = [ring]
    if stderr or stream is not None:
        console = logging.StreamHandler(stream if stream is not None else sys.stderr)
        console.setFormatter(formatter(tracebacks=False))
        handlers.append(console)
    if file is not None:
        try:
            kept = PrivateFileHandler(file, maxBytes=file_bytes, backupCount=files - 1, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {file}: {error.strerror}; choose another --state-dir") from error
        kept.setFormatter(formatter(tracebacks=True))
        handlers.append(kept)
    logging.getLogger(ROOT).setLevel(level.upper())
    for handler in handlers:
        logging.getLogger().addHandler(handler)  # the root's level, WARNING, goes for the libraries
    return Logs(ring, handlers)


def configure_by(config: LoggingConfig, *, stderr: bool = False, file: Path | None = None) -> Logs:
    """``configure`` as the configuration has it."""
    return configure(
        config.level,
        stderr=stderr,
        file=file,
        form=config.format,
        file_bytes=int(config.max_mb * 1e6),
        files=config.files,
    )


def _plain(name: str, value: object) -> object:
    """A field's value: numbers and flags as they are, anything else as clean text without secrets."""
    if _SECRET.search(name):
        return HIDDEN
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _safe(value, VALUE_LIMIT)


def _trace(error: BaseException) -> list[str]:
    """The lines of its traceback, clean."""
    return [_indented(text) for text in "".join(traceback.format_exception(error)).splitlines()]


def _indented(text: str) -> str:
    """Clean a line of a traceback and keep its indentation."""
    kept = text.lstrip(" ")
    return " " * (len(text) - len(kept)) + _safe(kept, TEXT_LIMIT)
