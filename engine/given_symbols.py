"""Symbols as a person gives them to a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class GivenSymbols(argparse.Action):
    """``--symbols A B``, and ``A,B`` as other commands take them: a list of names, none twice."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        given = [values] if isinstance(values, str) else values or []
        names = [name.strip() for text in given for name in text.split(",")]
        if "" in names:
            parser.error(f"argument {option_string}: a name is empty")
        setattr(namespace, self.dest, list(dict.fromkeys(names)))
