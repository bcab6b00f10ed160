"""Stripe's request encoding: `line_items[0][price_data][currency]=usd` → nested mappings.

Which mapping is a list only the parameter's type knows (`metadata[0]` is a key), so lists stay mappings of
digits here, and `devkit.stripe_sandbox.params` turns them around. `a[]` appends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from devkit.stripe_sandbox.errors import InvalidRequest

Form = dict[str, "str | Form"]

FIELDS_MAX = 1000
DEPTH_MAX = 10
_NAME = re.compile(r"[^\[\]]+")
_REST = re.compile(r"\[([^\[\]]*)\]")


def decode(encoded: bytes | str) -> Form:
    """A query string or form body → a nested form. Raises InvalidRequest for what cannot be nested."""
    text = _text(encoded)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise InvalidRequest(f"The request's parameters cannot be read: {error}.") from error
    return nest(pairs)


def _text(encoded: bytes | str) -> str:
    if isinstance(encoded, str):
        return encoded
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request body is not UTF-8.") from error


def nest(pairs: Iterable[tuple[str, str]]) -> Form:
    """Pairs of bracketed names and values → a nested form; a later value replaces an earlier one."""
    form: Form = {}
    for name, value in pairs:
        _put(form, name, value)
    return form


def _put(form: Form, name: str, value: str) -> None:
    *parents, last = _path(name)
    node = form
    for key in parents:
        child = node.setdefault(key or str(len(node)), {})
        if not isinstance(child, dict):
            raise InvalidRequest(f"Invalid parameter name: {name}.", param=name)
        node = child
    key = last or str(len(node))
    if isinstance(node.get(key), dict):
        raise InvalidRequest(f"Invalid parameter name: {name}.", param=name)
    node[key] = value


def _path(name: str) -> list[str]:
    head = _NAME.match(name)
    rest = name[head.end() :] if head else name
    keys = _REST.findall(rest)
    if head is None or "".join(f"[{key}]" for key in keys) != rest or len(keys) > DEPTH_MAX:
        raise InvalidRequest(f"Invalid parameter name: {name[:100]}.", param=name[:100])
    return [head.group(), *keys]
