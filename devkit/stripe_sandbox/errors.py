"""Stripe's error shapes (https://docs.stripe.com/api/errors).

StripeFault              what an API call answers instead of an object
├── InvalidRequest       400: a parameter is missing, unknown or wrong
├── ResourceMissing      404 for an id in the path, 400 for an id in a parameter
├── Unauthenticated      401: no key, an unknown key, a live key
├── IdempotencyMismatch  400: the same key with other parameters
├── IdempotencyInUse     409: the first request with this key is still running
├── RateLimited          429
├── ApiFailure           500
└── CardDeclined         402: what the attempt left behind (charge, events) stays
"""

from __future__ import annotations

from pydantic import JsonValue

Json = dict[str, JsonValue]
DOCS = "https://docs.stripe.com/error-codes/"


class StripeFault(Exception):
    """An error in the words of Stripe's API. `extra` is merged into the error object."""

    status = 400
    type = "invalid_request_error"
    keeps_work = False  # True: earlier writes are committed despite the error
    replayable = False  # True: the answer is stored under the idempotency key

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, extra: Json | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.extra: Json = extra or {}

    def body(self) -> Json:
        """Returns the JSON for the client; absent fields are omitted, like at Stripe."""
        error: Json = {}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = DOCS + self.code.replace("_", "-")
        error["message"] = self.message
        if self.param is not None:
            error["param"] = self.param
        error["type"] = self.type
        return {"error": {**error, **self.extra}}


class InvalidRequest(StripeFault):
    """A parameter is missing, unknown or invalid, or the object's state does not allow this."""


class ResourceMissing(StripeFault):
    """No object has this id."""

    def __init__(self, kind: str, object_id: str, *, param: str | None = None) -> None:
        super().__init__(f"No such {kind}: '{object_id}'", code="resource_missing", param=param or "id")
        self.status = 400 if param else 404


class UnknownUrl(StripeFault):
    """The sandbox does not have this path."""

    status = 404


class Unauthenticated(StripeFault):
    """The key is missing or wrong."""

    status = 401


class IdempotencyMismatch(StripeFault):
    """An idempotency key was reused with different parameters."""

    type = "idempotency_error"

    def __init__(self, key: str) -> None:
        super().__init__(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request."
        )


class IdempotencyInUse(StripeFault):
    """An idempotency key was reused while its first request was still running."""

    status = 409
    type = "idempotency_error"

    def __init__(self, key: str) -> None:
        super().__init__(
            "There is currently another in-progress request using this Idempotent Key (that probably "
            f"means you submitted twice, and the other request is still under way): {key}. Try again later.",
            code="idempotency_key_in_use",
        )


class RateLimited(StripeFault):
    """A switch asked for it (`rate_limit_next`)."""

    status = 429

    def __init__(self) -> None:
        super().__init__("Too many requests hit the API too quickly.", code="rate_limit")


class ApiFailure(StripeFault):
    """A switch asked for it (`fail_next`, `fail_next_after_success`)."""

    status = 500
    type = "api_error"
    replayable = True

    def __init__(self) -> None:
        super().__init__("An unknown error occurred. Let us know if you keep seeing it.")


class CardDeclined(StripeFault):
    """The bank, or a check before it, declined."""

    status = 402
    type = "card_error"
    keeps_work = True
    replayable = True
