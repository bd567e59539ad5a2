"""Who is let in: by the name that we are asked by, the token, its role, and how often.

Nothing here opens a socket or reads a clock. A token is never part of a message or a log line.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal

from multidict import CIMultiDictProxy

from engine.api.route import Route
from engine.config.api import ApiConfig, listen_at
from engine.errors import TokenError
from engine.gateway.rates import Buckets
from engine.gateway.refusal import Refused, forbidden
from engine.gateway.tokens import Token, Tokens
from engine.text import clean

log = logging.getLogger("engine.gateway")

Rate = Literal["look", "history", "command", "safer"]
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_BEARER = "bearer "
_NETWORK = 64
"""Bits."""


class Door:
    """``clock_s`` never steps back; ``clock_ns``: UTC, for when a token expires."""

    def __init__(
        self, api: ApiConfig, tokens: Tokens, clock_s: Callable[[], float], clock_ns: Callable[[], int]
    ) -> None:
        self._tokens = tokens
        self._clock_s, self._clock_ns = clock_s, clock_ns
        self._behind_proxy = api.tls_proxy
        self._origins = frozenset(origin.lower() for origin in api.origins)
        listen = listen_at(api.listen)
        own = LOOPBACK | {listen.host.lower()} if listen.loopback else frozenset[str]()
        self._hosts = own | {name.lower() for name in api.hosts}
        self._by_address = Buckets(api.address_per_s)
        self._failures = Buckets(api.failures_per_minute / 60, burst_s=60.0)
        self._told = Buckets(1.0)
        self._rates: dict[Rate, Buckets] = {
            "look": Buckets(api.reads_per_s),
            "history": Buckets(api.history_per_s),
            "command": Buckets(api.commands_per_s),
            # Of its own: a storm of orders must not stand before a cancel.
            "safer": Buckets(api.commands_per_s),
        }

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Against a name of somebody else's that points here (DNS rebinding). Raises Refused."""
        if self._hosts and _name(headers.get("Host", "")) not in self._hosts:
            raise Refused(421, "WRONG_HOST", "the desk is not served by that name: see api.hosts", close=True)

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """A page of somebody else's opens no stream: https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
        Raises Refused."""
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in self._origins:
            raise Refused(403, "WRONG_ORIGIN", "a page of another origin opens no stream: see api.origins")

    def address(self, peer: str, headers: CIMultiDictProxy[str]) -> str:
        """Who asks: the peer; behind a proxy, what that says last: before it, anybody may say anything."""
        if self._behind_proxy:
            said = (headers.getall("X-Forwarded-For", None) or [""])[-1].rpartition(",")[2].strip()
            try:
                return str(ipaddress.ip_address(said))
            except ValueError:
                return peer
        return peer

    def check_address(self, address: str) -> None:
        """Raises Refused where it asks too often."""
        wait_s = self._by_address.take(source_of(address), self._clock_s())
        if wait_s:
            raise _too_often(wait_s, "from this address")

    def admit_signed(self, address: str) -> None:
        """Who sends what is signed has no token: whoever signs wrongly too often is not let in. It counts as
        wrong until ``was_signed``. Raises Refused."""
        wait_s = self._failures.take(source_of(address), self._clock_s())
        if wait_s:
            raise _too_often(wait_s, "without a signature that is right", close=True)

    def was_signed(self, address: str) -> None:
        self._failures.give_back(source_of(address), self._clock_s())

    def token(self, address: str, headers: Mapping[str, str]) -> Token:
        """Whose the token of the request is. Raises Refused."""
        said = headers.get("Authorization", "")
        try:
            token = None
            if said[: len(_BEARER)].lower() == _BEARER:
                token = self._tokens.find(said[len(_BEARER) :].strip(), self._clock_ns())
        except TokenError as error:
            if not self._told.take("file", self._clock_s()):
                log.error("nobody is let in: %s", error)
            raise Refused(503, "NO_TOKENS", "the file of tokens cannot be read; the log says why") from None
        if token is None:
            raise self._failed(address, bool(said))
        return token

    def _failed(self, address: str, said: bool) -> Refused:
        now_s = self._clock_s()
        source = source_of(address)
        wait_s = self._failures.take(source, now_s)
        if wait_s:
            return _too_often(wait_s, "without a token that is right", close=True)
        if said and not self._told.take(source, now_s):
            log.warning("a token that is none, or expired, from %s", clean(address, 60))
        text = "that token is none, or expired" if said else "say a token: Authorization: Bearer TOKEN"
        return Refused(
            401,
            "UNAUTHORIZED",
            f"{text}; `tickdesk token add NAME` makes one",
            headers={"WWW-Authenticate": 'Bearer realm="tickdesk"'},
        )

    def check_role(self, token: Token, route: Route) -> None:
        """Raises Refused."""
        if not token.may(route.role):
            raise forbidden(route.role, token.role)

    def check_rate(self, token: Token, rate: Rate) -> None:
        """Raises Refused where the token asks too often."""
        wait_s = self._rates[rate].take(token.id, self._clock_s())
        if wait_s:
            raise _too_often(wait_s, "with this token")

    def admits_again(self, token: Token, address: str, rate: Rate) -> bool:
        """Whether one who was let in before still is, and may ask now; that is taken from its rates then."""
        now_s, source = self._clock_s(), source_of(address)
        if not self.holds(token) or self._by_address.take(source, now_s):
            return False
        if self._rates[rate].take(token.id, now_s):
            self._by_address.give_back(source, now_s)
            return False
        return True

    def holds(self, token: Token) -> bool:
        """Whether a token that was let in still would be."""
        try:
            return self._tokens.holds(token, self._clock_ns())
        except TokenError:
            return False


@lru_cache(1_000)
def source_of(address: str) -> str:
    """Whose bucket: of IPv6 the network, as one machine has all addresses of one (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _NETWORK), strict=False))


def _too_often(wait_s: float, where: str, *, close: bool = False) -> Refused:
    return Refused(429, "TOO_OFTEN", f"too many requests {where}: wait", retry_s=wait_s, close=close)


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
