"""Which headers of a client's reach a provider, and which are refused."""

import pytest

from billing.errors import Forbidden
from billing.proxy.requests.client_headers import forwarded_headers, refuse_own_credentials


def test_a_provider_sees_only_harmless_headers() -> None:
    harmless = {"anthropic-beta": "context-1m-2025-08-07", "X-Request-Id": "r"}
    steering = {
        "x-goog-user-project": "p",
        "x-amz-security-token": "t",
        "x-ms-client-id": "c",
        "x-forwarded-host": "evil.example",
        "x-api-key": "k",
        "x-anything": "v",
        "openai-organization": "o",
        "host": "evil.example",
    }
    assert forwarded_headers({**harmless, **steering}) == harmless


@pytest.mark.parametrize(
    "name",
    ["authorization", "X-Api-Key", "x-mcp-auth", "x-mcp-github-authorization", "x-mcp-zapier-x-api-key"],
)
def test_a_key_of_the_customers_own_is_refused(name: str) -> None:
    with pytest.raises(Forbidden, match="your own key"):
        refuse_own_credentials({name: "secret"})


def test_what_litellm_keeps_of_an_ordinary_request_passes() -> None:
    refuse_own_credentials(
        {"user-agent": "claude-cli", "anthropic-version": "2023-06-01", "x-mcp-servers": "a"}
    )
