"""Named SQL files."""

from __future__ import annotations

import pytest

from billing.database.statements import load_statements, parse_statements

TWO = """-- About the file.

-- first
-- Promises one.
SELECT 1; -- with a comment

-- second
-- Promises two.
SELECT 2;
"""


def test_each_statement_has_its_name_and_keeps_its_promise() -> None:
    statements = parse_statements(TWO)
    assert list(statements) == ["first", "second"]
    assert statements["second"] == b"-- Promises two.\nSELECT 2"


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two statements are named first"):
        parse_statements(TWO.replace("-- second", "-- first"))


def test_sql_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="before the first name"):
        parse_statements("SELECT 1;\n" + TWO)


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("billing.database", "queries.sql"),
        ("billing.ledger", "queries.sql"),
        ("billing.ledger", "proof.sql"),
        ("billing.prices", "queries.sql"),
        ("billing.proxy.calls", "queries.sql"),
        ("billing.reconcile", "queries.sql"),
        ("billing.review", "queries.sql"),
        ("billing.shadow", "queries.sql"),
        ("billing.topups", "queries.sql"),
        ("billing.webhooks", "queries.sql"),
    ],
)
def test_our_files_promise_something_for_every_statement(package: str, file: str) -> None:
    for name, statement in load_statements(package, file).items():
        promise, _, sql = statement.partition(b"\n")
        assert promise.startswith(b"-- "), name
        assert sql.strip(), name
