"""Frames of a WebSocket as a server sends them, made once for all who get them.

https://datatracker.ietf.org/doc/html/rfc6455#section-5.2: unmasked, never fragmented, no extension.
"""

from __future__ import annotations

_FINAL_BINARY, _FINAL_CLOSE, _FINAL_PING = 0x82, 0x88, 0x89
_MOST_REASON = 123


def binary(payload: bytes) -> bytes:
    return _head(_FINAL_BINARY, len(payload)) + payload


def close(code: int, reason: str) -> bytes:
    """``reason``: what is longer than a close frame may say is cut."""
    payload = code.to_bytes(2, "big") + reason.encode()[:_MOST_REASON]
    return _head(_FINAL_CLOSE, len(payload)) + payload


def ping() -> bytes:
    return _head(_FINAL_PING, 0)


def _head(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")
