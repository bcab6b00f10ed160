"""The caller of a request, determined from the key alone. `billing/proxy/` looks it up in LiteLLM."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from billing.errors import AdminOnly, BadRequest, NoPayer
from billing.ledger.schemas import Payer
from billing.settings import CustomerType


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid key. `payer` is None if STRIPE_CHARGE_BY finds no customer on the key."""

    payer: Payer | None
    is_admin: bool = False
    is_admin_viewer: bool = False
    key_hash: str | None = None
    user_id: str | None = None

    @property
    def reads_all(self) -> bool:
        """Whether the caller may see all customers."""
        return self.is_admin or self.is_admin_viewer

    @property
    def actor(self) -> str | None:
        """Who is recorded in the books: the caller's user, or its key if it has no user."""
        return self.user_id or self.key_hash


# Raises Unauthorized or Forbidden for a key that LiteLLM rejects; Unavailable if it cannot be checked.
Authenticate = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class CustomerChoice:
    """The customer named in a request, if any."""

    customer_type: CustomerType | None
    customer_id: str | None


def customer_of(customer_type: CustomerType | None, customer_id: str, charge_by: CustomerType) -> Payer:
    """The customer with this id; STRIPE_CHARGE_BY gives the type if none is named."""
    return Payer(customer_type or charge_by, customer_id)


def payer_to_read(caller: Caller, choice: CustomerChoice, charge_by: CustomerType) -> Payer:
    """Returns the customer whose books the caller may read: its own, or anyone's for the operator."""
    return _payer(caller, choice, charge_by, allowed=caller.reads_all)


def payer_to_change(caller: Caller, choice: CustomerChoice, charge_by: CustomerType) -> Payer:
    """Returns the customer the caller may act for: itself, or anyone for a full admin."""
    return _payer(caller, choice, charge_by, allowed=caller.is_admin)


def require_admin(caller: Caller) -> None:
    """Raises AdminOnly unless the caller is a full proxy admin."""
    if not caller.is_admin:
        raise AdminOnly("Only a proxy admin may do this.")


def require_reads_all(caller: Caller) -> None:
    """Raises AdminOnly unless the caller is a proxy admin or an admin viewer."""
    if not caller.reads_all:
        raise AdminOnly("Only a proxy admin may see this.")


def _payer(caller: Caller, choice: CustomerChoice, charge_by: CustomerType, *, allowed: bool) -> Payer:
    if choice.customer_id is None:
        return _own_payer(caller, choice)
    named = customer_of(choice.customer_type, choice.customer_id, charge_by)
    if named != caller.payer and not allowed:
        raise AdminOnly("This key can only see and top up its own customer: omit customer_id.")
    return named


def _own_payer(caller: Caller, choice: CustomerChoice) -> Payer:
    if choice.customer_type is not None:
        raise BadRequest("customer_type requires customer_id.", param="customer_id")
    if caller.payer is not None:
        return caller.payer
    if caller.reads_all:
        raise BadRequest("This admin key has no customer of its own: pass customer_id.", param="customer_id")
    raise NoPayer("This key has no customer to bill. Ask the operator to assign one.")
