"""Finds the declaration of a path before FastAPI has chosen its route."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from billing.proxy.routes.route import Handling, Route
from billing.proxy.routes.table import ROUTES

_PARAMETER = re.compile(r"{[^{}:]+(:path)?}")
_BY_ITSELF = re.compile(r"mcp|/gemini/|/vertex_ai/|/langfuse/|/introspect|/realtime/calls|/metrics")
_OWN = re.compile(r"/stripe/.*|/billing(/.*)?")  # our own routes check bodies and keys themselves


def is_ours(path: str) -> bool:
    """Whether the path is one of billing's own, which limit their bodies and check keys themselves."""
    return _OWN.fullmatch(path) is not None


def needs_key(method: str, path: str) -> bool:
    """Whether only declared routes that require a key match here."""
    patterns, target = _patterns(), f"{method} {path}"
    return patterns.keyless.fullmatch(target) is None and patterns.with_key.fullmatch(target) is not None


@lru_cache(maxsize=1024)  # runs for every call
def checked_route(method: str, path: str) -> Route | None:
    """Returns the route of a path if its fields are checked: billed ones, and some free ones."""
    return next((route for pattern, route in _checked() if pattern.fullmatch(f"{method} {path}")), None)


def refused_route(method: str, path: str) -> Route | None:
    """Returns the refused route of a path; None if there is none, or if another route may match."""
    target = f"{method} {path}"
    if _patterns().open.fullmatch(target):
        return None
    return next((route for pattern, route in _refused() if pattern.fullmatch(target)), None)


def prepare_patterns() -> None:
    """Compiles the tables in advance, so that no request waits for it."""
    _patterns(), _checked(), _refused()


class _Patterns(NamedTuple):
    keyless: re.Pattern[str]
    with_key: re.Pattern[str]
    open: re.Pattern[str]  # to customers or to everybody


@cache
def _patterns() -> _Patterns:
    http = [route for route in ROUTES.values() if route.method not in ("WS", "MOUNT")]
    return _Patterns(
        keyless=_any_of(route for route in http if not route.needs_key),
        with_key=_any_of(route for route in http if route.needs_key and not _asks_by_itself(route)),
        open=_any_of(route for route in http if route.handling is not Handling.REFUSED),
    )


def _asks_by_itself(route: Route) -> bool:
    """Whether LiteLLM checks the key in the route's own code, in a protocol's own way, or not at all."""
    return route.handling is Handling.REFUSED and _BY_ITSELF.search(route.path) is not None


@cache
def _refused() -> tuple[tuple[re.Pattern[str], Route], ...]:
    refused = [route for route in ROUTES.values() if route.handling is Handling.REFUSED]
    return tuple((re.compile(_pattern(route)), route) for route in refused if route.method != "MOUNT")


@cache
def _checked() -> tuple[tuple[re.Pattern[str], Route], ...]:
    checked = [route for route in ROUTES.values() if route.handling is Handling.BILLED or route.checked]
    fixed_first = sorted(checked, key=lambda route: route.path.count("{"))
    return tuple((re.compile(_pattern(route)), route) for route in fixed_first)


def _any_of(routes: Iterable[Route]) -> re.Pattern[str]:
    return re.compile("|".join(map(_pattern, routes)))


def _pattern(route: Route) -> str:
    """Builds a regular expression for `METHOD /path`; a parameter matches a segment, or more with `:path`."""
    method = "(?:GET|HEAD)" if route.method == "GET" else route.method
    text, position = "", 0
    for parameter in _PARAMETER.finditer(route.path):
        text += re.escape(route.path[position : parameter.start()])
        text += ".*" if parameter[1] else "[^/]+"
        position = parameter.end()
    return f"(?:{method} {text}{re.escape(route.path[position:])})"
