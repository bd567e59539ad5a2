"""Until when a certificate is valid, read from its PEM text: the standard library tells it of peers only.

The fields of a certificate: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_VERSION, _UTC_TIME = 0xA0, 0x17
"""Tags; two digits of a year are of 1950 to 2049."""


def ends_s(pem: str) -> float:
    """Of the first certificate in it, seconds since the epoch. Raises ValueError where it tells none."""
    first = pem.partition(_BEGIN)[2].partition(_END)[0]
    der = ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{first}{_END}")
    try:
        _, at, _ = _field(der, 0)
        _, at, _ = _field(der, at)
        tag, _, after = _field(der, at)
        at = after if tag == _VERSION else at
        for _ in ("serial number", "signature", "issuer"):
            _, _, at = _field(der, at)
        _, at, _ = _field(der, at)
        _, _, at = _field(der, at)  # valid from
        tag, at, after = _field(der, at)
    except IndexError:
        raise ValueError("it is cut off") from None
    text = der[at:after].decode("ascii")
    if tag == _UTC_TIME:
        text = f"{'20' if text < '50' else '19'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _field(der: bytes, at: int) -> tuple[int, int, int]:
    """Its tag, where its content begins, and where it ends."""
    tag, length = der[at], der[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[at : at + size], "big")
        at += size
    return tag, at, at + length
