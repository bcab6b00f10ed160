"""Batches and interactive transactions."""

from __future__ import annotations

import asyncio
import datetime
import importlib
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _one_user(db: Any) -> None:
    await db.litellm_usertable.delete_many()
    await db.litellm_usertable.create({"user_id": "u", "spend": 1.0})


async def names(db: Any) -> list[str]:
    """Who is in the table."""
    return [user.user_id for user in await db.litellm_usertable.find_many(order={"user_id": "asc"})]


class TestBatch:
    async def test_applies_all(self, db: Any) -> None:
        async with db.batch_() as batch:
            batch.litellm_usertable.create({"user_id": "v"})
            batch.litellm_usertable.update(where={"user_id": "u"}, data={"spend": {"increment": 1.0}})
            batch.execute_raw(
                """UPDATE "LiteLLM_UserTable" SET user_alias = $1 WHERE user_id = 'u'""", "named"
            )
        user = await db.litellm_usertable.find_unique(where={"user_id": "u"})
        assert (user.spend, user.user_alias, await names(db)) == (2.0, "named", ["u", "v"])

    async def test_applies_nothing_where_one_fails(self, db: Any) -> None:
        errors = importlib.import_module("prisma").errors
        batch = db.batch_()
        batch.litellm_usertable.create({"user_id": "v"})
        batch.litellm_usertable.create({"user_id": "u"})
        with pytest.raises(errors.UniqueViolationError):
            await batch.commit()
        assert await names(db) == ["u"]


class TestInteractive:
    async def test_is_seen_by_nobody_until_it_is_committed(self, db: Any) -> None:
        async with db.tx() as transaction:
            await transaction.litellm_usertable.create({"user_id": "v"})
            assert await names(transaction) == ["u", "v"]
            assert await names(db) == ["u"]
        assert await names(db) == ["u", "v"]

    async def test_is_undone_by_an_exception(self, db: Any) -> None:
        async def fails() -> None:
            async with db.tx() as transaction:
                await transaction.litellm_usertable.create({"user_id": "v"})
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fails()
        assert await names(db) == ["u"]

    async def test_takes_a_batch(self, db: Any) -> None:
        async with db.tx() as transaction:
            batch = transaction.batch_()
            batch.litellm_usertable.create({"user_id": "v"})
            await batch.commit()
            assert await names(db) == ["u"]
        assert await names(db) == ["u", "v"]

    async def test_expires_and_gives_its_connection_back(self, db: Any) -> None:
        errors = importlib.import_module("prisma").errors
        manager = db.tx(timeout=datetime.timedelta(milliseconds=100))
        transaction = await manager.start()

        async def query_until_it_ends() -> None:
            async with asyncio.timeout(10):
                await transaction.litellm_usertable.create({"user_id": "v"})
                while True:
                    await transaction.litellm_usertable.count()

        with pytest.raises(errors.TransactionExpiredError):
            await query_until_it_ends()
        assert await names(db) == ["u"]
        metrics = await db.get_metrics()
        assert {gauge.key: gauge.value for gauge in metrics.gauges}["prisma_pool_connections_busy"] == 0

    async def test_twenty_at_once_on_a_pool_of_five(self, db: Any) -> None:
        async def add_one() -> None:
            async with db.tx(max_wait=datetime.timedelta(seconds=20)) as transaction:
                await transaction.litellm_usertable.update(
                    where={"user_id": "u"}, data={"spend": {"increment": 1.0}}
                )

        await asyncio.gather(*(add_one() for _ in range(20)))
        assert (await db.litellm_usertable.find_unique(where={"user_id": "u"})).spend == 21.0
