"""Files of captures, read for ``check``: JSON lines, plain or gzip, cut off or not, or one JSON document."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import TapeError
from engine.feeds.checking.feed import FeedCheck
from engine.feeds.checking.report import CheckReport, Counting, Line
from engine.feeds.checking.source import SourceCheck
from engine.feeds.lines import LineChunks
from engine.feeds.registry import VENUES
from engine.feeds.sources.registry import SERVICES
from engine.text import clean

_MOST_DOCUMENT = 64 << 20
_LOOKED_AT = 200
"""Rows that tell whose frames a capture holds."""
_line = msgspec.json.Decoder(Line).decode


def checkable() -> frozenset[str]:
    """The names of what has an adapter that can be checked."""
    return frozenset(VENUES) | frozenset(SERVICES)


def check_file(venue: str, path: Path) -> CheckReport:
    """Run one file through the adapter of ``venue``, one of ``checkable``, or through that of its other
    sockets whose frames the file holds: the report names it. Raises TapeError when it cannot be read, or is
    no capture at all."""
    chunks = LineChunks(path)
    try:
        first, head = True, list[bytes]()
        pieces = iter(chunks)
        check = _check(venue, path)
        for chunk in pieces:
            lines = chunk.splitlines()
            if first and venue not in SERVICES:
                head = lines[:_LOOKED_AT]
                check = _check(spoken(venue, head), path)
            if first and _is_document(lines):
                document = b"".join([chunk, *pieces])
                _refuse_long(path, len(document))
                check.report.rows += 1
                check.row(_as_row(path, document))
                break
            if first:
                _refuse_ticks(path, lines)
            first = False
            for line in lines:
                if line.strip():
                    check.line(line)
    except OSError as error:
        raise TapeError(f"cannot read the capture {path}: {clean(error.strerror or error)}") from None
    report = check.finish(truncated=chunks.truncated)
    if report.wrong and venue not in SERVICES and (other := _whose(head)) not in ("", report.venue):
        report.wrong.append(f"its frames look like those of {other}: check it with that name")
    return report


def _check(name: str, path: Path) -> Counting:
    return (SourceCheck if name in SERVICES else FeedCheck)(name, str(path))


def spoken(venue: str, lines: list[bytes]) -> str:
    """``venue``, or another socket of the same company (``<venue>-…``) if most of these rows come from it."""
    return _voted(lines, [venue, *(one for one in VENUES if one.startswith(f"{venue}-"))], venue)


def _whose(lines: list[bytes]) -> str:
    """The venue that most of these rows come from, "" where none of them tells."""
    return _voted(lines, ["", *reversed(VENUES)], "")  # looked at from its end


def _voted(lines: list[bytes], names: list[str], venue: str) -> str:
    votes = dict.fromkeys(names, 0)
    for line in lines if len(votes) > 1 else ():
        try:
            row = _line(line)
        except (msgspec.MsgspecError, RecursionError):
            continue  # the check itself tells of it
        host, raw = row.url.partition("://")[2].partition("/")[0], row.raw or ""
        for name in reversed(votes):
            if not name:
                break  # no venue's
            entry = VENUES[name]
            heads = entry.frame_heads if entry.frame_mark or name == venue or not venue else ()
            if any(part in host for part in entry.hosts) or (
                not host and raw.startswith(heads) and entry.frame_mark in raw
            ):
                votes[name] += 1
                break
    return max(votes, key=votes.__getitem__)


def _is_document(lines: list[bytes]) -> bool:
    """One JSON value over many lines, as people keep single messages."""
    return bool(lines) and lines[0].strip() in (b"{", b"[")


def _refuse_long(path: Path, length: int) -> None:
    if length > _MOST_DOCUMENT:
        raise TapeError(f"{path} is one JSON value of more than {_MOST_DOCUMENT >> 20} MiB, no capture")


def _as_row(path: Path, document: bytes) -> Line:
    """Its name tells whether it is a frame or a reply."""
    kind = path.name.partition(".")[0]
    return Line(raw=document.decode("utf-8", "replace"), src=path.name, kind=kind)


def _refuse_ticks(path: Path, lines: list[bytes]) -> None:
    """A tape of normalised ticks has no frames that an adapter could read."""
    try:
        first = msgspec.json.decode(lines[0]) if lines else None
    except msgspec.MsgspecError:
        return
    if isinstance(first, dict) and "ts" in first and "raw" not in first:
        raise TapeError(f"{path} holds normalised ticks, not a venue's messages: they need no adapter")
