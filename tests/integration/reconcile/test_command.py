"""`proxyllm reconcile` as an operator runs it: what it prints, and its exit code."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from billing.settings import Settings
from tests.acceptance.launch import PROGRAM
from tests.integration.conftest import API_KEY
from tests.integration.plain_gateway import Sandbox
from tests.integration.reconcile.conftest import World


async def run(settings: Settings, *arguments: str, **environment: str) -> tuple[int, str, str]:
    assert settings.database_url is not None
    clean = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "STRIPE_API_KEY": API_KEY,
        "STRIPE_API_BASE": settings.stripe_api_base,
        "BILLING_RECONCILE_GRACE_S": "0",
    } | environment
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        "reconcile",
        *arguments,
        env=clean,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def test_clean_books_are_exit_code_0(world: World, settings: Settings) -> None:
    await world.credit()
    await world.call()
    code, output, errors = await run(settings)
    assert (code, errors) == (0, "")
    assert output.count("agrees") == 3
    assert "1 calls" in output


async def test_a_difference_is_exit_code_1_and_one_line_of_the_table(
    world: World, settings: Settings, sandbox: Sandbox
) -> None:
    await world.credit()
    key = await world.hold()
    await world.settle(key, "0.0001")
    session_id = await world.topup()
    await sandbox.pay(session_id)
    code, output, _ = await run(settings)
    assert code == 1
    [missing] = [line for line in output.splitlines() if key in line]
    assert missing.split()[:5] == ["missing", key, f"user_id:{world.alice.customer_id}", "0.00", "0.0001"]
    assert missing.endswith("for a person")
    assert f"paid_not_credited  {session_id}" in output
    assert "run this again with --apply" in output
    code, output, _ = await run(settings, "--apply")
    assert code == 1, "the missing row is still missing"
    assert "repaired" in output
    code, output, _ = await run(settings, "--book", "stripe")
    assert code == 0
    assert await world.balance() == 10**9 + 10 * 10**9 - 100_000


async def test_json_has_every_book_and_every_difference(world: World, settings: Settings) -> None:
    await world.credit()
    key = await world.hold()
    await world.settle(key, "0.0001", estimate=True)
    await world.log(key, "0.000042")
    code, output, _ = await run(settings, "--json", "--apply")
    document = json.loads(output)
    assert code == 0, "what was repaired is no difference any more"
    assert document["clean"] is True
    assert [book["book"] for book in document["books"]] == ["ledger", "spend_logs", "stripe"]
    [found] = document["books"][1]["differences"]
    assert (found["rule"], found["subject"], found["repaired"]) == ("estimate_not_replaced", key, True)
    assert found["drift"] == "0.000058"


async def test_since_and_until_bound_what_is_compared(world: World, settings: Settings) -> None:
    await world.credit()
    await world.settle(await world.hold(), "0.0001")
    code, _, _ = await run(settings, "--book", "spend_logs", "--until", "2026-01-02", "--since", "2026-01-01")
    assert code == 0
    code, _, _ = await run(settings, "--book", "spend_logs")
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "--since takes a time like"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "--since must be before --until"),
        (("--since", "2020-01-01"), "At most a year"),
        (("--book", "bank"), "one of ledger, spend_logs, stripe"),
    ],
)
async def test_what_cannot_be_meant_is_exit_code_2(
    arguments: tuple[str, ...], said: str, world: World, settings: Settings
) -> None:
    code, _, errors = await run(settings, *arguments)
    assert code == 2
    assert said in " ".join(errors.split())


class TestCannotRun:
    async def test_without_postgres(self, settings: Settings) -> None:
        code, _, errors = await run(settings, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
        assert code == 2
        assert "Postgres cannot be reached" in errors

    async def test_without_litellms_tables(self, world: World, settings: Settings) -> None:
        await world.execute(b'ALTER TABLE public."LiteLLM_SpendLogs" RENAME TO elsewhere')
        code, output, _ = await run(settings, "--json")
        failures = {book["book"]: book["failure"] for book in json.loads(output)["books"]}
        assert code == 2
        assert "LiteLLM_SpendLogs" in failures["spend_logs"]
        assert failures["ledger"] is None

    async def test_a_difference_elsewhere_weighs_more(self, world: World, settings: Settings) -> None:
        await world.execute(b'UPDATE billing."LiteLLM_StripeBalanceTable" SET balance = balance')
        await world.credit()
        await world.execute(b'UPDATE billing."LiteLLM_StripeBalanceTable" SET balance = balance + 1')
        code, _, _ = await run(settings, STRIPE_API_BASE="http://127.0.0.1:9")
        assert code == 1

    async def test_stripe_is_left_out_without_a_key_and_that_is_said(
        self, world: World, settings: Settings
    ) -> None:
        code, output, _ = await run(settings, STRIPE_API_KEY="")
        assert code == 0
        assert "Not compared: STRIPE_API_KEY is not set." in output
        code, _, _ = await run(settings, "--book", "stripe", STRIPE_API_KEY="")
        assert code == 2
