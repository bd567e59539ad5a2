"""Tokens: who may ask from outside, and what.

A token is ``tickdesk_ID_SECRET``: the id finds its row, the secret is 256 random bits. Of the secret a salted
SHA-256 is kept. No slow hash such as scrypt: that protects what people choose, which can be guessed; 2^256
cannot be tried however fast a try is, and a slow one at every request could be used to keep us busy.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import TokenError
from engine.text import clean
from engine.whole_file import whole_bytes

Role = Literal["read", "trade", "admin"]
ROLES: tuple[Role, ...] = ("read", "trade", "admin")
"""Each may what the ones before it may."""
FILE = "tokens.json"
MOST_TOKENS = 1_000
MOST_DAYS = 3_650
MOST_FILE = 1024 * 1024
_DAY_NS = 86_400 * 1_000_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_TOKEN = re.compile(r"tickdesk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODY = bytes(32)
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))


class Token(msgspec.Struct, frozen=True):
    """What is kept of one."""

    name: str
    role: Role
    id: str
    salt: str
    """Hexadecimal, as is ``hash``."""
    hash: str
    created_ns: int
    expires_ns: int = 0
    """0: never."""

    def expired(self, now_ns: int) -> bool:
        return 0 < self.expires_ns <= now_ns

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class _Kept(msgspec.Struct, frozen=True):
    tokens: tuple[Token, ...] = ()


class Tokens:
    """The tokens of one state directory. Whoever changes the file, it counts from the next look on."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / FILE
        self._stamp: tuple[int, int, int] | None = None
        self._by_id: dict[str, Token] = {}

    def all(self) -> tuple[Token, ...]:
        """In the order in which they were made. Raises TokenError."""
        self._look()
        return tuple(self._by_id.values())

    def usable(self, now_ns: int) -> int:
        """How many are not expired. Raises TokenError."""
        return sum(not token.expired(now_ns) for token in self.all())

    def find(self, given: str, now_ns: int) -> Token | None:
        """Whose token ``given`` is; None: nobody's, or it is expired. Raises TokenError."""
        self._look()
        found = _TOKEN.fullmatch(given)
        token = self._by_id.get(found[1]) if found else None
        salt, kept = (token.salt, token.hash) if token else ("00" * 16, "")
        same = hmac.compare_digest(_hash(salt, found[2] if found else ""), _bytes(kept))
        return token if token and same and not token.expired(now_ns) else None

    def holds(self, token: Token, now_ns: int) -> bool:
        """Whether a token that was found still counts. Raises TokenError."""
        self._look()
        return self._by_id.get(token.id) == token and not token.expired(now_ns)

    def add(self, name: str, role: Role, now_ns: int, days: float | None = None) -> str:
        """Make one; the token itself is returned, and kept nowhere. Raises TokenError."""
        if not _NAME.fullmatch(name):
            raise TokenError(f'"{clean(name, 40)}" is no name of a token: letters, digits, . _ -, at most 32')
        if days is not None and not 0 < days <= MOST_DAYS:
            raise TokenError(f"--days: above 0, at most {MOST_DAYS}")
        with self._changing():
            kept = self.all()
            if any(token.name == name for token in kept):
                raise TokenError(f"there is a token {name} already: `tickdesk token remove {name}` first")
            if len(kept) >= MOST_TOKENS:
                raise TokenError(f"there are {MOST_TOKENS} tokens already: remove some")
            id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
            expires_ns = 0 if days is None else now_ns + round(days * _DAY_NS)
            token = Token(name, role, id, salt, _hash(salt, secret).hex(), now_ns, expires_ns)
            self._write((*kept, token))
        return f"tickdesk_{id}_{secret}"

    def remove(self, name: str) -> None:
        """Raises TokenError."""
        with self._changing():
            kept = self.all()
            left = tuple(token for token in kept if token.name != name)
            if len(left) == len(kept):
                known = ", ".join(token.name for token in kept) or "none"
                raise TokenError(f"there is no token {clean(name, 40)}: there is {clean(known, 200)}")
            self._write(left, in_place=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time, of all processes; the directory itself is what they take turns at."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise TokenError(f"cannot use {folder}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, tokens: tuple[Token, ...], *, in_place: bool = False) -> None:
        """``in_place``: what is shorter than the file is written over it where there is no room beside it."""
        data = msgspec.json.format(msgspec.json.encode(_Kept(tokens))) + b"\n"
        try:
            try:
                whole_bytes(self.path, data)
            except OSError as error:
                if not in_place or error.errno not in _NO_ROOM:
                    raise
                self._overwrite(data)
        except OSError as error:
            raise TokenError(f"cannot write {self.path}: {error.strerror}") from error

    def _overwrite(self, data: bytes) -> None:
        """Whoever may not come in any more is not let in until somebody makes room. A file that is torn by
        this lets nobody in."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.ljust(os.fstat(descriptor).st_size))
            file.flush()
            os.fsync(descriptor)

    def _look(self) -> None:
        """Read the file again where it is another than before."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._by_id = None, {}
            return
        except OSError as error:
            raise TokenError(f"cannot read {self.path}: {error.strerror}") from error
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._by_id = {token.id: token for token in self._read()}
            self._stamp = stamp

    def _read(self) -> tuple[Token, ...]:
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                data = file.read(MOST_FILE)
        except OSError as error:
            raise TokenError(f"cannot read {self.path}: {error.strerror}") from error
        if status.st_mode & 0o077 or status.st_uid != os.getuid():
            raise TokenError(f"{self.path} can be read by others: chmod 600, and own it")
        try:
            return msgspec.json.decode(data, type=_Kept).tokens
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TokenError(
                f"{self.path} is damaged ({clean(error, 80)}): remove it, and make new tokens"
            ) from None


def _hash(salt: str, secret: str) -> bytes:
    return hashlib.sha256(_bytes(salt) + secret.encode()).digest()


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text) or _NOBODY
    except ValueError:
        return _NOBODY
