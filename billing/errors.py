"""Every expected failure of billing, and what a caller can do about it.

    BillingError
    ├── BadRequest (400)
    │   ├── InvalidAmount          an amount that is no amount of money
    │   └── InvalidSignature       a webhook that Stripe did not sign
    ├── Unauthorized (401)         no key, or one that is unknown, blocked or expired
    ├── InsufficientCredits (402)  the balance cannot cover the most this call can cost
    ├── Forbidden (403)
    │   ├── NoPayer                the key names no customer to bill
    │   ├── RouteNotBillable       billing cannot price this route
    │   ├── ModelNotPriced         billing cannot price or bound this call
    │   └── AdminOnly              the endpoint is for the operator
    ├── NotFound (404)
    ├── Conflict (409)             what is there stands in the way
    │   ├── KeyConflict            an idempotency key was used before for something else
    │   └── TooManyOpenTopups      the customer has too many unpaid Checkout Sessions
    ├── RequestTimeout (408)       a body that does not arrive
    ├── TooLarge (413)             a body beyond a limit of size, keys or depth
    ├── UnsupportedBody (415)      a body in a content type or encoding that is not read here
    └── Unavailable (503)
        ├── LedgerUnavailable      Postgres did not answer in time
        ├── LedgerBusy             the queue in front of Postgres is full
        ├── StripeUnavailable      Stripe did not answer, or refused our request
        └── NotConfigured          a setting that this needs is missing
            ├── DatabaseUrlInvalid     DATABASE_URL cannot be understood
            └── MigrationConflict      the database's migrations are not ours

Each class says when it is raised and carries its HTTP status. The message is written for the person who
reads it. `BillingError.code` is the stable word for programs (the `code` of the JSON error).
"""

from __future__ import annotations


class BillingError(Exception):
    """Root of all expected failures. Never raised itself."""

    status = 500
    code = "billing_error"
    type = "api_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param  # the field of the request that is wrong


class BadRequest(BillingError):
    """The request cannot be understood; sending it again changes nothing."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class InvalidAmount(BadRequest):
    """Not a finite amount of money in the precision that the currency has, or beyond the limits."""

    code = "invalid_amount"


class InvalidSignature(BadRequest):
    """The webhook's signature is missing, wrong, too old or from the future."""

    code = "invalid_signature"


class Unauthorized(BillingError):
    """No key, or a key that is unknown, blocked or expired."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class InsufficientCredits(BillingError):
    """The balance does not cover the most that this call can cost.

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
    """The key is known, but may not do this."""

    status = 403
    code = "forbidden"
    type = "permission_error"


class NoPayer(Forbidden):
    """The key names no customer of the kind that STRIPE_CHARGE_BY asks for."""

    code = "no_payer"


class RouteNotBillable(Forbidden):
    """Billing cannot price this route, so a billed key may not call it."""

    code = "route_not_billable"


class ModelNotPriced(Forbidden):
    """Billing cannot price or bound this call, so a billed key may not make it."""

    code = "model_not_priced"


class AdminOnly(Forbidden):
    """The endpoint is for the operator."""

    code = "admin_only"


class NotFound(BillingError):
    """No such object, or it belongs to somebody else."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"


class Conflict(BillingError):
    """What is there already stands in the way of the request."""

    status = 409
    code = "conflict"
    type = "invalid_request_error"


class KeyConflict(Conflict):
    """An idempotency key was used before with other content."""

    code = "key_conflict"


class TooManyOpenTopups(Conflict):
    """The customer has as many unpaid Checkout Sessions as it may have at once."""

    code = "too_many_open_topups"


class RequestTimeout(BillingError):
    """The body of a request did not arrive in time."""

    status = 408
    code = "request_timeout"
    type = "invalid_request_error"


class UnsupportedBody(BillingError):
    """The body is in a content type or encoding that is not read here."""

    status = 415
    code = "unsupported_body"
    type = "invalid_request_error"


class TooLarge(BillingError):
    """The body is beyond a limit of this endpoint: of bytes, keys or depth."""

    status = 413
    code = "request_too_large"
    type = "invalid_request_error"


class Unavailable(BillingError):
    """Something billing depends on is missing now; the same request may work later."""

    status = 503
    code = "unavailable"
    type = "api_error"


class LedgerUnavailable(Unavailable):
    """Postgres did not answer in time. Nothing was served unbilled."""

    code = "ledger_unavailable"


class LedgerBusy(Unavailable):
    """The bounded queue in front of Postgres is full, or the wait in it too long."""

    code = "ledger_busy"


class StripeUnavailable(Unavailable):
    """Stripe did not answer, or refused a request of ours."""

    code = "stripe_unavailable"


class NotConfigured(Unavailable):
    """A setting that this needs is missing; the message names it."""

    code = "not_configured"


class DatabaseUrlInvalid(NotConfigured):
    """DATABASE_URL cannot be understood; the message says which part, without the password."""

    code = "database_url_invalid"


class MigrationConflict(NotConfigured):
    """A migration that the database has applied is not the one in our files, or failed half-way."""

    code = "migration_conflict"
