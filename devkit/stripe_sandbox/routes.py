"""All API paths of the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.routing import Route

from devkit.stripe_sandbox.api import Call, Reply
from devkit.stripe_sandbox.operation import Operation
from devkit.stripe_sandbox.params import ListParams, Params
from devkit.stripe_sandbox.resources import (
    account,
    customers,
    events,
    payments,
    products,
    sessions,
    webhook_endpoints,
)
from devkit.stripe_sandbox.runtime import Sandbox

P = TypeVar("P", bound=Params)
Run = Callable[[Operation, P, str], Reply]


class Api:
    """Collects the routes of `/v1`. A call's function gets the operation, its parameters, the path's id."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.routes: list[Route] = []

    def get(self, path: str, params: type[P], run: Run[P]) -> None:
        """A `GET`."""
        self._add("GET", path, params, run)

    def post(self, path: str, params: type[P], run: Run[P]) -> None:
        """A `POST`."""
        self._add("POST", path, params, run)

    def delete(self, path: str, params: type[P], run: Run[P]) -> None:
        """A `DELETE`."""
        self._add("DELETE", path, params, run)

    def _add(self, method: str, path: str, params: type[P], run: Run[P]) -> None:
        self.routes.append(Route(path, Call(params, run).handler(self.sandbox), methods=[method]))


def routes(sandbox: Sandbox) -> list[Route]:
    """The routes of `/v1`."""
    api = Api(sandbox)
    _account(api)
    _catalog(api)
    _customers(api)
    _events(api)
    _payments(api)
    _sessions(api)
    return api.routes


def _account(api: Api) -> None:
    api.get("/v1/account", Params, lambda operation, _, _id: account.retrieve(operation))
    api.get("/v1/balance", Params, lambda operation, _, _id: account.balance(operation))


def _catalog(api: Api) -> None:
    api.post(
        "/v1/products",
        products.ProductParams,
        lambda operation, params, _id: products.create_product(operation, params),
    )
    api.get(
        "/v1/products",
        products.ProductListParams,
        lambda operation, params, _id: products.list_products(operation, params),
    )
    api.get("/v1/products/{id}", Params, lambda operation, _, id_: products.retrieve_product(operation, id_))
    api.post(
        "/v1/products/{id}",
        products.ProductParams,
        products.update_product,
    )
    api.post(
        "/v1/prices",
        products.PriceParams,
        lambda operation, params, _id: products.create_price(operation, params),
    )
    api.get(
        "/v1/prices",
        products.PriceListParams,
        lambda operation, params, _id: products.list_prices(operation, params),
    )
    api.get("/v1/prices/{id}", Params, lambda operation, _, id_: products.retrieve_price(operation, id_))
    api.post(
        "/v1/prices/{id}",
        products.PriceUpdateParams,
        products.update_price,
    )


def _customers(api: Api) -> None:
    api.post(
        "/v1/customers",
        customers.CustomerParams,
        lambda operation, params, _id: customers.create(operation, params),
    )
    api.get(
        "/v1/customers",
        customers.CustomerListParams,
        lambda operation, params, _id: customers.list_(operation, params),
    )
    api.get("/v1/customers/{id}", Params, lambda operation, _, id_: customers.retrieve(operation, id_))
    api.post(
        "/v1/customers/{id}",
        customers.CustomerParams,
        customers.update,
    )
    api.delete("/v1/customers/{id}", Params, lambda operation, _, id_: customers.delete(operation, id_))


def _events(api: Api) -> None:
    api.get(
        "/v1/events", events.EventListParams, lambda operation, params, _id: events.list_(operation, params)
    )
    api.get("/v1/events/{id}", Params, lambda operation, _, id_: events.retrieve(operation, id_))
    api.post(
        "/v1/events/{id}/retry",
        events.RetryParams,
        events.retry,
    )
    api.post(
        "/v1/webhook_endpoints",
        webhook_endpoints.EndpointParams,
        lambda operation, params, _id: webhook_endpoints.create(operation, params),
    )
    api.get(
        "/v1/webhook_endpoints",
        ListParams,
        lambda operation, params, _id: webhook_endpoints.list_(operation, params),
    )
    api.get(
        "/v1/webhook_endpoints/{id}",
        Params,
        lambda operation, _, id_: webhook_endpoints.retrieve(operation, id_),
    )
    api.post(
        "/v1/webhook_endpoints/{id}",
        webhook_endpoints.EndpointUpdateParams,
        webhook_endpoints.update,
    )
    api.delete(
        "/v1/webhook_endpoints/{id}",
        Params,
        lambda operation, _, id_: webhook_endpoints.delete(operation, id_),
    )


def _payments(api: Api) -> None:
    api.get(
        "/v1/payment_intents",
        payments.PaymentIntentListParams,
        lambda operation, params, _id: payments.list_intents(operation, params),
    )
    api.get(
        "/v1/payment_intents/{id}", Params, lambda operation, _, id_: payments.retrieve_intent(operation, id_)
    )
    api.get(
        "/v1/charges",
        payments.ChargeListParams,
        lambda operation, params, _id: payments.list_charges(operation, params),
    )
    api.get("/v1/charges/{id}", Params, lambda operation, _, id_: payments.retrieve_charge(operation, id_))
    api.get(
        "/v1/payment_methods/{id}", Params, lambda operation, _, id_: payments.retrieve_method(operation, id_)
    )


def _sessions(api: Api) -> None:
    api.post(
        "/v1/checkout/sessions",
        sessions.SessionParams,
        lambda operation, params, _id: sessions.create(operation, params),
    )
    api.get(
        "/v1/checkout/sessions",
        sessions.SessionListParams,
        lambda operation, params, _id: sessions.list_(operation, params),
    )
    api.get("/v1/checkout/sessions/{id}", Params, lambda operation, _, id_: sessions.retrieve(operation, id_))
    api.post(
        "/v1/checkout/sessions/{id}",
        sessions.SessionUpdateParams,
        sessions.update,
    )
    api.get(
        "/v1/checkout/sessions/{id}/line_items",
        ListParams,
        sessions.list_line_items,
    )
    api.post(
        "/v1/checkout/sessions/{id}/expire", Params, lambda operation, _, id_: sessions.expire(operation, id_)
    )
