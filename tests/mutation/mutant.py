"""A guard of the money path, the smallest change that removes it, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """Replaces `old`, which stands in `file` exactly once, by `new`.

    Migrations may be changed here, since tests migrate databases of their own. Where a mutant no longer fits,
    its guard has moved: move it along.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
