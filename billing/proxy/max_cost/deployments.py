"""Finds who may serve a call: every deployment of the group and of every fallback group.

Follows LiteLLM's own resolution (`Router._common_checks_available_deployment`,
`router_utils/fallback_event_handlers.py`), and includes more where that is simpler: one deployment too many
makes the maximum cost larger, one too few makes it wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.price_map import Table, listed_entry, merged_entry, own_entry, price_entry
from billing.proxy.max_cost.prices import price_of
from billing.proxy.max_cost.remembered import Remembered

FALLBACK_GROUPS_MAX = 50
REMEMBERED_MAX = 512  # deployments by the names they are called by; a few KB each
GOOGLE = ("gemini", "vertex_ai", "vertex_ai_beta")  # LiteLLM's names of Gemini's two clouds
FALLBACK_FIELDS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


class Router(Protocol):
    """The part of LiteLLM's `Router` that we use."""

    model_list: Sequence[Table]
    default_deployment: Table | None
    max_fallbacks: int

    def get_model_list(self, model_name: str | None, team_id: str | None) -> Sequence[Table] | None: ...
    def get_model_info(self, id: str) -> Table | None: ...  # noqa: A002 - LiteLLM's name


@dataclass(frozen=True, slots=True, eq=False)
class Deployment:
    """One deployment of a model, with the price map entry that LiteLLM will bill it by.

    It is immutable, so values derived from it can be cached by it.
    """

    model: str  # LiteLLM's name, with provider
    provider: str
    bare_model: str  # without provider
    params: Table
    info: Table
    prices: Table
    names: tuple[str, ...]  # by which its tokenizer may be known
    own_server: bool  # an address set by the operator: an OpenAI-compatible server, not OpenAI
    groups: tuple[str, ...] = ()  # the name it was called by, then the one in the model list

    @property
    def key(self) -> tuple[str, str]:
        """Its name in LiteLLM's events: the group that was called, and the id of the deployment."""
        return (self.groups[0] if self.groups else "", str(self.info.get("id", "")))

    @property
    def free(self) -> bool:
        """Whether the operator declared it free."""
        return self.info.get("billing") == "free"


class Servers(NamedTuple):
    """The deployments of the requested group, and those of its fallbacks."""

    first: tuple[Deployment, ...]
    fallbacks: tuple[Deployment, ...]
    hops: int  # how often a call may move on to another group

    @property
    def everyone(self) -> tuple[Deployment, ...]:
        """All deployments that may serve the call."""
        return (*self.first, *self.fallbacks)


def servers_of(body: Table, model: str, router: Router | None) -> Servers:
    """Finds all deployments for a call.

    Raises ModelNotPriced for an unknown model, BadRequest for invalid fallbacks.
    """
    if router is None:
        raise ModelNotPriced("This gateway has no models yet.")
    team_id = _team_id(body)
    first = _deployments(router, model, team_id)
    if not first:
        raise ModelNotPriced(f"The model {model} is unknown here, so it cannot be billed.")
    groups = tuple(fallback_groups(body, model, router))
    later = tuple([d for group in groups for d in _deployments(router, group, team_id)])
    return Servers(first, later, min(len(groups), router.max_fallbacks))


def deployments_of(router: Router | None, model: str, team_id: str | None) -> tuple[Deployment, ...]:
    """Returns the deployments of the requested model, without fallbacks; none for an unknown one."""
    return () if router is None else _deployments(router, model, team_id)


def _team_id(body: Table) -> str | None:
    for bucket in ("metadata", "litellm_metadata"):
        metadata = body.get(bucket)
        team_id = metadata.get("user_api_key_team_id") if isinstance(metadata, Mapping) else None
        if isinstance(team_id, str) and team_id:
            return team_id
    return None


def _deployments(router: Router, model: str, team_id: str | None) -> tuple[Deployment, ...]:
    rows = router.get_model_list(model_name=model, team_id=team_id) or _unnamed(router, model)
    return tuple([_deployment(row, model) for row in rows])


def _unnamed(router: Router, model: str) -> Sequence[Table]:
    """Returns what LiteLLM tries for other names: a deployment id, the default, a provider's model."""
    row = router.get_model_info(id=model)
    if row is not None:
        return (row,)
    same = [row for row in router.model_list if _table(row.get("litellm_params")).get("model") == model]
    default = router.default_deployment
    if default is None:
        return same
    return [*same, {**default, "litellm_params": {**_table(default.get("litellm_params")), "model": model}}]


def fallback_groups(body: Table, model: str, router: Router) -> Iterator[str]:
    """Yields the groups a call may end at, breadth first: fallbacks can have fallbacks."""
    if body.get("disable_fallbacks") is True:
        return
    seen, queue = {model}, [model]
    while queue:
        for target in _targets(body, queue.pop(0), router):
            if target not in seen:
                seen.add(target)
                queue.append(target)
                yield target
        if len(seen) > FALLBACK_GROUPS_MAX:
            raise ModelNotPriced(f"{model} has more than {FALLBACK_GROUPS_MAX} fallbacks.")


def _targets(body: Table, group: str, router: Router) -> Iterator[str]:
    for field in FALLBACK_FIELDS:
        asked = body.get(field)
        if asked is not None:
            yield from _client_targets(asked, field)
        configured = getattr(router, field, None)
        if configured:
            yield from _configured_targets(list(configured), group)


def _client_targets(asked: object, field: str) -> Iterator[str]:
    """Yields a client's own fallbacks: names, or `{"model": name}`. Anything else could change the price."""
    if not isinstance(asked, list):
        raise BadRequest(f"`{field}` must be a list of model names.")
    for item in asked:
        name = item.get("model") if isinstance(item, Mapping) and item.keys() == {"model"} else item
        if not isinstance(name, str) or not name:
            raise BadRequest(f"`{field}` must be a list of model names; parameters cannot be billed.")
        yield name


def _configured_targets(chains: list[object], group: str) -> Iterator[str]:
    from litellm.router_utils.fallback_event_handlers import get_fallback_model_group

    chain, _ = get_fallback_model_group(fallbacks=chains, model_group=group)
    for item in chain or ():
        name = item.get("model") if isinstance(item, Mapping) else item
        if isinstance(name, str):
            yield name


def _deployment(row: Table, called: str) -> Deployment:
    """Returns the deployment of a row of the model list, rebuilt if the row or its prices have changed."""
    params, info = _table(row.get("litellm_params")), _table(row.get("model_info"))
    model = str(params.get("model"))
    provider, bare = _provider_of(model, params)
    groups = (called, str(row.get("model_name", called)))
    return _REMEMBERED.value(
        (groups, str(info.get("id"))),
        (model, provider, bare),
        groups,
        params,
        info,
        listed_entry(model, provider, bare, params, info),
        own_entry(info),
    )


def _made(
    names: tuple[str, str, str],
    groups: tuple[str, str],
    params: Table,
    info: Table,
    listed: Table,
    own: Table,
) -> Deployment:
    model, provider, bare = names
    base_model = info.get("base_model") or params.get("base_model")
    return Deployment(
        model=model,
        provider=provider,
        bare_model=bare,
        params=params,
        info=info,
        prices=merged_entry(listed, own, params, info),
        names=tuple(name for name in (base_model, bare) if isinstance(name, str)),
        own_server=bool(params.get("api_base")) and provider != "azure",
        groups=groups,
    )


_REMEMBERED = Remembered(_made, REMEMBERED_MAX)


def unit_price(deployment: Deployment, key: str) -> Decimal:
    """Returns the price of a unit in major units; 0 if the entry has none. Raises ModelNotPriced."""
    value = deployment.prices.get(key)
    return Decimal(0) if value is None else price_of(value, key, deployment.model)


def listed_prices(deployment: Deployment) -> Table:
    """The entry of LiteLLM's price map without the deployment's own prices, which some calls ignore."""
    return price_entry(deployment.model, deployment.provider, deployment.bare_model, {}, {})


def prices_without_info(deployment: Deployment) -> Table:
    """The entry without the prices in the deployment's `model_info`."""
    model, provider = deployment.model, deployment.provider
    return price_entry(model, provider, deployment.bare_model, deployment.params, {})


def _provider_of(model: str, params: Table) -> tuple[str, str]:
    """Returns the provider and its name of the model.

    LiteLLM's own look-up may log in somewhere: last resort.
    """
    import litellm

    configured = params.get("custom_llm_provider")
    prefix, slash, bare = model.partition("/")
    if isinstance(configured, str) and configured:
        return configured, bare if prefix == configured and slash else model
    if slash and prefix in litellm.provider_list:
        return prefix, bare
    try:
        name, provider, _, _ = litellm.get_llm_provider(model=model)
    except litellm.exceptions.BadRequestError as error:
        raise ModelNotPriced(f"The provider of {model} is unknown, so it cannot be billed.") from error
    return provider, name


@lru_cache(maxsize=4096)
def takes_output_limit(model: str, provider: str) -> bool:
    """Whether LiteLLM passes an output limit on; without it, an answer has no limit.

    Raises ModelNotPriced if LiteLLM does not know the provider's model.
    """
    import litellm
    from litellm.llms.base_llm.chat.transformation import BaseLLMException

    try:
        fields = litellm.get_supported_openai_params(model=model, custom_llm_provider=provider)
    except BaseLLMException as error:
        raise ModelNotPriced(f"{provider} has no model {model}, so it cannot be billed.") from error
    return fields is None or "max_tokens" in fields or "max_completion_tokens" in fields


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}
