"""Several processes race for one balance: the row lock decides, not luck."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from billing.ledger import Ledger
from billing.ledger.schemas import Entry, Payer, TransactionKind

PROCESSES, HOLDS_EACH, ADMITTED, ROUNDS = 4, 50, 20, 20


@pytest.fixture
def racers(database_url: str) -> Iterator[list[subprocess.Popen[str]]]:
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.concurrency.holding_process"),
                *(database_url, "round", str(HOLDS_EACH), "7", f"p{number}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    yield started
    for process in started:  # the end of its input ends it
        assert process.stdin is not None
        process.stdin.close()
    for process in started:
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


async def test_200_holds_of_4_processes_on_a_balance_for_20_admit_exactly_20(
    ledger: Ledger, racers: list[subprocess.Popen[str]]
) -> None:
    assert [line_of(process) for process in racers] == ["ready"] * PROCESSES
    for number in range(ROUNDS):
        payer = Payer("user_id", f"round{number}")
        await ledger.post(Entry(payer, TransactionKind.TOPUP, 7 * ADMITTED, f"topup:{number}", "Top-up"))
        for process in racers:
            tell(process, str(number))
        answers = await asyncio.gather(*(asyncio.to_thread(line_of, process) for process in racers))
        assert sum(int(answer) for answer in answers) == ADMITTED
        account = await ledger.account(payer)
        assert (account.held_nanos, account.available_nanos) == (7 * ADMITTED, 0)
    assert await ledger.verify() == []
