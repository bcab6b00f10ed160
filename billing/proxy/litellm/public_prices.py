"""Serves `GET /public/litellm_model_cost_map` without the operator's own deployments.

LiteLLM's route requires no key, and besides its own map shows every deployment of the gateway: ids, names
(including those of other customers' teams) and what the operator pays. Ours takes precedence and shows the
map as it was loaded. It is megabytes, so it is rendered once and off the event loop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import lru_cache

from fastapi import FastAPI
from litellm.litellm_core_utils.get_model_cost_map import GetModelCostMap
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/public/litellm_model_cost_map"


def mount_public_prices(app: FastAPI) -> None:
    """Puts our route before LiteLLM's."""
    app.router.routes.insert(0, Route(PATH, _read_prices, methods=["GET"], include_in_schema=False))


async def _read_prices(request: Request) -> Response:
    loaded = GetModelCostMap.loaded_model_cost_map()
    return Response(await asyncio.to_thread(_as_json, id(loaded)), media_type="application/json")


@lru_cache(maxsize=1)
def _as_json(loaded_id: int) -> bytes:
    """Renders the map as JSON. A new object id means a new map: LiteLLM can be told to reload it."""
    loaded = GetModelCostMap.loaded_model_cost_map()
    return json.dumps({name: dict(entry) for name, entry in loaded.items()}, default=_plain).encode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no JSON: {type(value)}")
