"""Rejects model changes through LiteLLM's API that would silently lose prices.

LiteLLM shows a model's prices in its `model_info`, and its configuration file accepts them there. Its API
does not: `/model/new` and `PATCH /model/{id}/update` drop prices in `model_info`, `/model/update` drops all
of it (`proxy/management_endpoints/model_management_endpoints.py`). They answer 200, and the model is then
billed at the price of LiteLLM's map, or cannot be called. Unchanged values sent back by its UI are not lost
and pass.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import litellm
from litellm.proxy.auth.auth_utils import get_request_route_template
from litellm.types.utils import is_server_derived_pricing_key
from starlette.requests import Request

from billing.errors import BadRequest
from billing.proxy.max_cost.deployments import Router
from billing.proxy.max_cost.price_map import Table, listed_entry, own_entry

NEW = ("POST", "/model/new")
UPDATE = ("POST", "/model/update")
PATCH = ("PATCH", "/model/{model_id}/update")
# Other fields of `model_info` that decide what a call costs; only `/model/update` loses them.
KEPT_ELSEWHERE = frozenset({"billing", "off_peak_pricing"})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """A model after the change, and the `model_info` that was sent for it."""

    name: str
    params: Table
    info: Table
    stored: Table  # the model's current row, empty for a new model
    ignores_info: bool = False

    @property
    def model(self) -> str:
        """LiteLLM's name of the model, with provider."""
        return str(self.params.get("model", ""))

    def lost(self) -> list[str]:
        """The price fields that are sent and will not apply."""
        shown = (self.params, own_entry(_table(self.stored.get("model_info"))), self._listed())
        kept = _table(self.stored.get("model_info"))
        return [
            name
            for name, value in self.info.items()
            if value is not None
            and (
                (is_server_derived_pricing_key(name) and not _is_shown(name, value, shown))
                or (self.ignores_info and name in KEPT_ELSEWHERE and not _same(value, kept.get(name)))
            )
        ]

    def has_price(self) -> bool:
        """Whether a billed key may call it; each model of a wildcard has a price of its own, or none."""
        kept = _table(self.stored.get("model_info"))
        billing = kept if self.ignores_info else {**kept, **self.info}
        entry = {**self._listed(), **kept, **self.params}
        return (
            billing.get("billing") == "free"
            or "*" in self.model
            or any(
                is_server_derived_pricing_key(name) and not _same(value, 0) for name, value in entry.items()
            )
        )

    def _listed(self) -> Table:
        try:
            bare, provider, _, _ = litellm.get_llm_provider(
                model=self.model, custom_llm_provider=self.params.get("custom_llm_provider")
            )
        except litellm.exceptions.BadRequestError:  # an unknown provider has no prices
            return {}
        return listed_entry(self.model, provider, bare, self.params, self.info)


def check_models(request: Request, body: object) -> None:
    """Checks an authorized request that adds or changes a model, before its handler.

    Raises BadRequest if a price would be lost.
    """
    change = change_of(request, body, _router())
    if change is not None:
        check(change)


def check(change: Change) -> None:
    """Raises BadRequest if a price would be lost; warns about a model without one."""
    lost = change.lost()
    if lost:
        where = "changes nothing of" if change.ignores_info else "takes no prices from"
        raise BadRequest(
            f"LiteLLM {where} `model_info` here, so {', '.join(sorted(lost))} would be lost. Put prices in "
            "`litellm_params`; change other fields of `model_info` with PATCH /model/{id}/update.",
            param="model_info",
        )
    if not change.has_price():
        logger.warning(
            "The model %s (%s) has no price: billed keys cannot call it. Set prices in its litellm_params, "
            "or `billing: free` in its model_info.",
            change.name,
            change.model,
        )


def change_of(request: Request, body: object, router: Router | None) -> Change | None:
    """Returns the model that this request adds or changes; None if it does not, or LiteLLM will refuse it."""
    match request.scope.get("type"), body:
        case "http", dict():
            pass
        case _:
            return None
    route = (request.method, get_request_route_template(request) or request.url.path)
    sent, info = _table(body.get("litellm_params")), _table(body.get("model_info"))
    if route == NEW:
        return Change(str(body.get("model_name")), sent, info, {})
    if route not in {UPDATE, PATCH}:
        return None
    model_id = info.get("id") if route == UPDATE else request.path_params.get("model_id")
    stored = router.get_model_info(id=str(model_id)) if router is not None else None
    if stored is None:
        return None
    params = {**_table(stored.get("litellm_params")), **_cleared(sent)}
    name = str(body.get("model_name") or stored.get("model_name"))
    return Change(name, params, info, stored, ignores_info=route == UPDATE)


def _cleared(sent: Table) -> Table:
    """Returns what was sent, without what LiteLLM leaves unchanged."""
    return {
        name: value
        for name, value in sent.items()
        if value is not None or is_server_derived_pricing_key(name)
    }


def _is_shown(name: str, value: object, shown: Sequence[Table]) -> bool:
    """Whether a field has this value in any of the places from which LiteLLM reads and shows prices."""
    values = [table[name] for table in shown if table.get(name) is not None]
    return any(_same(value, other) for other in values or [None])


def _same(sent: object, other: object) -> bool:
    """Whether two values are the same price; a missing price equals zero."""
    amounts = list(_amounts(sent, other))
    return amounts[0] == amounts[1] if len(amounts) == 2 else sent == other


def _amounts(*values: object) -> Iterator[Decimal]:
    for value in values:
        try:
            yield Decimal(str(0 if value is None else value))
        except InvalidOperation:
            continue


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def _router() -> Router | None:
    from litellm.proxy import proxy_server

    router: Router | None = proxy_server.llm_router
    return router
