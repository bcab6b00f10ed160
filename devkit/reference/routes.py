"""Generates the page of all routes from the route table: `python -m devkit.reference.routes > FILE`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator

from billing.proxy.routes import NEWER, ROUTES, Handling, Route

HEAD = """# Routes
Made from `billing/proxy/routes/` by `make docs`. What a billed key gets on each route of LiteLLM's app; proxy
admins and exempt users are not restricted. A route is method and path template, as FastAPI has it. What is
not listed here, such as a route of a newer LiteLLM or a pass-through route of the operator's, is refused.
`tests/acceptance/routes/test_route_table.py` walks the running app and fails on a route that is missing here.

"""
_SECTIONS = {
    Handling.BILLED: (
        "Billed",
        "Credit for the most that the call can cost is set aside first. Without it: 402.",
    ),
    Handling.FREE: ("Free", "Needs no credit."),
    Handling.REFUSED: ("Refused", "403 `route_not_billable`, before LiteLLM looks at the request."),
}


def page() -> str:
    """Returns the page as Markdown."""
    return HEAD + _summary() + "".join(_section(handling) for handling in Handling)


def _summary() -> str:
    counts = [sum(route.handling is handling for route in ROUTES.values()) for handling in Handling]
    rows = "".join(f"| {handling} | {count} |\n" for handling, count in zip(Handling, counts, strict=True))
    served = len(ROUTES) - len(NEWER)
    return (
        f"| what | routes |\n|---|---|\n{rows}| all | {len(ROUTES)} |\n\n"
        f"{served} of them are in the LiteLLM that is served, {len(NEWER)} in a newer one alone.\n"
    )


def _section(handling: Handling) -> str:
    title, what = _SECTIONS[handling]
    by_reason: dict[str, list[Route]] = defaultdict(list)
    for route in ROUTES.values():
        if route.handling is handling:
            by_reason[route.reason].append(route)
    parts = (_part(reason, routes) for reason, routes in by_reason.items())
    return f"\n## {title}\n{what}\n{''.join(parts)}"


def _part(reason: str, routes: list[Route]) -> str:
    calls = sorted({call_type for route in routes for call_type in route.call_types})
    named = f" (LiteLLM's call {', '.join(f'`{call}`' for call in calls)})" if calls else ""
    lead = "Held for: " if routes[0].handling is Handling.BILLED else ""
    return f"\n**{lead}{reason}**{named}\n\n{''.join(_lines(routes))}"


def _lines(routes: list[Route]) -> Iterator[str]:
    methods: dict[str, list[str]] = defaultdict(list)
    for route in routes:
        methods[route.path].append(route.method)
    for path, names in methods.items():
        yield f"- {', '.join(names)} `{path}`\n"


if __name__ == "__main__":
    sys.stdout.write(page())
