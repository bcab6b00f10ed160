"""What is written of the endings of calls names each of them."""

from __future__ import annotations

import re
from pathlib import Path

import billing.pages
from billing.ledger.endings import Ending

ENDINGS = {str(ending) for ending in Ending}
WITHOUT_ENTRY = {Ending.NOT_DISPATCHED, Ending.ABANDONED}  # always released: no transaction tells of them


def test_the_page_says_what_each_costs() -> None:
    text = (Path(__file__).parents[3] / "docs" / "explanation" / "endings.md").read_text("utf-8")
    rows = [row for row in text.partition("## Who decides")[0].splitlines() if row.startswith("|")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[2])}
    assert named == ENDINGS


def test_a_customer_reads_what_each_means_that_a_transaction_can_have() -> None:
    [package] = billing.pages.__path__
    script = (Path(package) / "templates" / "transaction_detail.js").read_text("utf-8")
    table = script.partition("const ENDINGS = {")[2].partition("};")[0]
    assert set(re.findall(r"^  ([a-z_]+): ", table, re.MULTILINE)) == ENDINGS - WITHOUT_ENTRY
