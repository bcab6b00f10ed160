"""Reads what an operator's settings of a deployment add to each request.

LiteLLM merges a body over the deployment's `litellm_params` (`Router._acompletion`), so the operator's tools,
schemas, `n` or a whole `extra_body` reach the provider with every call. The maximum cost is computed from the
merged body. An output limit among them cannot be replaced by the priced one, so it is the one that is priced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from billing.proxy.max_cost.deployments import REMEMBERED_MAX, Deployment
from billing.proxy.max_cost.limits import BLOCKS, COUNTS, LIMITS, OUTPUT_TOKENS_MAX
from billing.proxy.max_cost.output import max_output_tokens

Table = Mapping[str, object]

# Stored at the provider or found by LiteLLM: as long as the model's context.
_STORED = (
    "prompt_id",
    "vector_store_ids",
    "vector_stores",
    "knowledge_bases",
    "container",
    "previous_response_id",
)
_PRICED = "max_tokens"  # written into every chat call, overriding the deployment's
_DROPPED = "additional_drop_params"  # LiteLLM removes these from each request, possibly including our limit
_OWN = (_DROPPED, "model", "cache_control_injection_points", "stream", "thinking", _PRICED)


class Configured(NamedTuple):
    """What a deployment adds to bodies."""

    under: Table  # fields that a client's override
    over: Table  # fields that override a client's
    output_tokens: int  # the output limit among them; 0: none
    stored: bool  # adds text that no body shows


NOTHING = Configured({}, {}, 0, stored=False)


@lru_cache(REMEMBERED_MAX)
def configured_on(deployment: Deployment) -> Configured:
    """Returns what the deployment's settings add."""
    ours = {name: value for name, value in deployment.params.items() if value is not None}
    fields = dict(_sent(ours))
    inner = {name: value for block in BLOCKS for name, value in _table(fields.get(block)).items()}
    limits = [
        value
        for name, value in (*fields.items(), *inner.items())
        if name in LIMITS and isinstance(value, int)
    ]
    dropped = ours.get(_DROPPED)
    if isinstance(dropped, list) and not LIMITS.isdisjoint(map(str, dropped)):
        limits.append(max_output_tokens(deployment.prices) or OUTPUT_TOKENS_MAX)
    stored = any(ours.get(name) for name in _STORED)
    if not fields and not stored and not limits:
        return NOTHING
    return Configured(_read(fields), _read(inner), max(limits, default=0), stored=stored)


def merged(configured: Configured, body: Table) -> Table:
    """Returns the body as the provider receives it."""
    sent = {name: value for name, value in body.items() if value is not None}
    return {**configured.under, **sent, **configured.over}


def _read(fields: Table) -> Table:
    """Filters fields as a client's own would be, without the separately priced limits."""
    count = next((fields[name] for name in COUNTS if name in fields), None)
    named = {} if count is None else {"n": count}
    apart = LIMITS | BLOCKS | COUNTS | {"model"}
    return named | {name: value for name, value in fields.items() if name not in apart}


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def _sent(params: Table) -> Iterator[tuple[str, object]]:
    kept = _litellms_own()
    for name, value in params.items():
        if name not in kept and name not in _OWN and name not in _STORED:
            yield name, value


@lru_cache(maxsize=1)
def _litellms_own() -> frozenset[str]:
    """Names that LiteLLM reserves for itself: credentials, prices, routing."""
    from litellm.litellm_core_utils.get_litellm_params import OPTIONAL_KWARGS_KEYS
    from litellm.types.router import CredentialLiteLLMParams, GenericLiteLLMParams
    from litellm.types.utils import all_litellm_params

    return frozenset(
        (
            *all_litellm_params,
            *OPTIONAL_KWARGS_KEYS,
            *CredentialLiteLLMParams.model_fields,
            *GenericLiteLLMParams.model_fields,
            "extra_headers",
            "headers",
        )
    )
