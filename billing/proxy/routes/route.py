"""The declaration of a route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Handling(StrEnum):
    """How a route treats billed keys. Proxy admins and exempt users are not restricted."""

    BILLED = "billed"
    FREE = "free"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path template of LiteLLM's app, as FastAPI has it."""

    method: str  # `WS` for a WebSocket, `MOUNT` for a mounted application
    path: str
    handling: Handling
    reason: str  # how its cost is limited, why it is free, or why it is refused
    call_types: frozenset[str] = frozenset()  # LiteLLM's names of the calls that may run here
    needs_key: bool = True  # whether LiteLLM requires some credential here
    viewers_read: bool = False  # refused, except GETs by an admin viewer, who may read everything
    checked: bool = False  # free, but LiteLLM does not validate the body: the door checks its fields


@dataclass(frozen=True, slots=True)
class Declared:
    """Routes that are treated alike, for one reason.

    `routes` is text: methods joined by commas, then their paths; `HEAD` is included with `GET`.
    """

    reason: str
    routes: str
    call_types: tuple[str, ...] = ()
    needs_key: bool = True
    viewers_read: bool = False
    checked: bool = False

    def expanded(self, handling: Handling) -> Iterator[Route]:
        """Yields each route."""
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
