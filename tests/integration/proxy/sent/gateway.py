"""LiteLLM's router in front of the recorder, and billing in front of LiteLLM's router."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import litellm

from billing.errors import BillingError
from billing.prices.rule import PriceRule
from billing.proxy.max_cost import max_cost_of
from billing.proxy.requests.client_fields import refuse_steering, with_key_fallbacks
from billing.proxy.requests.field_types import BY_CALL_TYPE, check_types
from billing.settings import Settings
from tests.integration.proxy.sent import arrived
from tests.integration.proxy.sent.recorder import Recorder

STRICT = Settings(_env_file=None, billing_strict=True)  # counts bytes, so no allowance hides what is added
_PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6}
_INFO = {"mode": "chat", "max_input_tokens": arrived.CONTEXT, "max_output_tokens": arrived.OUTPUT_MAX}
_AWS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region_name": "us-east-1"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: what was held, and what the provider could charge for what it got."""

    refused: BillingError | None
    held_nanos: int
    arrived_nanos: int
    requests: int

    @property
    def covered(self) -> bool:
        """Whether the hold was enough."""
        return self.refused is not None or self.arrived_nanos <= self.held_nanos


class BilledRouter:
    """Models of any provider, all of them at the recorder, for a billed key."""

    def __init__(self, recorder: Recorder, count: Callable[[str], int]) -> None:
        self._recorder = recorder
        self._count = count
        self._routers: dict[str, Any] = {}

    def router(self, model: str, **params: object) -> Any:
        """LiteLLM's router with one deployment, under the name `m`."""
        key = f"{model} {params}"
        if key not in self._routers:
            url = self._recorder.url
            more = {**_AWS, "aws_bedrock_runtime_endpoint": url} if model.startswith("bedrock/") else {}
            more |= {"project_id": "p", "token": "t"} if model.startswith("watsonx/") else {}
            settings = {
                "model": model,
                "api_key": "k",
                "api_base": url,
                "max_retries": 0,
                **_PRICES,
                **more,
                **params,
            }
            row = {"model_name": "m", "litellm_params": settings, "model_info": {**_INFO, **_PRICES}}
            self._routers[key] = litellm.Router(model_list=[row], num_retries=0)
        return self._routers[key]

    def forget(self) -> None:
        """Lets go of all models, and LiteLLM's connections with them."""
        self._routers.clear()

    async def call(self, router: Any, call_type: str, body: dict[str, Any]) -> Outcome:
        """Makes one call as the proxy would: refused, or bound and sent."""
        self._recorder.forget()
        try:
            refuse_steering(body)
            check_types(BY_CALL_TYPE[call_type], body)
            max_cost = await max_cost_of(
                with_key_fallbacks(body),
                call_type=call_type,
                route="",
                router=router,
                rule=PriceRule(),
                settings=STRICT,
            )
        except BillingError as refusal:
            return Outcome(refusal, 0, 0, 0)
        sent = copy.deepcopy(body)
        max_cost.write_limit(sent, max_cost.output_tokens)
        with suppress(Exception):  # LiteLLM refuses much that is malformed, each provider in its own way
            await getattr(router, call_type)(**sent)
        bodies = list(self._recorder.bodies)
        price = arrived.price_nanos(bodies, self._count, writes=call_type != "aembedding")
        return Outcome(None, max_cost.amount_nanos(), price, len(bodies))
