"""Raw SQL: what LiteLLM's reports, views and locks send, and types that Prisma's adapter does not know."""

from __future__ import annotations

import ast
import importlib
import json
from typing import Any

import pytest

from gateway.litellm_database.client import package_directory

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIEWS = (
    "LiteLLM_VerificationTokenView",
    "MonthlyGlobalSpend",
    "Last30dKeysBySpend",
    "Last30dModelsBySpend",
    "MonthlyGlobalSpendPerKey",
    "MonthlyGlobalSpendPerUserPerKey",
    "DailyTagSpend",
    "Last30dTopEndUsersSpend",
)
LOG = """
INSERT INTO "LiteLLM_SpendLogs"
    (request_id, call_type, spend, "startTime", "endTime", model, api_key, request_tags)
VALUES ($1, 'acompletion', $2, $3::timestamp, $3::timestamp, 'gpt', 'hash', $4::jsonb)
"""


class TestTypes:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("1::int2", 1),
            ("9223372036854775807::int8", 2**63 - 1),
            ("1.5::numeric", 1.5),
            ("1.1::float4", 1.1),
            ("0.1::float8", 0.1),
            ("true", True),
            ("NULL", None),
            ("'text'", "text"),
            ("'a name'::name", "a name"),
            ("ARRAY['a'::name]", ["a"]),
            ("'pg_class'::regclass", "pg_class"),
            ("interval '1 day 2 hours'", "1 day 02:00:00"),
            ("point(1,2)", "(1,2)"),
            ("'10.0.0.1'::inet", "10.0.0.1"),
            ("pg_advisory_xact_lock(1)", ""),
            ("'2026-07-01'::date", "2026-07-01"),
            ("'12:30:00'::time", "12:30:00"),
            ("'2026-07-01 12:30:00'::timestamp", "2026-07-01T12:30:00+00:00"),
            ("'2026-07-01 12:30:00+05:30'::timestamptz", "2026-07-01T07:00:00+00:00"),
            ("ARRAY['2026-07-01 12:30:00-08'::timestamptz]", ["2026-07-01T20:30:00+00:00"]),
            ("ARRAY[1,2]::int8[]", [1, 2]),
            ("ARRAY[]::text[]", []),
            ("""'{"big": 12345678901234567890}'::jsonb""", {"big": 12345678901234567890}),
            ("'\\x01ff'::bytea", "Af8="),
            ("'6b1d5e0e-0000-4000-8000-000000000000'::uuid", "6b1d5e0e-0000-4000-8000-000000000000"),
        ],
    )
    async def test_is_read(self, db: Any, expression: str, expected: object) -> None:
        assert await db.query_raw(f"SELECT {expression} AS value") == [{"value": expected}]

    async def test_instants_do_not_depend_on_the_session_time_zone(self, db: Any) -> None:
        async with db.tx() as transaction:
            await transaction.execute_raw("SET LOCAL timezone = 'Asia/Kolkata'")
            [row] = await transaction.query_raw("SELECT '2026-07-01 00:00:00Z'::timestamptz AS at")
        assert row == {"at": "2026-07-01T00:00:00+00:00"}


class TestParameters:
    async def test_of_every_kind(self, db: Any) -> None:
        [row] = await db.query_raw(
            "SELECT $1::text AS a, $2::int AS b, $3::float8 AS c,"
            " $4::bool AS d, $5::jsonb AS e, $6::text[] AS f",
            'quote " \\ é',
            7,
            0.25,
            True,
            json.dumps({"k": [1]}),
            ["x", "y"],
        )
        assert row == {"a": 'quote " \\ é', "b": 7, "c": 0.25, "d": True, "e": {"k": [1]}, "f": ["x", "y"]}

    async def test_execute_raw_counts_rows(self, db: Any) -> None:
        await db.litellm_usertable.create_many([{"user_id": "a"}, {"user_id": "b"}])
        statement = 'UPDATE "LiteLLM_UserTable" SET spend = $1 WHERE user_id = ANY($2)'
        assert await db.execute_raw(statement, 2.5, ["a", "b", "c"]) == 2


class TestErrors:
    async def test_missing_relation_is_named_as_litellm_expects(self, db: Any) -> None:
        errors = importlib.import_module("prisma").errors
        with pytest.raises(errors.RawQueryError, match='relation "nope" does not exist') as caught:
            await db.query_raw('SELECT 1 FROM "nope"')
        assert caught.value.meta["code"] == "42P01"

    async def test_lock_timeout_keeps_its_sqlstate(self, db: Any) -> None:
        errors = importlib.import_module("prisma").errors
        await db.litellm_usertable.create({"user_id": "locked"})
        query = """SELECT 1 FROM "LiteLLM_UserTable" WHERE user_id = 'locked' FOR UPDATE"""
        async with db.tx() as first:
            await first.query_raw(query)
            async with db.tx() as second:
                await second.execute_raw("SET LOCAL lock_timeout = '50ms'")
                with pytest.raises(errors.RawQueryError, match="lock timeout") as caught:
                    await second.query_raw(query)
        assert caught.value.meta["code"] == "55P03"


def _view_definitions() -> list[str]:
    """The `CREATE VIEW` statements of LiteLLM's `create_views.py`, read without importing LiteLLM."""
    source = package_directory("litellm") / "proxy" / "db" / "create_views.py"
    texts = [node.value for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and text.strip().startswith("CREATE ")]


class TestSpendViews:
    """LiteLLM makes them when it starts on a new database; its reports read them."""

    async def test_are_read(self, db: Any) -> None:
        now = "2099-01-01T00:00:00"
        await db.execute_raw(LOG, "r1", 0.5, now, json.dumps(["tag"]))
        await db.execute_raw(LOG, "r2", 0.25, now, json.dumps(["tag"]))
        for definition in _view_definitions():
            await db.execute_raw(definition)
        assert len(_view_definitions()) == len(VIEWS)
        rows = {view: await db.query_raw(f'SELECT * FROM "{view}"') for view in VIEWS}
        assert rows["MonthlyGlobalSpend"] == [{"date": "2099-01-01", "spend": 0.75}]
        assert rows["Last30dModelsBySpend"] == [{"model": "gpt", "total_spend": 0.75}]
        assert rows["DailyTagSpend"] == [
            {"individual_request_tag": "tag", "spend_date": "2099-01-01", "log_count": 2, "total_spend": 0.75}
        ]
