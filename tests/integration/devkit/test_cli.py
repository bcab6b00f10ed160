"""The `proxyllm` program as an operator runs it: answers, exit codes, JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import psycopg

from billing.ledger import Ledger
from billing.ledger.schemas import Entry, HoldRequest, Payer, Settlement, TransactionKind
from tests.acceptance.launch import PROGRAM
from tests.deadline import eventually
from tests.postgres_server import PostgresServer

PAYER = Payer("user_id", "ada")
UNIT = 1_000_000_000


def _proxyllm(*arguments: str, database_url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"DATABASE_URL": database_url} if database_url else {}
    command = [str(PROGRAM), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


class TestHelp:
    def test_it_answers_without_importing_what_is_slow(self) -> None:
        script = (
            "import sys; from proxyllm import program\n"
            "try: program.app(['--help'])\n"
            "except SystemExit: pass\n"
            "print(sorted({'litellm', 'psycopg', 'uvicorn', 'httpx', 'rich'} & set(sys.modules)))"
        )
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

        assert ended.stdout.splitlines()[-1] == "[]"

    def test_it_takes_less_than_half_a_second_of_this_machine(self) -> None:
        began = time.process_time()
        children_before = _child_time()
        assert _proxyllm("--help").returncode == 0

        assert _child_time() - children_before + time.process_time() - began < 0.5

    def test_an_unknown_command_is_wrong_usage(self) -> None:
        assert _proxyllm("no-such-command").returncode == 2


def _child_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class TestMigrate:
    def test_it_applies_once_and_then_has_nothing_to_do(self, postgres: PostgresServer) -> None:
        url = postgres.create_database()

        first = _proxyllm("migrate", "--json", database_url=url)
        second = _proxyllm("migrate", "--json", database_url=url)

        assert (first.returncode, second.returncode) == (0, 0)
        assert len(json.loads(first.stdout)["applied"]) >= 3
        assert json.loads(second.stdout) == {"applied": [], "applied_of_litellm": 0}

    def test_without_a_database_it_says_what_is_missing(self) -> None:
        ended = _proxyllm("migrate")

        assert ended.returncode == 1
        assert ended.stderr == "proxyllm: DATABASE_URL is not set.\n"

    def test_an_unreachable_database_is_one_line_without_its_password(self) -> None:
        ended = _proxyllm("migrate", database_url="postgresql://who:secret-word@127.0.0.1:1/none")

        assert ended.returncode == 6
        assert ended.stderr.count("\n") == 1
        assert "secret-word" not in ended.stderr


class TestVerify:
    async def test_books_that_agree_are_verified(self, ledger: Ledger, database_url: str) -> None:
        await ledger.post(Entry(PAYER, TransactionKind.CREDIT, 5 * UNIT, "credit:1", "test"))

        ended = _proxyllm("verify", "--json", database_url=database_url)

        assert json.loads(ended.stdout) == {"verified": True, "proved": True, "discrepancies": []}
        assert ended.returncode == 0

    async def test_an_altered_balance_is_found(self, ledger: Ledger, database_url: str) -> None:
        await ledger.post(Entry(PAYER, TransactionKind.CREDIT, 5 * UNIT, "credit:1", "test"))
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute('UPDATE billing."LiteLLM_StripeBalanceTable" SET balance = balance + 1')

        ended = _proxyllm("verify", "--json", database_url=database_url)
        plain = _proxyllm("verify", database_url=database_url)

        assert (ended.returncode, plain.returncode) == (1, 1)
        assert json.loads(ended.stdout)["verified"] is False
        assert str(5 * UNIT + 1) in plain.stdout


class TestReview:
    async def test_a_call_without_a_success_event_is_listed(self, ledger: Ledger, database_url: str) -> None:
        await ledger.post(Entry(PAYER, TransactionKind.CREDIT, 5 * UNIT, "credit:1", "test"))
        await ledger.hold(HoldRequest("call_1", PAYER, 2 * UNIT, UNIT, lease_s=1))
        assert _proxyllm("review", database_url=database_url).stdout == "nothing to review\n"
        await _lease_over(database_url)
        await ledger.expire("call_1", UNIT, "nothing was heard")

        ended = _proxyllm("review", "--json", database_url=database_url)

        assert ended.returncode == 0
        [call] = json.loads(ended.stdout)["calls"]
        assert call["call_id"] == "call_1"
        assert call["customer_id"] == "ada"
        assert call["charged"] == "1.00"
        assert "call_1 charged 1.00" in _proxyllm("review", database_url=database_url).stdout

    async def test_a_call_at_its_hold_is_listed_until_it_is_priced(
        self, ledger: Ledger, database_url: str
    ) -> None:
        await ledger.post(Entry(PAYER, TransactionKind.CREDIT, 5 * UNIT, "credit:1", "test"))
        await ledger.hold(HoldRequest("call_1", PAYER, 2 * UNIT, UNIT, lease_s=60))
        detail = {"ending": "finished_unpriced", "model": "m"}
        await ledger.settle(
            Settlement("call_1", 2 * UNIT, "finished_unpriced", "m", estimate=True, detail=dict(detail))
        )
        [call] = json.loads(_proxyllm("review", "--json", database_url=database_url).stdout)["calls"]
        assert (call["call_id"], call["why"], call["charged"]) == ("call_1", "finished_unpriced", "2.00")
        assert "cost is not known" in _proxyllm("review", database_url=database_url).stdout

        refused = _proxyllm("review", "--price", "call_1", "-1", database_url=database_url)
        priced = _proxyllm("review", "--price", "call_1", "0.25", database_url=database_url)
        again = _proxyllm("review", "--json", "--price", "call_1", "0.25", database_url=database_url)
        other = _proxyllm("review", "--price", "call_1", "0.5", database_url=database_url)

        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert (priced.returncode, priced.stdout) == (0, "call_1 charged 0.25\n")
        assert json.loads(again.stdout) == {"call_id": "call_1", "charged": "0.25", "changed": False}
        assert (other.returncode, "already" in other.stderr) == (1, True)
        assert _proxyllm("review", database_url=database_url).stdout == "nothing to review\n"
        assert (await ledger.account(PAYER)).balance_nanos == 5 * UNIT - UNIT // 4
        assert await ledger.verify() == []


async def _lease_over(database_url: str) -> None:
    query = 'SELECT bool_and(lease_expires_at < now()) FROM billing."LiteLLM_StripeHoldTable"'
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(query).fetchone() == (True,))
