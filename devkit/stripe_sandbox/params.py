"""The types that request parameters are made of, and Stripe's words for what is wrong with them.

Forms carry only strings: "" unsets, digits are integers, `true` is true. Pydantic checks; `parse` turns its
first complaint into the error Stripe would send.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from devkit.stripe_sandbox.errors import InvalidRequest
from devkit.stripe_sandbox.forms import Form

METADATA_KEYS_MAX = 50
LINE_ITEMS_MAX = 100
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


def _integer(value: object) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise PydanticCustomError("parameter_invalid_integer", "Invalid integer")
    return int(value)


def _boolean(value: object) -> bool:
    if value not in ("true", "false"):
        raise PydanticCustomError("parameter_invalid_boolean", "Invalid boolean")
    return value == "true"


def _unset(value: object) -> object:
    return None if value == "" else value


def _items(value: object) -> object:
    """Converts `{"0": a, "1": b}` to `[a, b]` and "" to `[]`."""
    if value == "":
        return []
    if not isinstance(value, dict):
        raise PydanticCustomError("parameter_invalid_array", "Invalid array")
    if not all(_INTEGER.fullmatch(key) for key in value):
        raise PydanticCustomError("parameter_invalid_array", "Invalid array")
    return [value[key] for key in sorted(value, key=int)]


def _metadata(value: object) -> object:
    if value == "":
        return {"": ""}  # unsets everything, see `merge_metadata`
    if not isinstance(value, dict):
        raise PydanticCustomError("parameter_invalid_hash", "Invalid object")
    if len(value) > METADATA_KEYS_MAX:
        raise PydanticCustomError(
            "metadata_keys", f"You cannot have more than {METADATA_KEYS_MAX} keys in metadata."
        )
    return value


Integer = Annotated[int, BeforeValidator(_integer)]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5000)]
Unsettable = Annotated[Annotated[str, StringConstraints(max_length=5000)] | None, BeforeValidator(_unset)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=r"^https?://[^\s/$.?#][^\s]*$")]
Email = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    BeforeValidator(_metadata),
]
T = TypeVar("T")
Items = Annotated[list[T], BeforeValidator(_items)]


def merge_metadata(old: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    """Merges metadata by Stripe's rule: an empty value removes its key, empty metadata removes all."""
    if change is None:
        return old
    if change == {"": ""}:
        return {}
    merged = {**old, **change}
    return {key: value for key, value in merged.items() if value != ""}


class Params(BaseModel):
    """The parameters of one API call."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    expand: Items[Text] = Field(default_factory=list)


class Hash(BaseModel):
    """A nested parameter."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class AddressHash(Hash):
    """A postal address."""

    city: Unsettable = None
    country: Unsettable = None
    line1: Unsettable = None
    line2: Unsettable = None
    postal_code: Unsettable = None
    state: Unsettable = None


UnsettableEmail = Annotated[Email | None, BeforeValidator(_unset)]
UnsettableAddress = Annotated[AddressHash | None, BeforeValidator(_unset)]


class ShippingHash(Hash):
    """Where and to whom to ship."""

    address: AddressHash
    name: Text
    phone: Unsettable = None


UnsettableShipping = Annotated[ShippingHash | None, BeforeValidator(_unset)]


class Range(Hash):
    """`created[gte]=…`"""

    gt: Integer | None = None
    gte: Integer | None = None
    lt: Integer | None = None
    lte: Integer | None = None


def _range(value: object) -> object:
    return {"gte": value, "lte": value} if isinstance(value, str) else value


class ListParams(Params):
    """The parameters of every list."""

    limit: Annotated[Integer, Field(ge=1, le=100)] = 10
    starting_after: Text | None = None
    ending_before: Text | None = None
    created: Annotated[Range, BeforeValidator(_range)] = Range()


P = TypeVar("P", bound=BaseModel)


def parse(params_type: type[P], form: Form) -> P:
    """Validates a form as typed parameters. Raises InvalidRequest with Stripe's code, text and parameter."""
    try:
        return params_type.model_validate(form)
    except ValidationError as error:
        raise _fault(error.errors(include_url=False)[0]) from error


def _fault(problem: ErrorDetails) -> InvalidRequest:
    name = param_name(problem["loc"])
    kind, given = problem["type"], problem.get("input")
    if kind == "missing":
        return InvalidRequest(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if kind == "extra_forbidden":
        return InvalidRequest(
            f"Received unknown parameter: {name} (or one that the sandbox does not have)",
            code="parameter_unknown",
            param=name,
        )
    if kind == "string_too_short":
        return InvalidRequest(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
            f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
            "supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    code = kind if kind == "parameter_invalid_integer" else None
    shown = f": {given[:100]}" if isinstance(given, str) else ""
    return InvalidRequest(f"Invalid {name}{shown}. {problem['msg']}.", code=code, param=name)


def param_name(location: tuple[int | str, ...]) -> str:
    """Formats `("line_items", 0, "price")` as `line_items[0][price]`."""
    first, *rest = location
    return str(first) + "".join(f"[{part}]" for part in rest)
