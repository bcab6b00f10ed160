"""The exceptions of billing, one class for every expected failure.

    BillingError
    ├── BadRequest (400)
    │   ├── InvalidAmount          an amount that is malformed or out of range
    │   └── InvalidSignature       a webhook that Stripe did not sign
    ├── Unauthorized (401)         the key is missing, unknown, blocked or expired
    ├── InsufficientCredits (402)  the balance does not cover the maximum cost of the call
    ├── Forbidden (403)
    │   ├── NoPayer                the key has no customer to bill
    │   ├── RouteNotBillable       billing cannot price this route
    │   ├── ModelNotPriced         billing cannot price this call or limit its cost
    │   └── AdminOnly              the endpoint is for the operator
    ├── NotFound (404)
    ├── Conflict (409)             the request conflicts with the current state
    │   ├── KeyConflict            an idempotency key was already used with different content
    │   └── TooManyOpenTopups      the customer has too many unpaid Checkout Sessions
    ├── RequestTimeout (408)       the body did not arrive in time
    ├── TooLarge (413)             the body exceeds a limit of size, keys or depth
    ├── UnsupportedBody (415)      the content type or encoding is not supported
    └── Unavailable (503)
        ├── LedgerUnavailable      Postgres did not answer in time
        ├── LedgerBusy             the queue in front of Postgres is full
        ├── StripeUnavailable      Stripe did not answer, or rejected our request
        └── NotConfigured          a required setting is missing
            ├── DatabaseUrlInvalid     DATABASE_URL cannot be parsed
            └── MigrationConflict      the database's migrations differ from ours

Each class documents when it is raised and carries its HTTP status. Messages are written for people;
`BillingError.code` is the stable identifier for programs (the `code` of the JSON error).
"""

from __future__ import annotations


class BillingError(Exception):
    """Base class of all expected failures. Never raised itself."""

    status = 500
    code = "billing_error"
    type = "api_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param  # the invalid field of the request


class BadRequest(BillingError):
    """The request is invalid; do not retry it unchanged."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class InvalidAmount(BadRequest):
    """The amount is not finite, has too many decimals, or is out of range."""

    code = "invalid_amount"


class InvalidSignature(BadRequest):
    """The webhook's signature is missing, wrong, too old or from the future."""

    code = "invalid_signature"


class Unauthorized(BillingError):
    """The key is missing, unknown, blocked or expired."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class InsufficientCredits(BillingError):
    """The balance does not cover the maximum cost of this call.

    Amounts are nanos (10⁻⁹ of the currency's major unit).
    """

    status = 402
    code = "insufficient_credits"
    type = "insufficient_quota"

    def __init__(self, message: str, *, available_nanos: int, required_nanos: int) -> None:
        super().__init__(message)
        self.available_nanos = available_nanos
        self.required_nanos = required_nanos


class Forbidden(BillingError):
    """The key is valid but not allowed to do this."""

    status = 403
    code = "forbidden"
    type = "permission_error"


class NoPayer(Forbidden):
    """The key has no customer of the type that STRIPE_CHARGE_BY asks for."""

    code = "no_payer"


class RouteNotBillable(Forbidden):
    """Billing cannot price this route, so a billed key may not call it."""

    code = "route_not_billable"


class ModelNotPriced(Forbidden):
    """Billing cannot price this call or limit its cost, so a billed key may not make it."""

    code = "model_not_priced"


class AdminOnly(Forbidden):
    """The endpoint is for the operator."""

    code = "admin_only"


class NotFound(BillingError):
    """The object does not exist or belongs to someone else."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"


class Conflict(BillingError):
    """The request conflicts with the current state."""

    status = 409
    code = "conflict"
    type = "invalid_request_error"


class KeyConflict(Conflict):
    """An idempotency key was already used with different content."""

    code = "key_conflict"


class TooManyOpenTopups(Conflict):
    """The customer has reached the limit of unpaid Checkout Sessions."""

    code = "too_many_open_topups"


class RequestTimeout(BillingError):
    """The body of a request did not arrive in time."""

    status = 408
    code = "request_timeout"
    type = "invalid_request_error"


class UnsupportedBody(BillingError):
    """The content type or encoding of the body is not supported."""

    status = 415
    code = "unsupported_body"
    type = "invalid_request_error"


class TooLarge(BillingError):
    """The body exceeds a limit of this endpoint: bytes, keys or depth."""

    status = 413
    code = "request_too_large"
    type = "invalid_request_error"


class Unavailable(BillingError):
    """A dependency is temporarily unavailable; the same request may succeed later."""

    status = 503
    code = "unavailable"
    type = "api_error"


class LedgerUnavailable(Unavailable):
    """Postgres did not answer in time. Nothing was served unbilled."""

    code = "ledger_unavailable"


class LedgerBusy(Unavailable):
    """The queue in front of Postgres is full, or the wait in it was too long."""

    code = "ledger_busy"


class StripeUnavailable(Unavailable):
    """Stripe did not answer, or rejected a request of ours."""

    code = "stripe_unavailable"


class NotConfigured(Unavailable):
    """A required setting is missing; the message names it."""

    code = "not_configured"


class DatabaseUrlInvalid(NotConfigured):
    """DATABASE_URL cannot be parsed; the message says which part is wrong, without the password."""

    code = "database_url_invalid"


class MigrationConflict(NotConfigured):
    """An applied migration differs from the one in our files, or failed half-way."""

    code = "migration_conflict"
