"""One recording provider, and billed calls to models that are all at it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from typing import Any

import litellm
import pytest
from aiohttp import ClientSession

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
    made: list[ClientSession] = []  # LiteLLM makes one for each text completion, and closes it never
    create = ClientSession.__init__

    def created(session: ClientSession, *args: Any, **kwargs: Any) -> None:
        create(session, *args, **kwargs)
        made.append(session)

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        patch.setattr(ClientSession, "__init__", created)
        yield lambda router, call_type, body: runner.run(billed.call(router, call_type, body))
        runner.run(litellm.close_litellm_async_clients())
        runner.run(_close(made))
    assert all(session.closed for session in made)  # or a later test fails when one is collected
    billed.forget()
    litellm.in_memory_llm_clients_cache.flush_cache()


async def _close(sessions: list[ClientSession]) -> None:
    for session in sessions:
        await session.close()
