"""Checks requests before LiteLLM sees them, so that refusing one costs no more than reading it.

The caller is known from the headers, before the body is read. Unauthenticated callers may send a small body
at most; customers one JSON document or form within limits, whose fields are checked, and nothing without
credit. LiteLLM receives exactly the bytes that were checked, and their parsed form. Requests of admins and
exempt users pass unchecked.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.errors import BadRequest, BillingError, TooLarge, Unauthorized, UnsupportedBody
from billing.proxy.calls.call import Call, current_call
from billing.proxy.calls.credit_check import CreditCheck
from billing.proxy.litellm.identity import (
    NO_VALID_KEY,
    Asker,
    credential_of,
    has_other_ways,
    identify,
    path_of,
)
from billing.proxy.requests.control_headers import check_control_headers
from billing.proxy.requests.form import PARTS_MAX, read_form
from billing.proxy.requests.json_document import Document, parse_document
from billing.proxy.requests.media_type import BodyKind, body_kind, is_form, is_json, refuse_repeated_headers
from billing.proxy.requests.off_loop import off_loop
from billing.proxy.requests.request_body import (
    REPLAYED_BYTES,
    BodyBudget,
    BodyLimits,
    ClientLeft,
    has_body,
    read_body,
    replaying,
)
from billing.proxy.requests.request_fields import check_fields, needs_body, prepare_types, refuse_nul
from billing.proxy.requests.structure import Structure, StructureLimits
from billing.proxy.requests.url import check_url
from billing.proxy.routes.checks import check_route
from billing.proxy.routes.matching import checked_route, is_ours, needs_key, prepare_patterns, refused_route
from billing.proxy.routes.route import Handling, Route
from billing.settings import Settings

STRANGER_BYTES_MAX = 256 * 1024  # logins, OAuth, SAML: requests without a key
STRANGERS_BYTES_MAX = 64 * 1024 * 1024  # of all unauthenticated bodies that are arriving at the same time
_OF_STRANGERS = StructureLimits(nodes_max=2_000, elements_max=10_000, depth_max=50)
_WITH_FILES = frozenset({"transcription", "aimage_edit", "aocr"})
_WITH_A_FILE = frozenset({"transcription", "aocr"})
CLIENT_CLOSED_REQUEST = 499  # nginx's status code; nobody reads the response


class Door:
    """An ASGI middleware that checks requests. `with_cors` adds headers that let browsers read a refusal.

    In shadow mode calls pass unchecked; requests that create keys are checked as usual.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        credit_check: Callable[[], CreditCheck],
        with_cors: Callable[[ASGIApp], ASGIApp],
    ) -> None:
        self._app = app
        self._refused = with_cors(_refused)
        self._settings = settings
        self._credit_check = credit_check
        self._budget = BodyBudget(settings.billing_bodies_bytes_max)
        self._strangers_budget = BodyBudget(STRANGERS_BYTES_MAX)
        prepare_types()
        prepare_patterns()
        self._structure = StructureLimits(
            nodes_max=settings.billing_body_keys_max,
            elements_max=settings.billing_body_elements_max,
            depth_max=settings.billing_body_depth_max,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admits or refuses a request."""
        call = current_call.get()
        if scope["type"] != "http" or call is None:
            await self._app(scope, receive, send)
            return
        try:
            receive = await self._enter(call, Request(scope), receive)
        except ClientLeft:
            call.delivery.client_gone = True
            await Response(status_code=CLIENT_CLOSED_REQUEST)(scope, receive, send)
        except BillingError as refusal:
            call.refusal = refusal
            await self._refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _enter(self, call: Call, request: Request, receive: Receive) -> Receive:
        """Returns a `receive` with the messages that LiteLLM may see. Raises BillingError to refuse."""
        path, method = path_of(request), request.method
        if is_ours(path):
            return receive
        check_url(request.scope)
        refuse_repeated_headers(request.headers)
        credential, others = credential_of(request), has_other_ways()
        if not credential and not others and needs_key(method, path):
            raise Unauthorized(NO_VALID_KEY)
        route = checked_route(method, path)
        if self._lets_through(route, has_body(request.headers, request.scope.get("http_version", "1.1"))):
            return receive
        asker = await identify(credential, self._settings)
        if asker.is_exempt:
            call.entry.exempt = True
            return receive
        if asker.key is None and not others:
            return await self._stranger(request, receive, route)
        return await self._customer(call, request, receive, asker, route)

    def _lets_through(self, route: Route | None, may_have_body: bool) -> bool:
        if not may_have_body and (route is None or not needs_body(route)):
            return True
        return route is not None and self._settings.billing_mode == "shadow"

    async def _stranger(self, request: Request, receive: Receive, route: Route | None) -> Receive:
        limits = BodyLimits(STRANGER_BYTES_MAX, self._settings.billing_body_wait_s)
        structure = Structure(_OF_STRANGERS)
        body = await read_body(receive, request.headers, limits, self._strangers_budget, structure.feed)
        if body.count(b"&") > PARTS_MAX or body.count(b"\n--") > PARTS_MAX:
            raise TooLarge(f"A form may have at most {PARTS_MAX} fields.")
        login = route if route is not None and not route.needs_key else None
        if login is not None or (body and is_json(request.headers)):
            document = parse_document(body, structure)
            refuse_nul(document)
            if login is not None:
                check_fields(login, document, is_form=False)
        elif is_form(request.headers) and (b"%00" in body or b"\x00" in body):
            raise BadRequest("The form contains a NUL character, which cannot be stored.")
        return replaying(body, receive)

    async def _customer(
        self, call: Call, request: Request, receive: Receive, asker: Asker, route: Route | None
    ) -> Receive:
        if route is None and self._settings.billing_mode == "enforce":
            refuse_early(request.method, path_of(request))
        check_control_headers(request.headers)
        as_form = body_kind(request.headers) is BodyKind.FORM
        if as_form and not _takes_form(request, route):
            raise UnsupportedBody("This call requires JSON: send it as application/json.")
        if as_form:
            body, document = await self._form(request, receive, route)
            elements = 0
        else:
            body, document, elements = await self._json(request, receive)
        if route is not None and not body and needs_body(route):
            raise BadRequest("The body is empty; send a JSON object.")
        if route is not None and route.handling is Handling.BILLED:
            await self._credit_check().refuse_without_credit(asker.key, document, len(body))
        await off_loop(elements, lambda: _check(route, document, as_form=as_form))
        call.entry.fields_checked = route is not None
        return replaying(body, receive, REPLAYED_BYTES if as_form else None)

    async def _json(self, request: Request, receive: Receive) -> tuple[bytes, Document, int]:
        structure = Structure(self._structure)
        limits = BodyLimits(self._settings.billing_body_bytes_max, self._settings.billing_body_wait_s)
        body = await read_body(receive, request.headers, limits, self._budget, structure.feed)
        elements = structure.members + structure.commas
        document = await off_loop(elements, lambda: parse_document(body, structure)) if body else {}
        request.scope["parsed_body"] = (tuple(document), document)  # where LiteLLM caches the parsed body
        return body, document, elements

    async def _form(self, request: Request, receive: Receive, route: Route | None) -> tuple[bytes, Document]:
        limits = BodyLimits(self._settings.billing_upload_bytes_max, self._settings.billing_body_wait_s)
        body = await read_body(receive, request.headers, limits, self._budget)
        needs_file = route is not None and bool(route.call_types & _WITH_A_FILE)
        return body, await read_form(body, request.headers, self._structure, needs_file=needs_file)


def _check(route: Route | None, document: Document, *, as_form: bool) -> None:
    if route is None:
        refuse_nul(document)
    else:
        check_fields(route, document, is_form=as_form)


def _takes_form(request: Request, route: Route | None) -> bool:
    """Whether LiteLLM reads a form here: calls with files, and routes without a key, like logins."""
    if route is not None:
        return bool(route.call_types & _WITH_FILES)
    method, path = request.method, path_of(request)
    return not needs_key(method, path) or refused_route(method, path) is not None


def refuse_early(method: str, path: str) -> None:
    """Raises RouteNotBillable for a route that no customer may call, before its body is read."""
    route = refused_route(method, path)
    if route is not None:
        check_route(route.method, route.path, path)


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a placeholder that the outermost layer replaces by the refusal, in the format of its API."""
    await Response(status_code=BillingError.status)(scope, receive, send)
