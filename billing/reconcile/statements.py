"""Loads the SQL of the comparison once for all three books and the schedule."""

from __future__ import annotations

from billing.database import load_statements

SQL = load_statements("billing.reconcile")
