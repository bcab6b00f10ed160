"""schema.prisma is the readable picture, migrations/ is what runs: both must give the same catalog."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psycopg
import pytest

from gateway.litellm_database import node, programs
from tests.postgres_server import PostgresServer

HERE = Path(__file__).parent
SCHEMA = HERE.parents[2] / "schema.prisma"

# What Prisma's language cannot say, and so is in migrations alone.
ONLY_IN_MIGRATIONS = {
    "index LiteLLM_StripeHoldTable_for_review",  # partial
    "index LiteLLM_StripeTransactionTable_estimates",  # partial
    "index LiteLLM_StripeTransactionTable_topups",  # partial
    "index LiteLLM_StripeTransactionTable_returned",  # partial, on an expression
    "index LiteLLM_StripeWebhookEventTable_parked",  # partial
    "index LiteLLM_StripeWebhookEventTable_retry",  # partial
}
COLLATED = {  # COLLATE "C"
    "column LiteLLM_StripeBalanceTable.customer_type",
    "column LiteLLM_StripeBalanceTable.customer_id",
    "column LiteLLM_StripeHoldTable.key",
    "column LiteLLM_StripeTransactionTable.source_key",
    "column LiteLLM_StripeTransactionTable.hold_key",
}

COLUMNS = """
SELECT 'column ' || c.relname || '.' || a.attname,
  format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
  CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind = 'r' AND c.relname <> '_prisma_migrations'"""
INDEXES = """
SELECT 'index ' || indexname, indexdef, NULL FROM pg_indexes
WHERE schemaname = 'billing' AND tablename <> '_prisma_migrations'"""
KEYS = """
SELECT 'key ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid), NULL FROM pg_constraint
WHERE connamespace = 'billing'::regnamespace AND contype IN ('p', 'u', 'f')
  AND conrelid <> coalesce(to_regclass('billing._prisma_migrations'), 0)"""


@pytest.fixture
async def rendered(tmp_path: Path) -> str:
    """The SQL that Prisma's own engine makes of schema.prisma."""
    for name in ("package.json", "package-lock.json", ".npmrc", "render.mjs"):
        shutil.copyfile(HERE / name, tmp_path / name)
    found = await node.find()
    environment = os.environ | {"PATH": f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    install = [*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = await programs.run(install, env=environment, timeout_s=90, directory=tmp_path)
    assert installed.code == 0, installed.output
    render = [str(found.program), "render.mjs", str(SCHEMA)]
    outcome = await programs.run(render, env=environment, timeout_s=30, directory=tmp_path)
    assert outcome.code == 0, outcome.output
    return outcome.output


def catalog(url: str) -> dict[str, tuple[str, str | None]]:
    with psycopg.connect(url, options="-c search_path=billing") as connection:
        rows = [
            row for query in (COLUMNS, INDEXES, KEYS) for row in connection.execute(query.encode()).fetchall()
        ]
    return {name: (definition, collation) for name, definition, collation in rows}


@pytest.fixture
def catalogs(
    postgres: PostgresServer, database_url: str, rendered: str
) -> tuple[dict[str, tuple[str, str | None]], dict[str, tuple[str, str | None]]]:
    url = postgres.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA billing")
        connection.execute("SET search_path = billing")
        connection.execute(rendered.encode())
    return catalog(database_url), catalog(url)


def test_migrations_and_schema_give_the_same_columns_indexes_and_keys(
    catalogs: tuple[dict[str, tuple[str, str | None]], dict[str, tuple[str, str | None]]],
) -> None:
    migrated, drawn = catalogs
    assert set(migrated) - set(drawn) == ONLY_IN_MIGRATIONS
    assert set(drawn) - set(migrated) == set()
    assert {name: migrated[name][0] for name in drawn} == {name: drawn[name][0] for name in drawn}
    assert {name for name, (_, collation) in migrated.items() if collation} == COLLATED
    assert len(drawn) > 100


def test_every_table_has_the_guards_that_the_picture_cannot_show(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        checks = connection.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE connamespace = 'billing'::regnamespace AND contype = 'c' AND convalidated"
        ).fetchall()
        triggers = connection.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
        ).fetchall()
    assert {
        "held_not_negative", "amount_positive", "fallback_within_amount", "charged_not_negative",
        "status_known", "ended_completely", "amount_not_zero", "kind_known_and_sign", "customer_type_known",
        "customer_id_not_empty", "terms_within_bounds", "free_has_no_terms", "rule_names_a_whole_customer",
        "valid_until_after_from",
    } <= {name for (name,) in checks}  # fmt: skip
    assert ("append_only", "A") in triggers
    assert {"held_within_balance", "held_within_balance_at_birth"} <= {name for name, _ in triggers}
