"""A spreadsheet gets numbers as numbers and text as text."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from billing.accounts.schemas import TransactionLine
from billing.accounts.transactions_csv import prefers_csv, render_csv
from billing.ledger.schemas import TransactionKind


def line(description: str) -> TransactionLine:
    return TransactionLine(
        id="7",
        type=TransactionKind.CHARGE,
        amount="-0.50",
        balance_after="9.50",
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        description=description,
        detail={"model": "=cmd"},
    )


def cells(description: str) -> list[str]:
    return list(csv.reader(io.StringIO(render_csv([line(description)]))))[1]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_text_cannot_become_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("http://evil.example")'
    assert cells(text)[5] == f"'{text}"


def test_a_negative_amount_stays_a_number() -> None:
    assert cells("a call")[2] == "-0.50"


def test_commas_quotes_and_lines_come_back_as_they_were() -> None:
    text = 'one, "two"\nthree ü'
    assert cells(text) == [
        "7",
        "charge",
        "-0.50",
        "9.50",
        "2026-01-02T00:00:00+00:00",
        text,
        '{"model": "=cmd"}',
    ]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/csv", True),
        ("TEXT/CSV; q=0.9, application/json; q=0.1", True),
        ("text/csv;q=0.1, application/json", False),
        ("text/csv; charset=utf-8; q=0.5", True),
        ("text/csv;q=0", False),
        ("text/csv;q=nonsense", False),
        ("text/*", True),
        ("application/json, text/csv", False),
    ],
)
def test_csv_is_for_who_prefers_it(accept: str | None, expected: bool) -> None:
    assert prefers_csv(accept) is expected
