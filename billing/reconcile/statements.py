"""The SQL of the comparison, read once: all three books and the schedule use it."""

from __future__ import annotations

from billing.database import load_statements

SQL = load_statements("billing.reconcile")
