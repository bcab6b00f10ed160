"""Gives endpoints the running services, by class, from `app.state.billing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Query, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request

from billing.api.caller import Authenticate, Caller, CustomerChoice
from billing.api.request_fields import CustomerId
from billing.errors import NotConfigured
from billing.ledger.service import Ledger
from billing.settings import CustomerType, Settings

Service = TypeVar("Service")


class Services:
    """The services of one process. Each feature's services are added at start-up (`billing/features.py`)."""

    def __init__(self, authenticate: Authenticate) -> None:
        self.authenticate = authenticate
        self._instances: dict[type, object] = {}

    def add(self, kind: type[Service], instance: Service) -> None:
        """Registers the instance that endpoints get for `kind`; it may be of a subclass."""
        self._instances[kind] = instance

    def get(self, kind: type[Service]) -> Service:
        """Returns the instance registered for `kind`. Raises KeyError if there is none."""
        return cast(Service, self._instances[kind])


def services_of(request: Request) -> Services:
    """Returns the services of this process. Raises NotConfigured before start-up has finished."""
    services = getattr(request.app.state, "billing", None)
    if services is None:
        raise NotConfigured("Billing has not started yet. Try again shortly.")
    return cast(Services, services)


def service_of(kind: type[Service]) -> Callable[[Request], Service]:
    """A FastAPI dependency for a service, as in `Annotated[Topups, Depends(service_of(Topups))]`."""

    def find(request: Request) -> Service:
        return services_of(request).get(kind)

    return find


# Declares the key in OpenAPI; LiteLLM reads it itself, from this header or others.
_key_header = HTTPBearer(auto_error=False, description="A LiteLLM virtual key.", scheme_name="LiteLLM key")


async def _caller(request: Request, _key: Annotated[object, Security(_key_header)]) -> Caller:
    return await services_of(request).authenticate(request)


def _choice(
    customer_id: Annotated[CustomerId | None, Query(description="For admins only.")] = None,
    customer_type: Annotated[CustomerType | None, Query(description="For admins only.")] = None,
) -> CustomerChoice:
    return CustomerChoice(customer_type, customer_id)


SettingsDep = Annotated[Settings, Depends(service_of(Settings))]
LedgerDep = Annotated[Ledger, Depends(service_of(Ledger))]
CallerDep = Annotated[Caller, Depends(_caller)]
ChoiceDep = Annotated[CustomerChoice, Depends(_choice)]
