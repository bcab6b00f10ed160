"""Decides which of a client's HTTP headers may reach a provider.

LiteLLM forwards client headers if configured (`forward_client_headers_to_llm_api`), and some always:
Anthropic's version and betas, and keys of the customer's own. A header can choose whose account is charged,
which API version answers and which host a request is for, so billed keys may only forward those on a list.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.errors import Forbidden

# API features that are also in the body, where they are priced, and labels for logs.
FORWARDED = frozenset(
    ("anthropic-beta", "anthropic-version", "openai-beta", "x-request-id", "x-correlation-id", "x-trace-id")
)
# LiteLLM keeps a value of these only to forward it: the header that authenticated the request is removed.
_CREDENTIALS = frozenset(("authorization", "x-api-key"))
_TO_A_TOOL_SERVER = "x-mcp-"  # x-mcp-auth; x-mcp-NAME-HEADER is HEADER for the server NAME
_OF_THE_GATEWAY = frozenset(("x-mcp-servers", "x-mcp-access-groups", "x-mcp-debug"))


def forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns the client headers that a provider may see."""
    return {name: value for name, value in headers.items() if name.lower() in FORWARDED}


def refuse_own_credentials(headers: Mapping[str, str]) -> None:
    """Raises Forbidden if the customer sends a provider key that LiteLLM would forward.

    `headers` are those that LiteLLM keeps of a request (`litellm_pre_call_utils.clean_headers`), without the
    LiteLLM key.
    """
    for name in headers:
        if _is_credential(name.lower()):
            raise Forbidden(
                f"The header `{name}` passes your own key to a provider, but calls use the operator's keys "
                "and are paid from your balance. Remove it."
            )


def _is_credential(name: str) -> bool:
    return name in _CREDENTIALS or (name.startswith(_TO_A_TOOL_SERVER) and name not in _OF_THE_GATEWAY)
