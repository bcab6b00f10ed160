"""Who a customer is: for each name by which an API or a table asks, a value with the customer's mark."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, field
from typing import Protocol

# Sums of what a customer spent are marks, too: no other number in an answer is in this range. (Times in
# seconds are below it, in milliseconds above.)
HUGE = (2_050_000_000, 90_000_000_000)
SPEND = 8_137_290_000.25
TOKENS = 2_147_000_000  # most columns of tokens take no more

_NAMES = {
    "email": ("email", "user_email"),
    "user": ("user", "users", "created_by", "updated_by", "changed_by", "deleted_by"),
    "key_alias": ("key_alias", "key_aliases"),
    "team_alias": ("team_alias",),
    "key": ("key", "keys", "token", "tokens", "api_key", "key_hash", "hashed_token"),
    "team": ("team", "teams"),
}
_ENTITIES = {name: entity for entity, names in _NAMES.items() for name in names}
PEOPLE, KEYS, TEAMS = ({"user", "email"}, {"key", "key_alias"}, {"team", "team_alias"})


class Speaker(Protocol):
    """Answers what a parameter asks for."""

    def value(self, name: str) -> str:
        """What to send under this name."""
        ...


@dataclass(frozen=True)
class Identity:
    """All ids of one customer. `secret_key` is its virtual key."""

    mark: str = field(default_factory=lambda: f"mk{uuid.uuid4().hex[:10]}")
    secret_key: str = field(default_factory=lambda: f"sk-{uuid.uuid4().hex}")
    ids: dict[str, str] = field(default_factory=dict)  # those that the gateway made, by entity

    @property
    def key_hash(self) -> str:
        """As LiteLLM has the key in its tables."""
        return hashlib.sha256(self.secret_key.encode()).hexdigest()

    def value(self, name: str) -> str:
        """The customer's own id of what the name asks for."""
        entity = entity_of(name)
        if entity in self.ids:
            return self.ids[entity]
        if entity == "key":
            return self.key_hash
        return f"{self.mark}-mail@example.com" if entity == "email" else f"{self.mark}-{entity}"

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that stand in nobody else's answers."""
        return (self.mark, self.key_hash, self.secret_key, *self.ids.values())


@dataclass(frozen=True)
class Mixed:
    """Somebody who names the other customer for some things, and itself for all else."""

    own: Identity
    other: Identity
    theirs: frozenset[str]

    def value(self, name: str) -> str:
        """The other's, or the caller's own."""
        return (self.other if entity_of(name) in self.theirs else self.own).value(name)


def entity_of(name: str) -> str:
    """The kind of thing that a parameter or a column names: `teamId`, `team_ids` and `team` are one."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    stem = re.sub(r"_ids?$", "", snake)
    return _ENTITIES.get(snake) or _ENTITIES.get(stem) or re.sub(r"\W+", "-", stem)
