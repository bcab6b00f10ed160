"""`/metrics`: LiteLLM's own endpoint, whether or not its configuration mounts it.

LiteLLM 1.106.12 mounts it where `prometheus` is among its success callbacks (proxy/proxy_server.py,
`_mount_metrics_endpoint`), of the same registry: what it mounts then comes behind ours and shows the same.
Its middleware asks for a key on that path, whoever mounted it, unless `require_auth_for_metrics_endpoint:
false` (proxy/middleware/prometheus_auth_middleware.py).
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from litellm.integrations.prometheus_metrics_endpoint import make_metrics_asgi_app
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

PATH = "/metrics"


def mount_metrics(app: FastAPI) -> None:
    """Shows LiteLLM's numbers and ours."""
    app.mount(PATH, make_metrics_asgi_app(_registry()), name="metrics")


def _registry() -> CollectorRegistry:
    """All workers' numbers, where they write them to a directory; else this process's."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # ships without types
    return registry
