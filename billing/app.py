"""The ASGI app: LiteLLM's own app with billing around it. Serve it with uvicorn, granian or gunicorn.

    proxyllm serve --config proxy_server_config.yaml
    uvicorn billing.app:app            # CONFIG_FILE_PATH and DATABASE_URL in the environment

Every worker process is a complete gateway; they coordinate only through Postgres.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

os.environ.setdefault(
    "LITELLM_LOCAL_MODEL_COST_MAP", "True"
)  # otherwise prices come from the network at start
os.environ.setdefault("SPEND_LOG_WRITE_BATCH_MAX_ROWS", "20")  # a row stops the event loop for 0.3 ms
_import_began = time.monotonic()

from billing.runtime.garbage_collection import (  # noqa: E402
    collecting_between_callbacks,
    freeze_started,
    paused_collection,
)

with paused_collection():  # LiteLLM reads its environment when it is imported
    from fastapi import FastAPI
    from litellm.proxy.middleware.per_request_root_path_middleware import PerRequestRootPathMiddleware
    from litellm.proxy.proxy_server import app
    from pydantic import ValidationError
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware

LITELLM_IMPORT_S = time.monotonic() - _import_began

from billing.database.pool import Pool, open_pool  # noqa: E402
from billing.errors import BillingError, NotConfigured  # noqa: E402
from billing.features import build_router, open_features  # noqa: E402
from billing.jobs.background import Background  # noqa: E402
from billing.ledger.no_overdraft import NoOverdraftLedger  # noqa: E402
from billing.ledger.schemas import LedgerLimits  # noqa: E402
from billing.ledger.service import Ledger  # noqa: E402
from billing.metrics.instruments import FROZEN_OBJECTS  # noqa: E402
from billing.metrics.jobs import jobs as metrics_jobs  # noqa: E402
from billing.metrics.observing import CountedLedger, count_refusal  # noqa: E402
from billing.metrics.sampling import Sampler  # noqa: E402
from billing.proxy.adapter import Enforcement  # noqa: E402
from billing.proxy.calls.call import Call  # noqa: E402
from billing.proxy.calls.credit_check import CreditCheck  # noqa: E402
from billing.proxy.calls.payer import Key  # noqa: E402
from billing.proxy.calls.shadow import ModeHeader  # noqa: E402
from billing.proxy.http.door import Door  # noqa: E402
from billing.proxy.http.middleware import BillingMiddleware  # noqa: E402
from billing.proxy.http.refusal import TOP_UP_PATH  # noqa: E402
from billing.proxy.litellm.answer_cache import guard_cache  # noqa: E402
from billing.proxy.litellm.auth import authenticator  # noqa: E402
from billing.proxy.litellm.counting_routes import count_off_loop  # noqa: E402
from billing.proxy.litellm.first_calls import prepare_calls  # noqa: E402
from billing.proxy.litellm.key_check import guard_key_checks  # noqa: E402
from billing.proxy.litellm.metrics_endpoint import mount_metrics  # noqa: E402
from billing.proxy.litellm.openapi import serve_openapi  # noqa: E402
from billing.proxy.litellm.patches import LIFESPAN, check_known  # noqa: E402
from billing.proxy.litellm.provider_streams import follow_provider_streams  # noqa: E402
from billing.proxy.litellm.public_prices import mount_public_prices  # noqa: E402
from billing.proxy.litellm.recording_seconds import charge_decoded_seconds  # noqa: E402
from billing.proxy.litellm.request_guard import guard_requests  # noqa: E402
from billing.proxy.litellm.route_guard import guard_routes  # noqa: E402
from billing.proxy.litellm.spend_log_rows import guard_spend_log_rows  # noqa: E402
from billing.proxy.litellm.warm_routes import warm_routes  # noqa: E402
from billing.proxy.max_cost import load_encodings  # noqa: E402
from billing.reconcile.jobs import jobs as reconcile_jobs  # noqa: E402
from billing.reconcile.schedule import ReconcileSchedule  # noqa: E402
from billing.reconcile.service import open_reconciliation  # noqa: E402
from billing.runtime.jobs import jobs as runtime_jobs  # noqa: E402
from billing.settings import Settings, get_settings  # noqa: E402
from billing.startup_checks import check_settings  # noqa: E402

logger = logging.getLogger(__name__)

__all__ = ["LITELLM_IMPORT_S", "app"]


@asynccontextmanager
async def _billing(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    """Runs billing inside LiteLLM's lifespan: pool, ledger, services, hooks, background work."""
    async with AsyncExitStack() as stack:
        pool = await open_pool(settings)
        stack.push_async_callback(pool.close)
        ledger = await stack.enter_async_context(_ledger(pool, settings))
        features = await stack.enter_async_context(open_features(settings, pool, ledger))
        reconciliation = await stack.enter_async_context(open_reconciliation(settings, pool, ledger))
        enforcement = Enforcement(ledger, pool, settings, features.prices)
        background = Background()
        stack.push_async_callback(enforcement.stop)
        stack.push_async_callback(background.stop)
        enforcement.start()
        schedule = ReconcileSchedule(settings, pool, reconciliation)
        background.start(
            (
                *enforcement.jobs(),
                *features.jobs(),
                *reconcile_jobs(settings, schedule),
                *metrics_jobs(Sampler(pool, ledger, enforcement, schedule)),
                *runtime_jobs(),
            )
        )
        app.state.billing_enforcement = enforcement
        app.state.billing = features.services(authenticator(settings))
        yield


def _ledger(pool: Pool, settings: Settings) -> Ledger:
    limits = LedgerLimits(queue_max=settings.billing_ledger_queue_max, wait_s=settings.billing_ledger_wait_s)
    owner = f"{socket.gethostname()}-{os.getpid()}"
    kind = NoOverdraftLedger if settings.billing_strict else Ledger
    return kind(
        pool, owner=owner, currency=settings.billing_currency, limits=limits, observer=CountedLedger()
    )


def _request_ended(call: Call) -> None:
    app.state.billing_enforcement.request_ended(call)
    count_refusal(call.refusal)


def _credit_check() -> CreditCheck:
    check: CreditCheck = app.state.billing_enforcement.credit_check
    return check


def _would_refuse(call: Call, key: Key, body: object, refusal: BillingError) -> None:
    app.state.billing_enforcement.would_refuse(call, key, body, refusal)


def _mount(app: FastAPI, settings: Settings) -> None:
    litellm_lifespan = app.router.lifespan_context
    check_known(LIFESPAN, litellm_lifespan)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        # while LiteLLM waits for its database
        prepared = asyncio.create_task(asyncio.to_thread(_prepare, app))
        async with litellm_lifespan(app) as state, _billing(app, settings):
            await prepared
            FROZEN_OBJECTS.set(freeze_started())
            async with collecting_between_callbacks():
                yield state or {}

    app.router.lifespan_context = lifespan
    app.include_router(build_router())
    mount_metrics(app)
    serve_openapi(app)
    count_off_loop(app)
    mount_public_prices(app)
    shadow = settings.billing_mode == "shadow"
    guard_routes(settings, _would_refuse if shadow else None)
    guard_requests(settings, _would_refuse if shadow else None)
    guard_cache()
    guard_key_checks()
    guard_spend_log_rows()
    follow_provider_streams()
    charge_decoded_seconds()
    _mount_door(app, settings)
    app.add_middleware(
        BillingMiddleware,
        request_ended=_request_ended,
        top_up_url=_top_up_url(settings),
        cache_hits=settings.billing_charge_cache_hit,
    )
    if shadow:
        app.add_middleware(ModeHeader)


def _prepare(app: FastAPI) -> None:
    """Does in advance what the first calls would wait for."""
    prepare_calls()
    warm_routes(app)
    load_encodings()


def _mount_door(app: FastAPI, settings: Settings) -> None:
    """Mounts the door outside of LiteLLM's own middleware, but inside the one that strips the root path."""
    layers = app.user_middleware
    cors = next(layer for layer in layers if getattr(layer, "cls", None) is CORSMiddleware)
    door = Middleware(
        Door,
        settings=settings,
        credit_check=_credit_check,
        with_cors=lambda refused: cors.cls(refused, *cors.args, **cors.kwargs),
    )
    prefixes = [index for index, layer in enumerate(layers) if layer.cls == PerRequestRootPathMiddleware]
    layers.insert(prefixes[-1] + 1 if prefixes else 0, door)


def _top_up_url(settings: Settings) -> str | None:
    base = settings.billing_public_url
    return f"{base.rstrip('/')}{TOP_UP_PATH}" if base else None


def _checked_settings() -> Settings:
    """Returns the settings, or exits with one line instead of a stack trace."""
    try:
        settings = get_settings()
        warnings = check_settings(settings)
    except (NotConfigured, ValidationError) as error:
        sys.exit(f"proxyllm: {error}")
    for warning in warnings:
        logger.warning(warning)
    return settings


_mount(app, _checked_settings())
