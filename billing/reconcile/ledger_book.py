"""Verifies the ledger against itself (`billing/ledger/proof.sql`) and finds holds that nobody has ended."""

from __future__ import annotations

from billing.ledger.reader import LedgerReader
from billing.ledger.schemas import Discrepancy
from billing.money import format_nanos
from billing.reconcile.schemas import Difference, Findings, Repair, Source
from billing.reconcile.statements import SQL

FOUND_MAX = 1000  # per rule
_WORDS = frozenset(("open_holds_are_listed",))  # rules whose numbers are not money


async def compare_ledger(books: LedgerReader, overdue_slack_s: float) -> Findings:
    """Checks all rules on all rows. A hold is overdue if its lease expired `overdue_slack_s` seconds ago."""
    findings = Findings(Source.LEDGER)
    findings.differences += [_difference(one) for one in await books.verify(limit=FOUND_MAX)]
    async with books.connection() as connection:
        values = {"slack_s": overdue_slack_s, "limit": FOUND_MAX}
        cursor = await connection.execute(SQL["overdue"], values)
        for key, customer, held_nanos, lease_expires_at in await cursor.fetchall():
            findings.differences.append(
                Difference(
                    book=Source.LEDGER,
                    rule="every_hold_ends",
                    subject=key,
                    expected="ended",
                    found="open",
                    drift_nanos=held_nanos,
                    explanation=f"holds {format_nanos(held_nanos)}, its lease ended {lease_expires_at:%F %T}",
                    customer=customer,
                    repair=Repair.END,
                )
            )
    return findings


def _difference(one: Discrepancy) -> Difference:
    is_money = one.rule not in _WORDS
    return Difference(
        book=Source.LEDGER,
        rule=one.rule,
        subject=one.subject,
        expected=_shown(one.expected, is_money),
        found=_shown(one.found, is_money),
        drift_nanos=int(one.found) - int(one.expected) if is_money else 0,
        explanation="the books contradict themselves: rows were changed by hand, or data was lost",
    )


def _shown(number: str, is_money: bool) -> str:
    return format_nanos(int(number)) if is_money else number
