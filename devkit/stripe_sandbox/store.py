"""The sandbox's state: one SQLite file, so that it survives restarts and `kill -9`.

An operation takes tens of microseconds and runs on the event loop, one at a time: that is what makes each
one atomic. Nothing here waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

_SCHEMA = Path(__file__).with_name("schema.sql")
SqlValue = str | int | float | None


class Record(BaseModel):
    """A record stored under an id. `kind` names its collection."""

    model_config = ConfigDict(defer_build=True)  # for a start in less than a second

    kind: ClassVar[str]
    id: str


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a record: an SQL expression over `body` (JSON) or `parent`, and its values."""

    sql: str
    values: tuple[SqlValue, ...] = ()


def equals(field: str, value: SqlValue) -> Condition:
    """The record's JSON field (`customer`, `customer_details.email`) has this value."""
    return Condition("json_extract(body, ?) = ?", (f"$.{field}", value))


class StoreLocked(Exception):
    """Another sandbox uses this directory."""


class Store:
    """Stores records by id, newest last, and a few key-value facts. Opens (and creates) `path`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=0, cached_statements=256)
        try:
            self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            self.connection.executescript(_SCHEMA.read_text(encoding="utf-8"))
        except sqlite3.OperationalError as error:
            self.connection.close()
            raise StoreLocked(f"{path} cannot be opened: {error}") from error

    def close(self) -> None:
        """Writes the log back and closes the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: commits on exit, rolls back on an exception."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def put(self, record: Record, *, parent: str | None = None) -> None:
        """Adds a record, or replaces the one with its id (which keeps its position and parent)."""
        self.connection.execute(
            "INSERT INTO records (id, kind, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (record.id, record.kind, parent, record.model_dump_json()),
        )

    def get(self, record_type: type[R], record_id: str) -> R | None:
        """Returns the record, or None."""
        row = self.connection.execute(
            "SELECT body FROM records WHERE id = ? AND kind = ?", (record_id, record_type.kind)
        ).fetchone()
        return record_type.model_validate_json(row[0]) if row else None

    def delete(self, record_type: type[R], record_id: str) -> None:
        """Deletes the record, if it exists."""
        self.connection.execute(
            "DELETE FROM records WHERE id = ? AND kind = ?", (record_id, record_type.kind)
        )

    def place(self, record_type: type[R], record_id: str) -> int | None:
        """Returns the record's position in order of creation, or None."""
        row = self.connection.execute(
            "SELECT seq FROM records WHERE id = ? AND kind = ?", (record_id, record_type.kind)
        ).fetchone()
        return int(row[0]) if row else None

    def find(
        self, record_type: type[R], conditions: Sequence[Condition], *, limit: int, newest_first: bool = True
    ) -> list[R]:
        """Returns at most `limit` records that meet all conditions."""
        where = " AND ".join(["kind = ?", *(condition.sql for condition in conditions)])
        values = [value for condition in conditions for value in condition.values]
        order = "DESC" if newest_first else "ASC"
        rows = self.connection.execute(
            # `where` is made of constants of this package; values are bound
            f"SELECT body FROM records WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - see above
            (record_type.kind, *values, limit),
        )
        return [record_type.model_validate_json(row[0]) for row in rows]
