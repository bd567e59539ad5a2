"""``tickdesk openapi``: the OpenAPI document of the API; needs no engine."""

from __future__ import annotations

import argparse

import msgspec


def run(arguments: argparse.Namespace) -> int:
    from engine.api.openapi import document
    from engine.api.table import TABLE

    print(msgspec.json.format(msgspec.json.encode(document(TABLE)), indent=2).decode())
    return 0
