"""Checks the fields of a billed request before LiteLLM sees them.

What is refused here stands in no log and no row: LiteLLM writes a client's values into its failure rows, and
one that a column cannot hold would keep all rows of the process from being written.
"""

from __future__ import annotations

from billing.errors import BadRequest
from billing.proxy.client_fields import refuse_steering
from billing.proxy.http.field_types import check_types
from billing.proxy.http.json_document import Document
from billing.proxy.http.nul import NUL, holds_nul
from billing.proxy.routes.route import Route
from billing.proxy.search.prices import CALL_TYPE as SEARCH
from billing.proxy.search.prices import OF_A_SEARCH

# What a model reads: long, of many shapes, and stored by nobody as a label.
_CONTENT = frozenset(
    ("messages", "system", "prompt", "input", "instructions", "contents", "systemInstruction", "tools",
     "system_instruction", "documents", "query", "document", "texts", "suffix", "prediction")
)  # fmt: skip


def check_fields(route: Route, document: Document, *, is_form: bool) -> None:
    """Raises BadRequest for a field of a wrong type, of the operator's, or that no row can hold."""
    for call_type in () if is_form else route.call_types:  # the fields of a form are text
        check_types(call_type, document)
    refuse_steering(document, but=OF_A_SEARCH if SEARCH in route.call_types else ())
    for name, value in document.items():
        if NUL in name or (name not in _CONTENT and holds_nul(value)):
            raise BadRequest(
                f"`{name[:100]}` holds a NUL character, which cannot be stored.", param=name[:100]
            )
