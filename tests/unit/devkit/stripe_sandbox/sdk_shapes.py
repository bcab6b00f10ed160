"""Compares JSON with the annotations of the official SDK's classes."""

from __future__ import annotations

import types
from collections.abc import Iterator
from decimal import Decimal
from typing import ForwardRef, Literal, Union, get_args, get_origin

import stripe
from pydantic import JsonValue

SDK_ONLY = frozenset(("OBJECT_NAME", "_inner_class_types", "_inner_class_dicts"))


def differences(body: JsonValue, sdk_class: type, where: str = "") -> Iterator[str]:
    """Every key the class does not know, every required one that is missing, every value of a wrong type."""
    where = where or sdk_class.__qualname__
    if not isinstance(body, dict):
        yield f"{where}: not an object"
        return
    known = {name: hint for name, hint in sdk_class.__annotations__.items() if name not in SDK_ONLY}
    for name in body.keys() - known.keys():
        yield f"{where}.{name}: the SDK does not know it"
    for name in known.keys() - body.keys():
        if not _fits(None, known[name]):
            yield f"{where}.{name}: missing"
    for name in body.keys() & known.keys():
        yield from _value_differences(body[name], known[name], f"{where}.{name}")


def _value_differences(value: JsonValue, hint: object, where: str) -> Iterator[str]:
    if not _fits(value, hint):
        yield f"{where}: {value!r} is no {hint}"
    elif isinstance(value, dict):
        classes = [option for option in _options(hint) if _is_sdk_class(option)]
        found = [list(differences(value, option, where)) for option in classes if isinstance(option, type)]
        if found:
            yield from min(found, key=len)
    elif isinstance(value, list):
        element = next((get_args(option)[0] for option in _options(hint) if get_origin(option) is list), None)
        for index, item in enumerate(value):
            yield from _value_differences(item, element, f"{where}[{index}]")


def _options(hint: object) -> list[object]:
    if get_origin(hint) in (Union, types.UnionType):
        return [option for part in get_args(hint) for option in _options(part)]
    if isinstance(hint, ForwardRef):
        return [getattr(stripe, hint.__forward_arg__, hint)]
    return [hint]


def _is_sdk_class(option: object) -> bool:
    return isinstance(option, type) and issubclass(option, stripe.StripeObject)


def _fits(value: JsonValue, hint: object) -> bool:
    return any(_fits_one(value, option) for option in _options(hint))


def _fits_one(value: JsonValue, option: object) -> bool:
    if option is type(None):
        return value is None
    if get_origin(option) is Literal:
        return value in get_args(option)
    if get_origin(option) is list:
        return isinstance(value, list)
    if option is Decimal:
        return isinstance(value, str)
    if option in (int, str, bool):
        return type(value) is option
    # what is left are objects: the SDK's classes, its untyped mappings and lists, unresolved names
    return isinstance(value, dict)
