"""Counts the structure of a JSON document while its bytes arrive, without parsing it.

A document is rejected for its number of keys or its depth before anything is parsed: 10 MB can hold 700,000
keys, over which every later step takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.errors import TooLarge

_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")
_OPENING = frozenset(b"{[")


@dataclass(frozen=True, slots=True)
class StructureLimits:
    """Limits of one JSON document."""

    nodes_max: int  # members of objects, objects and lists
    elements_max: int  # what commas separate: members, and elements of lists
    depth_max: int  # levels of nesting


class Structure:
    """Counts one document, chunk by chunk. Invalid JSON is counted somehow, and rejected when parsed.

    `what` names the document in error messages.
    """

    __slots__ = (
        "_carried", "_depth", "_in_string", "_limits", "_lists_and_objects", "commas", "members", "what",
    )  # fmt: skip

    def __init__(self, limits: StructureLimits, what: str = "body") -> None:
        self.what = what
        self._limits = limits
        self._in_string = False
        self._carried = b""  # a backslash whose other half comes with the next chunk
        self._depth = 0
        self._lists_and_objects = 0
        self.members = 0  # colons outside of strings: one for each member of an object
        self.commas = 0

    def feed(self, piece: bytes) -> None:
        """Counts the next chunk. Raises TooLarge as soon as a limit is passed."""
        outside = self._outside_strings(piece)
        self.members += outside.count(b":")
        self.commas += outside.count(b",")
        self._descend(outside.translate(None, _ALL_BUT_BRACKETS))
        limits = self._limits
        if self.members + self._lists_and_objects > limits.nodes_max:
            raise TooLarge(
                f"The {self.what} has more than {limits.nodes_max} keys, objects and lists; "
                "send fewer at once."
            )
        if self.commas > limits.elements_max:
            raise TooLarge(
                f"The {self.what} has more than {limits.elements_max} elements; send fewer at once."
            )

    def _outside_strings(self, piece: bytes) -> bytes:
        text = self._without_escapes(piece)
        if b'"' not in text:  # part of an image: searching is ten times faster than splitting
            return b"" if self._in_string else text
        segments = text.split(b'"')
        first_outside = 1 if self._in_string else 0
        if len(segments) % 2 == 0:
            self._in_string = not self._in_string
        return b"".join(segments[first_outside::2])

    def _without_escapes(self, piece: bytes) -> bytes:
        if not self._carried and b"\\" not in piece:
            return piece
        text = (self._carried + piece).replace(b"\\\\", b"").replace(b'\\"', b"")
        self._carried = b"\\" if text.endswith(b"\\") else b""
        return text[: len(text) - len(self._carried)]

    def _descend(self, brackets: bytes) -> None:
        self._lists_and_objects += brackets.count(b"{") + brackets.count(b"[")
        if self._depth + len(brackets) <= self._limits.depth_max:  # however they nest
            self._depth += 2 * (brackets.count(b"{") + brackets.count(b"[")) - len(brackets)
            return
        for bracket in brackets[: 2 * self._limits.nodes_max]:  # more of them pass the limit of nodes
            self._depth += 1 if bracket in _OPENING else -1
            if self._depth > self._limits.depth_max:
                raise TooLarge(f"The {self.what} is nested more than {self._limits.depth_max} levels.")
