"""What billing puts in the place of something of LiteLLM's, and how it knows that it is still the same thing.

A patch that would meet another function than the one it was written for stops the start: a gateway that
serves with half a guard serves unbilled. `docs/reference/litellm.md` is made from this list (`make docs`);
`tests/unit/devkit/reference/test_litellm_reference.py` finds patches in the code that are missing here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Patch:
    """One function, attribute or list of LiteLLM's that we change. `file` is where.

    `expected`: for a function its first parameters, in order; else the type of the value.
    """

    module: str
    name: str
    expected: tuple[str, ...] | type
    purpose: str
    file: str

    @property
    def target(self) -> str:
        """Its full name."""
        return f"{self.module}.{self.name}"


AUTHORIZE = Patch(
    "litellm.proxy.auth.user_api_key_auth",
    "_authorize_authenticated_request",
    ("user_api_key_auth_obj", "request", "request_data", "route", "api_key"),
    "Wrapped: a billed key's request to a route that billing cannot price is refused before LiteLLM "
    "authorizes it, and an admin's that adds a model whose price LiteLLM would lose, after it. Every way in, "
    "WebSockets and MCP too, leads through this function.",
    "billing/proxy/litellm/route_guard.py",
)
ANSWER_REFUSED_KEY = Patch(
    "litellm.proxy.auth.auth_exception_handler",
    "UserAPIKeyAuthExceptionHandler.handle_authentication_error",
    ("e",),
    "Wrapped: a key that could not be checked because Postgres did not answer gets 503, and not 401.",
    "billing/proxy/litellm/key_check.py",
)
LIFESPAN = Patch(
    "litellm.proxy.proxy_server",
    "app.router.lifespan_context",
    ("app",),
    "Wrapped: billing starts after LiteLLM, whose configuration replaces its list of callbacks, and stops "
    "before it.",
    "billing/app.py",
)
CALLBACKS = Patch(
    "litellm",
    "callbacks",
    list,
    "Our hook is put at the end: all that may refuse or rewrite a call come before it is priced.",
    "billing/proxy/litellm/mount.py",
)
SUCCESS_CALLBACKS = Patch(
    "litellm",
    "_async_success_callback",
    list,
    "Our hook is put first: all callbacks share 20 s an event, and what comes late is dropped.",
    "billing/proxy/litellm/mount.py",
)
NO_LOG = Patch(
    "litellm",
    "global_disable_no_log_param",
    bool,
    "Set: a client's `no-log` silences nothing that is not billing's either.",
    "billing/proxy/litellm/mount.py",
)
SPEND_LOG_ROWS = Patch(
    "litellm.proxy.utils",
    "_create_spend_logs_with_poison_isolation",
    ("repo", "rows", "failure_budget"),
    "Wrapped: of a batch of spend logs the rows that cannot be written are left out and reported; LiteLLM "
    "would try the whole batch again for ever.",
    "billing/proxy/litellm/spend_log_rows.py",
)
PREPARE_REQUEST = Patch(
    "litellm.proxy.litellm_pre_call_utils",
    "LiteLLMProxyRequestSetup.add_litellm_data_for_backend_llm_call",
    ("headers", "request_data", "user_api_key_dict", "general_settings"),
    "Wrapped: names that LiteLLM writes itself are taken out of a client's metadata, and fields that steer "
    "it are refused, before anything of LiteLLM's stands among them.",
    "billing/proxy/litellm/request_guard.py",
)
FORWARD_HEADERS = Patch(
    "litellm.proxy.litellm_pre_call_utils",
    "LiteLLMProxyRequestSetup._get_forwardable_headers",
    ("headers",),
    "Wrapped: of a customer's headers only betas, versions and request ids reach a provider.",
    "billing/proxy/litellm/request_guard.py",
)
CACHE_NAMESPACE = Patch(
    "litellm.caching.caching",
    "Cache._add_namespace_to_cache_key",
    ("self", "hash_hex", "kwargs"),
    "Wrapped: each customer's answers stand under a name of their own in LiteLLM's response cache.",
    "billing/proxy/litellm/answer_cache.py",
)
SEND_TO_PROVIDER = Patch(
    "httpx",
    "AsyncClient.send",
    ("self", "request", "stream"),
    "Wrapped: LiteLLM's HTTP client and that of its SDKs. A provider's stream is noted in its call, and "
    "closed soon after the client has left; LiteLLM leaves most of them to garbage collection.",
    "billing/proxy/litellm/provider_streams.py",
)

PATCHES = (
    AUTHORIZE,
    PREPARE_REQUEST,
    FORWARD_HEADERS,
    CACHE_NAMESPACE,
    ANSWER_REFUSED_KEY,
    LIFESPAN,
    CALLBACKS,
    SUCCESS_CALLBACKS,
    NO_LOG,
    SPEND_LOG_ROWS,
    SEND_TO_PROVIDER,
)


def check_known(patch: Patch, found: Callable[..., object] | object) -> None:
    """Raises RuntimeError where `found` is not what the patch was written for."""
    expected = patch.expected
    if isinstance(expected, type):
        if not isinstance(found, expected):
            raise _unknown(patch, f"is a {type(found).__name__}, not a {expected.__name__}")
        return
    if not callable(found):
        raise _unknown(patch, "is no function")
    parameters = tuple(inspect.signature(found).parameters)[: len(expected)]
    if parameters != expected:
        raise _unknown(patch, f"takes ({', '.join(parameters)}), not ({', '.join(expected)})")


def _unknown(patch: Patch, difference: str) -> RuntimeError:
    return RuntimeError(
        f"{patch.target} of LiteLLM {version('litellm')} {difference}. {patch.file} patches it and was not "
        "written for this version: refusing to serve. Use the version of LiteLLM in requirements/."
    )
