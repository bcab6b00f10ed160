"""Checks the fields of a request before LiteLLM sees them: of billed calls, and of some free ones.

LiteLLM writes a client's values into its failure rows, and one that a column cannot hold would keep all rows
of the process from being written. What is refused here is never logged or stored.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from billing.errors import BadRequest
from billing.proxy.max_cost.search_route import CALL_TYPE as SEARCH
from billing.proxy.max_cost.search_route import OF_A_SEARCH
from billing.proxy.requests.client_fields import refuse_steering
from billing.proxy.requests.field_types import BY_CALL_TYPE, check_types, type_adapter
from billing.proxy.requests.free_types import BY_PATH, OF_FREE_CALLS, AboutAResponse, Tokens, check_countable
from billing.proxy.requests.json_document import Document
from billing.proxy.requests.nul import NUL, holds_nul
from billing.proxy.routes.route import Route
from billing.proxy.routes.table import ROUTES

# What a model reads: long, of many shapes, and never stored as a label.
_CONTENT = frozenset(
    ("messages", "system", "prompt", "input", "instructions", "contents", "systemInstruction", "tools",
     "system_instruction", "documents", "query", "document", "texts", "suffix", "prediction")
)  # fmt: skip
_SHAPES = {**BY_CALL_TYPE, **OF_FREE_CALLS}


@cache
def shapes_of(route: Route) -> tuple[type, ...]:
    """Returns the types that a JSON body of this route must match."""
    known = [_SHAPES.get(call_type) for call_type in route.call_types] + [BY_PATH.get(route.path)]
    return tuple(dict.fromkeys(shape for shape in known if shape is not None))


@cache
def needs_body(route: Route) -> bool:
    """Whether this route requires a body."""
    return AboutAResponse not in shapes_of(route)


def prepare_types() -> None:
    """Builds the validators of all request types in advance, so that no request waits for them."""
    for route in ROUTES.values():
        for shape in shapes_of(route):
            type_adapter(shape)


def check_fields(route: Route, document: Document, *, is_form: bool) -> None:
    """Raises BadRequest for a field of a wrong type, reserved for the operator, or impossible to store."""
    for shape in () if is_form else shapes_of(route):  # all form fields are text
        check_types(shape, document)
        if shape is Tokens:
            check_countable(document)
    if route.call_types:
        refuse_steering(document, but=OF_A_SEARCH if SEARCH in route.call_types else ())
    refuse_nul(document, but=_CONTENT)


def refuse_nul(document: Document, but: Collection[str] = ()) -> None:
    """Raises BadRequest for a field that contains a NUL character, except `but`."""
    for name, value in document.items():
        if NUL in name or (name not in but and holds_nul(value)):
            raise BadRequest(
                f"`{name[:100]}` contains a NUL character, which cannot be stored.", param=name[:100]
            )
