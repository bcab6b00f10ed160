"""Lists what billing patches in LiteLLM, and checks that each target is still the one it was written for.

If a target has changed, the gateway refuses to start: half a guard would serve calls unbilled.
`docs/reference/litellm.md` is made from this list (`make docs`);
`tests/unit/devkit/reference/test_litellm_reference.py` finds patches in the code that are missing here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Patch:
    """A function, attribute or list of LiteLLM's that we change. `file` is where we change it.

    `expected`: for a function its first parameters, in order; otherwise the type of the value.
    """

    module: str
    name: str
    expected: tuple[str, ...] | type
    purpose: str
    file: str

    @property
    def target(self) -> str:
        """The full name of the target."""
        return f"{self.module}.{self.name}"


AUTHORIZE = Patch(
    "litellm.proxy.auth.user_api_key_auth",
    "_authorize_authenticated_request",
    ("user_api_key_auth_obj", "request", "request_data", "route", "api_key"),
    "Wrapped: refuses billed keys on routes that billing cannot price before LiteLLM authorizes the request, "
    "and an admin's request to add a model whose price LiteLLM would lose after it. All requests, WebSockets "
    "and MCP included, pass through this function.",
    "billing/proxy/litellm/route_guard.py",
)
ANSWER_REFUSED_KEY = Patch(
    "litellm.proxy.auth.auth_exception_handler",
    "UserAPIKeyAuthExceptionHandler.handle_authentication_error",
    ("e",),
    "Wrapped: a key that could not be checked because Postgres did not answer gets 503 instead of 401.",
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
    "Our hook is put last: others may refuse or rewrite a call before it is priced.",
    "billing/proxy/litellm/mount.py",
)
SUCCESS_CALLBACKS = Patch(
    "litellm",
    "_async_success_callback",
    list,
    "Our hook is put first: all callbacks share 20 s per event, and later ones may be dropped.",
    "billing/proxy/litellm/mount.py",
)
NO_LOG = Patch(
    "litellm",
    "global_disable_no_log_param",
    bool,
    "Set: a client's `no-log` does not silence other callbacks either.",
    "billing/proxy/litellm/mount.py",
)
SPEND_LOG_ROWS = Patch(
    "litellm.proxy.utils",
    "_create_spend_logs_with_poison_isolation",
    ("repo", "rows", "failure_budget"),
    "Wrapped: drops and reports the spend log rows of a batch that cannot be written; LiteLLM would retry "
    "the whole batch forever.",
    "billing/proxy/litellm/spend_log_rows.py",
)
PREPARE_REQUEST = Patch(
    "litellm.proxy.litellm_pre_call_utils",
    "LiteLLMProxyRequestSetup.add_litellm_data_for_backend_llm_call",
    ("headers", "request_data", "user_api_key_dict", "general_settings"),
    "Wrapped: removes LiteLLM's own names from a client's metadata, and rejects fields that steer LiteLLM, "
    "before LiteLLM adds anything of its own.",
    "billing/proxy/litellm/request_guard.py",
)
FORWARD_HEADERS = Patch(
    "litellm.proxy.litellm_pre_call_utils",
    "LiteLLMProxyRequestSetup._get_forwardable_headers",
    ("headers",),
    "Wrapped: of a customer's headers, only betas, versions and request ids reach a provider.",
    "billing/proxy/litellm/request_guard.py",
)
CACHE_NAMESPACE = Patch(
    "litellm.caching.caching",
    "Cache._add_namespace_to_cache_key",
    ("self", "hash_hex", "kwargs"),
    "Wrapped: each customer's answers have a namespace of their own in LiteLLM's response cache.",
    "billing/proxy/litellm/answer_cache.py",
)
SEND_TO_PROVIDER = Patch(
    "httpx",
    "AsyncClient.send",
    ("self", "request", "stream"),
    "Wrapped: LiteLLM's HTTP client and that of its SDKs. A provider's stream is recorded in its call, and "
    "closed soon after the client disconnects; LiteLLM leaves most of them to garbage collection.",
    "billing/proxy/litellm/provider_streams.py",
)
RECORDING_SECONDS = Patch(
    "litellm.main",
    "calculate_request_duration",
    ("file",),
    "Wrapped: where a provider does not report the seconds of a recording, LiteLLM charges for the decoded "
    "length instead of the one in its header.",
    "billing/proxy/litellm/recording_seconds.py",
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
    RECORDING_SECONDS,
)


def check_known(patch: Patch, found: Callable[..., object] | object) -> None:
    """Raises RuntimeError if `found` is not what the patch was written for."""
    expected = patch.expected
    if isinstance(expected, type):
        if not isinstance(found, expected):
            raise _unknown(patch, f"is a {type(found).__name__}, not a {expected.__name__}")
        return
    if not callable(found):
        raise _unknown(patch, "is not a function")
    parameters = tuple(inspect.signature(found).parameters)[: len(expected)]
    if parameters != expected:
        raise _unknown(patch, f"takes ({', '.join(parameters)}), not ({', '.join(expected)})")


def _unknown(patch: Patch, difference: str) -> RuntimeError:
    return RuntimeError(
        f"{patch.target} of LiteLLM {version('litellm')} {difference}. {patch.file} patches it and was not "
        "written for this version: refusing to serve. Use the version of LiteLLM in requirements/."
    )
