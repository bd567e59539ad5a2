"""The keys of an Alpaca account: what proves to its data and trading services who asks. Never shown."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import ConfigError

KEY, SECRET = "TICKDESK_ALPACA_KEY", "TICKDESK_ALPACA_SECRET"
LONGEST = 200


class Keys:
    """A key and its secret. Neither its text nor its repr shows them."""

    __slots__ = ("_key", "_secret")

    def __init__(self, key: str, secret: str, section: str = "brokers.alpaca") -> None:
        """Raises ConfigError, which names ``section``, unless both are printable words."""
        for name, value in (("key", key), ("secret", secret)):
            if not (
                0 < len(value) <= LONGEST and value.isascii() and value.isprintable() and " " not in value
            ):
                raise ConfigError(f"{section}: the {name} is not one printable word")
        self._key, self._secret = key, secret

    def __repr__(self) -> str:
        return "Keys(hidden)"

    def headers(self) -> dict[str, str]:
        return {"APCA-API-KEY-ID": self._key, "APCA-API-SECRET-KEY": self._secret}

    def login(self) -> dict[str, str]:
        """The first message on a stream."""
        return {"action": "auth", "key": self._key, "secret": self._secret}


def keys_of(environ: Mapping[str, str], section: str = "brokers.alpaca") -> Keys | None:
    """The keys that the environment holds; None when it holds neither. Raises ConfigError for one alone."""
    key, secret = environ.get(KEY, ""), environ.get(SECRET, "")
    if not key and not secret:
        return None
    if not (key and secret):
        raise ConfigError(f"set both {KEY} and {SECRET}")
    return Keys(key, secret, section)
