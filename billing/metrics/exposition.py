"""`/metrics`: LiteLLM's own, where its configuration mounts it; else ours at the same place, with its guard.

LiteLLM 1.106.2 mounts `/metrics` where `prometheus` is among its success callbacks
(proxy/proxy_server.py, `_mount_metrics_endpoint`). Its middleware asks for a key on that path, whoever
mounted it, unless `require_auth_for_metrics_endpoint: false`
(proxy/middleware/prometheus_auth_middleware.py).
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from litellm.integrations.prometheus_metrics_endpoint import make_metrics_asgi_app
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess
from starlette.routing import Mount

PATH = "/metrics"


def mount_metrics(app: FastAPI) -> bool:
    """After LiteLLM has read its configuration. Returns whether it had not mounted its own."""
    if any(isinstance(route, Mount) and route.path == PATH for route in app.routes):
        return False
    app.router.routes.insert(0, Mount(PATH, make_metrics_asgi_app(_registry()), name="metrics"))
    return True


def _registry() -> CollectorRegistry:
    """All workers' numbers, where they write them to a directory; else this process's."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # ships without types
    return registry
