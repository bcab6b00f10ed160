"""One recording provider, and billed calls to models that are all at it."""

from __future__ import annotations

import asyncio
import copy
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import litellm
import pytest
from aiohttp import ClientSession, TCPConnector

from billing.proxy.max_cost import load_encodings
from billing.proxy.max_cost.tokens import encoding_named
from tests.integration.proxy.sent.gateway import BilledRouter, Outcome
from tests.integration.proxy.sent.recorder import Recorder

Send = Callable[[Any, str, dict[str, Any]], Outcome]


@pytest.fixture(scope="package")
def billed() -> Iterator[BilledRouter]:
    load_encodings()
    litellm.suppress_debug_info = True
    encoding = encoding_named("cl100k_base")
    prices = copy.deepcopy(litellm.model_cost)  # to which LiteLLM adds those of every router
    recorder = Recorder()
    yield BilledRouter(recorder, lambda text: len(encoding.encode_ordinary(text)))
    recorder.close()
    litellm.model_cost.clear()
    litellm.model_cost.update(prices)
    litellm.utils._invalidate_model_cost_lowercase_map()


@pytest.fixture(scope="package")
def send(billed: BilledRouter) -> Iterator[Send]:
    """Makes a call and says what came of it; LiteLLM's clients live in one event loop."""
    with asyncio.Runner() as runner:
        yield lambda router, call_type, body: runner.run(billed.call(router, call_type, body))
        runner.run(litellm.close_litellm_async_clients())
        for left in [each for each in gc.get_objects() if type(each) in (ClientSession, TCPConnector)]:
            runner.run(_close(left))  # or a later test fails when they are collected
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LiteLLM closes not all of its connections
        billed.forget()
        litellm.in_memory_llm_clients_cache.flush_cache()
        gc.collect()


async def _close(left: ClientSession | TCPConnector) -> None:
    await left.close()
