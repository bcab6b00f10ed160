"""Which routes a billed key may call: a list. What is not on it is refused until it can be priced.

Admin and exempt keys are not restricted.
"""

from __future__ import annotations

import re

from billing.errors import RouteNotBillable

# LiteLLM's call type of each route that is billed, as its pre-call hook names it.
BILLABLE = {
    "/v1/chat/completions": "acompletion",
    "/chat/completions": "acompletion",
    "/engines/{model}/chat/completions": "acompletion",
    "/openai/deployments/{model}/chat/completions": "acompletion",
    "/v1/completions": "atext_completion",
    "/completions": "atext_completion",
    "/engines/{model}/completions": "atext_completion",
    "/openai/deployments/{model}/completions": "atext_completion",
    "/v1/embeddings": "aembedding",
    "/embeddings": "aembedding",
    "/engines/{model}/embeddings": "aembedding",
    "/openai/deployments/{model}/embeddings": "aembedding",
    "/v1/messages": "anthropic_messages",
}

# Routes that spend nothing at any provider: to read, and to call.
FREE_READS = (
    "/v1/models",
    "/models",
    "/v1/models/{model}",
    "/models/{model}",
    "/model/info",
    "/v1/model/info",
    "/v2/model/info",
    "/model_group/info",
)
FREE = (
    "/v1/messages/count_tokens",
    "/utils/token_counter",
    "/utils/supported_openai_params",
)
_FREE_PREFIXES = (  # LiteLLM's management of keys, users and teams; it has roles of its own
    "/key/",
    "/v2/key/",
    "/user/",
    "/v2/user/",
    "/team/",
    "/v2/team/",
    "/organization/",
    "/project/",
    "/invitation/",
    "/management/",
    "/tag/",
    "/spend/",
    "/global/",
    "/sso/",
    "/session/",
    "/get/",
    "/stripe/",
    "/billing",
)


def _compiled(paths: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.sub(r"\{[a-z_]+\}", r".+", path) for path in paths))


_FREE_PATHS = _compiled(FREE)
_FREE_READ_PATHS = _compiled(FREE_READS)
_BY_CALL_TYPE = {
    call_type: _compiled(tuple(path for path, kind in BILLABLE.items() if kind == call_type))
    for call_type in dict.fromkeys(BILLABLE.values())
}


def call_type_of(path: str) -> str | None:
    """LiteLLM's call type of a billable path, or None."""
    return next((kind for kind, paths in _BY_CALL_TYPE.items() if paths.fullmatch(path)), None)


def check_route(method: str, path: str) -> None:
    """Raises RouteNotBillable unless a billed key may call `path` (without query, without root path)."""
    if _is_free(method, path):
        return
    if method == "POST" and call_type_of(path):  # with other methods such a path is a pass-through route's
        return
    raise RouteNotBillable(
        f"{path} cannot be billed yet, so prepaid keys may not call it. "
        "Use chat completions, completions, embeddings or /v1/messages."
    )


def _is_free(method: str, path: str) -> bool:
    if _FREE_PATHS.fullmatch(path) or path.startswith(_FREE_PREFIXES):
        return True
    return method == "GET" and _FREE_READ_PATHS.fullmatch(path) is not None


def check_call(path: str, call_type: str) -> None:
    """Raises RouteNotBillable unless LiteLLM runs a billable path as the call type that we price it as."""
    if call_type_of(path) != call_type:
        raise RouteNotBillable(
            f"{path} as {call_type} cannot be billed yet, so prepaid keys may not call it."
        )
