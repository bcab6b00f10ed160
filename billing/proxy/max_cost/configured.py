"""What an operator's settings of a deployment put into each request there, under what the client sends.

LiteLLM merges a body over the deployment's `litellm_params` (`Router._acompletion`), so tools, schemas,
`n` or a whole `extra_body` of the operator's reach the provider with every call. The bound reads the merged
body. An output limit among them cannot be overwritten by the one that is priced, so it is priced itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from billing.proxy.max_cost.deployments import REMEMBERED_MAX, Deployment
from billing.proxy.max_cost.limits import BLOCKS, COUNTS, LIMITS, OUTPUT_TOKENS_MAX
from billing.proxy.max_cost.output import max_output_tokens

Table = Mapping[str, object]

# Kept at the provider or found by LiteLLM: as long as the model's context.
_STORED = (
    "prompt_id",
    "vector_store_ids",
    "vector_stores",
    "knowledge_bases",
    "container",
    "previous_response_id",
)
_PRICED = "max_tokens"  # written into every chat call, over the deployment's
_DROPPED = "additional_drop_params"  # which LiteLLM takes out of each request, a limit of ours among them
_OWN = (_DROPPED, "model", "cache_control_injection_points", "stream", "thinking", _PRICED)


class Configured(NamedTuple):
    """What a deployment adds to bodies."""

    under: Table  # fields that a client's replace
    over: Table  # fields that replace a client's
    output_tokens: int  # the output limit that stands in them; 0: none
    stored: bool  # with text that no body shows


NOTHING = Configured({}, {}, 0, stored=False)


@lru_cache(REMEMBERED_MAX)
def configured_on(deployment: Deployment) -> Configured:
    """What its settings add."""
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
    """The body as the provider gets it."""
    sent = {name: value for name, value in body.items() if value is not None}
    return {**configured.under, **sent, **configured.over}


def _read(fields: Table) -> Table:
    """Fields as a client's own would be read, without the limits that are priced apart."""
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
    """Names that LiteLLM keeps for itself: credentials, prices, routing."""
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
