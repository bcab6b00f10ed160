"""Every kind of query that LiteLLM makes through prisma-client-py, on its own tables."""

from __future__ import annotations

import datetime
import importlib
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

NESTED = {"text": 'quotes " and \\ and \n and é', "list": [1, 2.5, None, {"deep": True}], "big": 2**70}


def prisma() -> Any:
    """The generated package; importable only once the fixtures have generated it."""
    return importlib.import_module("prisma")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _empty(db: Any) -> None:
    await db.litellm_verificationtoken.delete_many()
    await db.litellm_usertable.delete_many()
    await db.litellm_budgettable.delete_many()


class TestValues:
    async def test_json_comes_back_as_it_went_in(self, db: Any) -> None:
        json = prisma().Json
        created = await db.litellm_usertable.create({"user_id": "u", "metadata": json(NESTED)})
        assert created.metadata == NESTED
        [row] = await db.query_raw("""SELECT jsonb_typeof(metadata) AS kind FROM "LiteLLM_UserTable" """)
        assert row == {"kind": "object"}

    @pytest.mark.parametrize("value", ["a string", "", 7, 1.5, True, [], {}, ["a", "b"], '{"not": "parsed"}'])
    async def test_json_of_every_kind(self, db: Any, value: object) -> None:
        created = await db.litellm_usertable.create({"user_id": "u", "metadata": prisma().Json(value)})
        assert created.metadata == value

    async def test_floats_are_stored_to_the_last_digit(self, db: Any) -> None:
        """Reading them through a model gives 16 digits, as with the native engine."""
        for number in (0.1, 1e-9, 1.2345678901234567e-05, 123456789.12345679, 0.1 + 0.2, 5.0, -1.0):
            created = await db.litellm_usertable.upsert(
                where={"user_id": "u"},
                data={"create": {"user_id": "u", "spend": number}, "update": {"spend": number}},
            )
            assert created.spend == pytest.approx(number, rel=1e-15)
            assert await db.query_raw('SELECT spend FROM "LiteLLM_UserTable"') == [{"spend": number}]

    async def test_big_integers_keep_every_digit(self, db: Any) -> None:
        created = await db.litellm_usertable.create({"user_id": "u", "tpm_limit": 2**63 - 1})
        assert created.tpm_limit == 2**63 - 1
        found = await db.litellm_usertable.find_first(where={"tpm_limit": {"gt": 2**63 - 2}})
        assert found.user_id == "u"

    async def test_datetimes_keep_their_instant(self, db: Any) -> None:
        berlin = datetime.timezone(datetime.timedelta(hours=2))
        at = datetime.datetime(2026, 7, 1, 12, 30, 15, 250_000, berlin)
        created = await db.litellm_usertable.create({"user_id": "u", "budget_reset_at": at})
        assert created.budget_reset_at == at
        assert await db.litellm_usertable.count(where={"budget_reset_at": {"lte": at}}) == 1
        assert await db.litellm_usertable.count(where={"budget_reset_at": {"lt": at}}) == 0

    async def test_lists_of_strings(self, db: Any) -> None:
        await db.litellm_usertable.create({"user_id": "u", "models": ["gpt", "cl\naude", ""]})
        updated = await db.litellm_usertable.update(where={"user_id": "u"}, data={"models": {"push": ["x"]}})
        assert updated.models == ["gpt", "cl\naude", "", "x"]
        assert await db.litellm_usertable.count(where={"models": {"has": "gpt"}}) == 1
        assert await db.litellm_usertable.count(where={"models": {"has_every": ["gpt", "nope"]}}) == 0
        assert await db.litellm_usertable.count(where={"models": {"is_empty": True}}) == 0

    async def test_enums(self, db: Any) -> None:
        status = prisma().enums.JobStatus
        job = {
            "cronjob_id": "c",
            "pod_id": "p",
            "status": status.ACTIVE,
            "ttl": datetime.datetime.now(datetime.UTC),
        }
        created = await db.litellm_cronjob.create(job)
        assert created.status == "ACTIVE"
        assert await db.litellm_cronjob.count(where={"status": status.INACTIVE}) == 0


class TestWrites:
    async def test_create_update_upsert_delete(self, db: Any) -> None:
        table = db.litellm_usertable
        await table.create({"user_id": "u", "spend": 1.0})
        assert (await table.update(where={"user_id": "u"}, data={"spend": {"increment": 0.5}})).spend == 1.5
        both = {"create": {"user_id": "v"}, "update": {"user_alias": "second"}}
        assert (await table.upsert(where={"user_id": "v"}, data=both)).user_alias is None
        assert (await table.upsert(where={"user_id": "v"}, data=both)).user_alias == "second"
        assert (await table.delete(where={"user_id": "u"})).user_id == "u"
        assert await table.find_unique(where={"user_id": "u"}) is None

    async def test_missing_rows_are_none(self, db: Any) -> None:
        assert await db.litellm_usertable.update(where={"user_id": "nobody"}, data={"spend": 1.0}) is None
        assert await db.litellm_usertable.delete(where={"user_id": "nobody"}) is None

    async def test_null_clears_a_column(self, db: Any) -> None:
        await db.litellm_usertable.create({"user_id": "u", "user_alias": "old"})
        assert (
            await db.litellm_usertable.update(where={"user_id": "u"}, data={"user_alias": None})
        ).user_alias is None

    async def test_many_at_once(self, db: Any) -> None:
        rows = [{"user_id": f"u{number}", "spend": float(number)} for number in range(5)]
        assert await db.litellm_usertable.create_many(rows) == 5
        assert await db.litellm_usertable.create_many([*rows, {"user_id": "new"}], skip_duplicates=True) == 1
        changed = await db.litellm_usertable.update_many(where={"spend": {"gte": 3}}, data={"spend": 0.0})
        assert changed == 2
        assert await db.litellm_usertable.delete_many(where={"spend": 0.0}) == 4

    async def test_relations_are_connected_and_included(self, db: Any) -> None:
        budget = await db.litellm_budgettable.create(
            {
                "max_budget": 3.0,
                "created_by": "me",
                "updated_by": "me",
                "model_max_budget": prisma().Json({"a": 1}),
            }
        )
        await db.litellm_verificationtoken.create(
            {
                "token": "t",
                "models": [],
                "metadata": prisma().Json({"k": "v"}),
                "litellm_budget_table": {"connect": {"budget_id": budget.budget_id}},
            }
        )
        found = await db.litellm_verificationtoken.find_unique(
            where={"token": "t"}, include={"litellm_budget_table": True}
        )
        assert found.litellm_budget_table.model_max_budget == {"a": 1}
        assert found.metadata == {"k": "v"}
        rich = await db.litellm_verificationtoken.find_many(
            where={"litellm_budget_table": {"is": {"max_budget": {"gt": 2.0}}}}
        )
        assert [key.token for key in rich] == ["t"]


class TestReads:
    @pytest_asyncio.fixture(autouse=True, loop_scope="module")
    async def _users(self, db: Any, _empty: None) -> None:
        json = prisma().Json
        await db.litellm_usertable.create_many(
            [
                {
                    "user_id": f"u{number}",
                    "spend": float(number),
                    "user_role": "admin" if number % 2 else "user",
                    "metadata": json({"tier": number % 3}),
                }
                for number in range(6)
            ]
        )

    async def test_where_order_skip_take_cursor(self, db: Any) -> None:
        found = await db.litellm_usertable.find_many(
            where={"OR": [{"spend": {"gte": 2}}, {"user_id": {"in": ["u0"]}}], "NOT": [{"user_id": "u3"}]},
            order={"spend": "desc"},
            skip=1,
            take=2,
        )
        assert [user.user_id for user in found] == ["u4", "u2"]
        after = await db.litellm_usertable.find_many(
            cursor={"user_id": "u2"}, order={"user_id": "asc"}, skip=1, take=2
        )
        assert [user.user_id for user in after] == ["u3", "u4"]

    async def test_text_filters(self, db: Any) -> None:
        where = {"user_id": {"contains": "U1", "mode": "insensitive"}}
        assert [user.user_id for user in await db.litellm_usertable.find_many(where=where)] == ["u1"]
        assert await db.litellm_usertable.count(where={"user_id": {"startswith": "u"}}) == 6

    async def test_json_filters(self, db: Any) -> None:
        json = prisma().Json
        assert await db.litellm_usertable.count(where={"metadata": {"equals": json({"tier": 0})}}) == 2
        tier = {"path": ["tier"], "equals": json(1)}
        found = await db.litellm_usertable.find_many(
            where={"AND": [{"metadata": tier}]}, order={"user_id": "asc"}
        )
        assert [user.user_id for user in found] == ["u1", "u4"]

    async def test_group_by(self, db: Any) -> None:
        groups = await db.litellm_usertable.group_by(
            by=["user_role"],
            count=True,
            sum={"spend": True},
            order={"user_role": "asc"},
            having={"spend": {"_avg": {"gt": 2.5}}},
        )
        assert groups == [{"user_role": "admin", "_sum": {"spend": 9.0}, "_count": {"_all": 3}}]

    async def test_count_of_a_column(self, db: Any) -> None:
        assert await db.litellm_usertable.count(select={"_all": True, "user_email": True}) == {
            "_all": 6,
            "user_email": 0,
        }


class TestTypedErrors:
    async def test_unique_violation(self, db: Any) -> None:
        await db.litellm_usertable.create({"user_id": "u"})
        with pytest.raises(prisma().errors.UniqueViolationError, match="user_id"):
            await db.litellm_usertable.create({"user_id": "u"})

    async def test_record_not_found(self, db: Any) -> None:
        with pytest.raises(prisma().errors.RecordNotFoundError):
            await db.litellm_usertable.find_unique_or_raise(where={"user_id": "nobody"})

    async def test_foreign_key_violation(self, db: Any) -> None:
        with pytest.raises(prisma().errors.ForeignKeyViolationError):
            await db.litellm_verificationtoken.create({"token": "t", "models": [], "budget_id": "nope"})

    async def test_unknown_field(self, db: Any) -> None:
        with pytest.raises(prisma().errors.FieldNotFoundError, match="nonsense"):
            await db.litellm_usertable.find_first(where={"nonsense": 1})

    async def test_missing_value(self, db: Any) -> None:
        with pytest.raises(prisma().errors.MissingRequiredValueError):
            await db.litellm_budgettable.create({"created_by": "me"})

    async def test_not_a_number(self, db: Any) -> None:
        with pytest.raises(prisma().errors.DataError):
            await db.litellm_usertable.create({"user_id": "u", "spend": float("nan")})
