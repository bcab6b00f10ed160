"""Prints every route of the app that is served, as JSON. Run in a process of its own: it imports LiteLLM.

FastAPI keeps included routers as trees (`_IncludedRouter`), LiteLLM adds its 37 features when they are first
asked for, and some paths are applications of their own (mounts): all of them are walked. The parameters of
each route are JSON schemas, by where they stand in a request.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

warnings.simplefilter("ignore")

from fastapi.routing import _IncludedRouter  # noqa: E402  # warnings of what is imported are not ours
from litellm.proxy import _lazy_features  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402
from pydantic.errors import PydanticUserError  # noqa: E402
from starlette.routing import Mount  # noqa: E402

from billing.app import app  # noqa: E402

_PLACES = ("query", "path", "header", "body")


def walk(routes: Any, prefix: str = "") -> Iterator[dict[str, object]]:
    for route in routes:
        if isinstance(route, _IncludedRouter):
            yield from walk((*route.effective_candidates(), *route.effective_low_priority_routes()), prefix)
            continue
        original = getattr(route, "original_route", route)
        dependant = getattr(route, "dependant", None) or getattr(original, "dependant", None)
        methods = ["MOUNT"] if isinstance(original, Mount) else getattr(original, "methods", None) or ["WS"]
        for method in sorted(set(methods) - {"HEAD"}):
            yield {
                "method": method,
                "path": prefix + original.path,
                "module": getattr(getattr(original, "endpoint", None), "__module__", ""),
                "endpoint": getattr(getattr(original, "endpoint", None), "__qualname__", ""),
                "authenticated": dependant is not None and takes_a_key(dependant),
                "parameters": {place: dict(parameters(dependant, place)) for place in _PLACES},
            }
        if isinstance(original, Mount):
            yield from walk(original.routes, prefix + original.path)


def takes_a_key(dependant: Any) -> bool:
    return any(
        "user_api_key_auth" in getattr(each.call, "__name__", "") or takes_a_key(each)
        for each in dependant.dependencies
    )


def parameters(dependant: Any, place: str) -> Iterator[tuple[str, object]]:
    """The parameters of an endpoint and of what it depends on: their names and JSON schemas."""
    if dependant is None:
        return
    for field in getattr(dependant, f"{place}_params"):
        if field.field_info.is_required():
            yield field.alias, {**schema_of(field), "required": True}
        else:
            yield field.alias, schema_of(field)
    for each in dependant.dependencies:
        yield from parameters(each, place)


def schema_of(field: Any) -> dict[str, object]:
    annotation = Annotated[field.field_info.annotation, field.field_info]
    try:
        schema = TypeAdapter(annotation).json_schema()
    except PydanticUserError:  # files, which no JSON describes
        schema = {"type": "string"}
    return {"kind": type(field.field_info).__name__, "schema": schema}


_lazy_features.register_all_features(app)
not_loaded = [
    feature.name
    for feature in _lazy_features.LAZY_FEATURES
    if feature.module_path not in _lazy_features.loaded_lazy_modules(app)
]
json.dump(
    {
        "routes": list(walk(app.routes)),
        "features": len(_lazy_features.LAZY_FEATURES),
        "not_loaded": not_loaded,
    },
    sys.stdout,
)
