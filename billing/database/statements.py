"""SQL files with names: `-- name`, one line of promise beginning with `--`, then the statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_HEADING = re.compile(r"^-- ([a-z][a-z0-9_]*)\n(?=-- \S)", re.MULTILINE)


def load_statements(package: str, file: str = "queries.sql") -> Mapping[str, bytes]:
    """Reads `file` of `package` into name → statement.

    Statements are bytes, which psycopg runs as they are: no part of them comes from a caller.
    Raises ValueError for a name that is there twice, or text before the first name.
    """
    return parse_statements(files(package).joinpath(file).read_text(encoding="utf-8"))


def parse_statements(text: str) -> Mapping[str, bytes]:
    """The same for a text."""
    preamble, *pieces = _HEADING.split(text)
    if preamble.strip() and not all(line.startswith("--") for line in preamble.strip().splitlines()):
        raise ValueError("SQL before the first name")
    statements: dict[str, bytes] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        if name in statements:
            raise ValueError(f"two statements are named {name}")
        statements[name] = body.strip().removesuffix(";").encode()
    return MappingProxyType(statements)
