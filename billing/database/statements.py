"""Loads named statements from SQL files: `-- name`, one `--` line that describes it, then the statement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_HEADING = re.compile(r"^-- ([a-z][a-z0-9_]*)\n(?=-- \S)", re.MULTILINE)


def load_statements(package: str, file: str = "queries.sql") -> Mapping[str, bytes]:
    """Reads `file` of `package` into a mapping of name to statement.

    Statements are bytes, which psycopg runs unmodified: no part of them comes from user input.
    Raises ValueError for a duplicate name, or for text before the first name.
    """
    return parse_statements(files(package).joinpath(file).read_text(encoding="utf-8"))


def parse_statements(text: str) -> Mapping[str, bytes]:
    """Parses the text of such a file, like `load_statements`."""
    preamble, *pieces = _HEADING.split(text)
    if preamble.strip() and not all(line.startswith("--") for line in preamble.strip().splitlines()):
        raise ValueError("SQL before the first name")
    statements: dict[str, bytes] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        if name in statements:
            raise ValueError(f"two statements are named {name}")
        statements[name] = body.strip().removesuffix(";").encode()
    return MappingProxyType(statements)
