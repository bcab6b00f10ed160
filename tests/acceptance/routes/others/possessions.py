"""Everything that a customer can own, written into the tables of the running gateway with its mark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from tests.acceptance.routes.others.identity import SPEND, TOKENS, Identity

# The operator's own, by which the gateway lives: a row of nonsense would change what it does.
_OPERATORS = """
    AccessGroup Agent AdaptiveRouter BackgroundInteraction CacheConfig ClaudeCodePlugin Config Credentials
    CronJob Guardrails JWTKeyMapping Lens MCPServer MCPToolset ModelAccessGroup ModelTable Policy Prompt
    ProxyModel ProxyWorker Retired SSOConfig SearchTools ShadowEval Skills ToolTable UISettings
""".split()  # noqa: SIM905  # as a list it fills a page
# Made with LiteLLM's API, in the shape that its handlers expect.
_BY_API = ("UserTable", "TeamTable", "TeamMembership", "VerificationToken")
# Where LiteLLM writes by itself, some seconds after a call.
_LOGS = ("LiteLLM_SpendLogs", "LiteLLM_ErrorLogs")
_COUNTS = ("LiteLLM_Daily",)
_LATER = timedelta(days=30)
_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable = 'NO' AND column_default IS NULL
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name LIKE 'LiteLLM%'
ORDER BY table_name, ordinal_position"""
_TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'billing')"
_CLOCKS = ["updated_at", "last_active", "spend", "total_spend"]  # what a call of their own moves

Rows = dict[str, dict[str, float]]  # by table: the row's text, and what was spent by it
Value = str | int | float | bool | bytes | list[str] | datetime | None


class Possessions:
    """Rows of customers in every table that has what customers own."""

    def __init__(self, connection: psycopg.Connection, api_base: str) -> None:
        self._connection = connection
        self._api_base = api_base
        self._tables: dict[str, dict[str, tuple[str, bool]]] = {}
        for table, column, kind, needed in connection.execute(_COLUMNS).fetchall():
            self._tables.setdefault(table, {})[column] = (kind, needed)

    @contextmanager
    def of(self, identity: Identity, *, spends: bool) -> Iterator[None]:
        """Writes a row into each table, and takes out all that bears the customer's mark at the end.

        `spends`: the customer has spent a huge sum.
        """
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")  # no foreign keys
            for table in self._tables:
                if not table.removeprefix("LiteLLM_").startswith((*_OPERATORS, *_BY_API)):
                    self._insert(table, identity, spends=spends)
        try:
            yield
        finally:
            self._remove(identity)

    def rows(self, identity: Identity) -> Rows:
        """Every row of every table, ours too, that has one of the customer's marks."""
        found: Rows = {}
        query = """
            SELECT (to_jsonb(t) - %s::text[])::text, coalesce((to_jsonb(t) ->> 'spend')::float, 0) FROM {} t
            WHERE t::text LIKE ANY(%s)"""
        for schema, table in self._connection.execute(_TABLES).fetchall():
            statement = sql.SQL(query).format(sql.Identifier(schema, table))
            rows = self._connection.execute(statement, (_CLOCKS, _patterns(identity))).fetchall()
            found[table] = {str(text): float(spend) for text, spend in rows}
        return found

    def _remove(self, identity: Identity) -> None:
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            for table in self._tables:
                query = sql.SQL("DELETE FROM {} t WHERE t::text LIKE ANY(%s)")
                statement = query.format(sql.Identifier("public", table))
                self._connection.execute(statement, (_patterns(identity),))

    def _insert(self, table: str, identity: Identity, *, spends: bool) -> None:
        values = {
            column: self._value(column, kind, identity.value(column), spends=spends, needed=needed)
            for column, (kind, needed) in self._tables[table].items()
        }
        known = {column: value for column, value in values.items() if value is not None}
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier("public", table),
            sql.SQL(", ").join(map(sql.Identifier, known)),
            sql.SQL(", ").join([sql.Placeholder()] * len(known)),
        )
        self._connection.execute(query, list(known.values()))

    def _value(self, column: str, kind: str, own: str, *, spends: bool, needed: bool) -> Value:
        now = datetime.now(UTC)
        match kind:
            case "text" | "character varying":
                fixed = {"date": now.date().isoformat(), "api_base": self._api_base, "status": "success"}
                return fixed.get(column, own)
            case "jsonb":
                return json.dumps([own] if column.endswith("tags") else {"note": own})
            case "ARRAY":
                return [own]
            case "bytea":
                return own.encode()
            case "integer" | "bigint":
                return TOKENS if spends else 1
            case "double precision" | "numeric":
                return SPEND if spends else 0.5
            case "boolean":
                return False if needed else None
            case _:
                return now + _LATER * ("reset" in column) if kind.startswith("timestamp") else None


def changes(before: Rows, after: Rows) -> list[str]:
    """What is gone, new or less spent. What LiteLLM logs of the calls that were made in between is none."""
    found = []
    for table in sorted(before.keys() | after.keys()):
        old, new = before.get(table, {}), after.get(table, {})
        if table.startswith(_COUNTS):  # LiteLLM adds to these rows by itself, so that each reads differently
            found += [f"{table} lost {len(old) - len(new)} rows"] if len(new) < len(old) else []
            continue
        found += [f"{table} lost {row}" for row in old.keys() - new.keys()]
        found += [f"{table} has less spent: {row}" for row in old.keys() & new.keys() if new[row] < old[row]]
        if not table.startswith(_LOGS):
            found += [f"{table} got {row}" for row in new.keys() - old.keys()]
    return found


def _patterns(identity: Identity) -> list[str]:
    return [f"%{mark}%" for mark in identity.marks]
