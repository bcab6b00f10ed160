"""`/v1/webhook_endpoints`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from devkit.stripe_sandbox.deliveries import ENDPOINTS_MAX
from devkit.stripe_sandbox.errors import InvalidRequest, Json
from devkit.stripe_sandbox.ids import new_id
from devkit.stripe_sandbox.objects.base import Deleted
from devkit.stripe_sandbox.objects.events import WebhookEndpoint
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import (
    Boolean,
    Items,
    ListParams,
    Metadata,
    Params,
    Text,
    Unsettable,
    Url,
    merge_metadata,
)

EventTypes = Annotated[Items[Text], Field(min_length=1, max_length=300)]


class EndpointParams(Params):
    """Parameters of create."""

    url: Url
    enabled_events: EventTypes
    api_version: Text | None = None
    connect: Literal["false"] | None = None
    description: Unsettable = None
    metadata: Metadata | None = None


class EndpointUpdateParams(Params):
    """Parameters of update."""

    url: Url | None = None
    enabled_events: EventTypes | None = None
    description: Unsettable = None
    disabled: Boolean | None = None
    metadata: Metadata | None = None


def create(operation: Operation, params: EndpointParams) -> Json:
    """`POST /v1/webhook_endpoints`: the only response with the secret."""
    if len(operation.store.find(WebhookEndpoint, [], limit=ENDPOINTS_MAX)) >= ENDPOINTS_MAX:
        raise InvalidRequest(f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")
    secret = new_id("whsec_", 32)
    endpoint = WebhookEndpoint(
        id=new_id("we_1", 23),
        created=operation.now,
        api_version=params.api_version,
        description=params.description,
        enabled_events=params.enabled_events,
        metadata=merge_metadata({}, params.metadata),
        secrets=[secret],
        url=params.url,
    )
    operation.store.put(endpoint)
    return {**endpoint.wire(), "secret": secret}


def retrieve(operation: Operation, endpoint_id: str) -> WebhookEndpoint:
    """`GET /v1/webhook_endpoints/{id}`"""
    return operation.fetch(WebhookEndpoint, endpoint_id)


def update(operation: Operation, params: EndpointUpdateParams, endpoint_id: str) -> WebhookEndpoint:
    """`POST /v1/webhook_endpoints/{id}`"""
    endpoint = operation.fetch(WebhookEndpoint, endpoint_id)
    endpoint.url = params.url or endpoint.url
    endpoint.enabled_events = params.enabled_events or endpoint.enabled_events
    endpoint.metadata = merge_metadata(endpoint.metadata, params.metadata)
    if "description" in params.model_fields_set:
        endpoint.description = params.description
    if params.disabled is not None:
        endpoint.status = "disabled" if params.disabled else "enabled"
    operation.store.put(endpoint)
    return endpoint


def delete(operation: Operation, endpoint_id: str) -> Deleted:
    """`DELETE /v1/webhook_endpoints/{id}`"""
    operation.fetch(WebhookEndpoint, endpoint_id)
    operation.store.delete(WebhookEndpoint, endpoint_id)
    return Deleted(id=endpoint_id, object="webhook_endpoint")


def list_(operation: Operation, params: ListParams) -> Json:
    """`GET /v1/webhook_endpoints`"""
    return operation.page(WebhookEndpoint, params, "/v1/webhook_endpoints")
