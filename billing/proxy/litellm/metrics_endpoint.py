"""Mounts `/metrics`, LiteLLM's own endpoint, whether or not its configuration does.

LiteLLM 1.106.12 mounts it if `prometheus` is among its success callbacks (proxy/proxy_server.py,
`_mount_metrics_endpoint`), from the same registry; its route then comes after ours and shows the same.
Its middleware requires a key on that path, whoever mounted it, unless `require_auth_for_metrics_endpoint:
false` (proxy/middleware/prometheus_auth_middleware.py).
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from litellm.integrations.prometheus_metrics_endpoint import make_metrics_asgi_app
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess

PATH = "/metrics"


def mount_metrics(app: FastAPI) -> None:
    """Exposes LiteLLM's metrics and ours."""
    app.mount(PATH, make_metrics_asgi_app(_registry()), name="metrics")


def _registry() -> CollectorRegistry:
    """The metrics of all workers if they write to a directory; otherwise this process's."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # ships without types
    return registry
