"""Finds NUL characters, which JSON allows and PostgreSQL cannot store."""

from __future__ import annotations

NUL = "\x00"


def holds_nul(value: object) -> bool:
    """Whether any string in a JSON value contains NUL."""
    level = [value]
    while level:
        inner: list[object] = []
        for each in level:
            if isinstance(each, str):
                if NUL in each:
                    return True
            elif isinstance(each, dict):
                inner += each
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        level = inner
    return False
