"""Which of a client's HTTP headers may reach a provider.

LiteLLM hands a client's headers on where the operator has it so (`forward_client_headers_to_llm_api`), and
some always: Anthropic's version and betas, and keys of a customer's own. A header chooses whose account is
charged, which version of an API answers and which host a request is for, so for billed keys only those of a
list pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.errors import Forbidden

# Features of an API that are in the body too, where they are priced, and what tells requests apart in logs.
FORWARDED = frozenset(
    ("anthropic-beta", "anthropic-version", "openai-beta", "x-request-id", "x-correlation-id", "x-trace-id")
)
# Of these LiteLLM keeps a value only to hand it on: what let the request in is no longer among its headers.
_CREDENTIALS = frozenset(("authorization", "x-api-key"))
_TO_A_TOOL_SERVER = "x-mcp-"  # x-mcp-auth; x-mcp-NAME-HEADER is HEADER for the server NAME
_OF_THE_GATEWAY = frozenset(("x-mcp-servers", "x-mcp-access-groups", "x-mcp-debug"))


def forwarded_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of a client's headers that a provider may see."""
    return {name: value for name, value in headers.items() if name.lower() in FORWARDED}


def refuse_own_credentials(headers: Mapping[str, str]) -> None:
    """Raises Forbidden for a key of the customer's own that LiteLLM would hand on to a provider.

    `headers` are those that LiteLLM keeps of a request (`litellm_pre_call_utils.clean_headers`): its own key
    is no longer among them.
    """
    for name in headers:
        if _is_credential(name.lower()):
            raise Forbidden(
                f"The header `{name}` carries a key of your own to a provider: calls are made with the "
                "operator's keys, and paid from your balance. Leave it out."
            )


def _is_credential(name: str) -> bool:
    return name in _CREDENTIALS or (name.startswith(_TO_A_TOOL_SERVER) and name not in _OF_THE_GATEWAY)
