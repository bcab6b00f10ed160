"""Exports transactions as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from billing.accounts.schemas import TransactionLine

MEDIA_TYPE = "text/csv"
_COLUMNS = ("id", "type", "amount", "balance_after", "created_at", "description", "detail")
# Spreadsheets evaluate cells that start with one of these as formulas
# (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def prefers_csv(accept: str | None) -> bool:
    """Whether an Accept header prefers CSV to JSON."""
    weights = dict(_weight(part) for part in reversed((accept or "").split(",")))
    csv_weight = weights.get(MEDIA_TYPE, weights.get("text/*", 0.0))
    return csv_weight > 0 and csv_weight > weights.get("application/json", 0.0)


def render_csv(lines: Iterable[TransactionLine]) -> str:
    """Renders CSV (RFC 4180) with a header row. Amounts stay numbers; text cells cannot become formulas."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for line in lines:
        writer.writerow(
            (
                line.id,
                line.type.value,
                line.amount,
                line.balance_after,
                line.created_at.isoformat(),
                _text(line.description),
                _text(json.dumps(line.detail, ensure_ascii=False)),
            )
        )
    return out.getvalue()


def _text(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell


def _weight(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return media_type, _quality(value)
    return media_type, 1.0


def _quality(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
