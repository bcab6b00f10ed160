"""What is declared of a route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Handling(StrEnum):
    """What a billed key gets on a route. Proxy admins and exempt users are not restricted."""

    BILLED = "billed"
    FREE = "free"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path template of LiteLLM's app, as FastAPI has it."""

    method: str  # `WS` for a WebSocket, `MOUNT` for an application of its own below the path
    path: str
    handling: Handling
    reason: str  # how it is bounded, why it is free, or why it is refused
    call_types: frozenset[str] = frozenset()  # LiteLLM's names of the calls that may run here
    needs_key: bool = True  # whether LiteLLM answers nobody here without some credential
    viewers_read: bool = False  # refused, but for a GET by an admin viewer, who reads everything
    checked: bool = False  # free, but LiteLLM reads the body unchecked: the door looks at its fields


@dataclass(frozen=True, slots=True)
class Declared:
    """Routes that are handled alike, for one reason.

    `routes` is text: methods joined by commas, then the paths that have them; `HEAD` goes with `GET`.
    """

    reason: str
    routes: str
    call_types: tuple[str, ...] = ()
    needs_key: bool = True
    viewers_read: bool = False
    checked: bool = False

    def expanded(self, handling: Handling) -> Iterator[Route]:
        """Each route by itself."""
        methods: list[str] = []
        for word in self.routes.split():
            if not word.startswith("/"):
                methods = word.split(",")
                continue
            for method in methods:
                yield Route(
                    method,
                    word,
                    handling,
                    self.reason,
                    frozenset(self.call_types),
                    needs_key=self.needs_key,
                    viewers_read=self.viewers_read,
                    checked=self.checked,
                )
