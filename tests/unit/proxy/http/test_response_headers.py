"""What a customer sees of the headers that LiteLLM answers with."""

import pytest

from billing.proxy.http.response_headers import customers_headers

KEPT = [
    (b"content-type", b"application/json"),
    (b"x-litellm-model-group", b"gpt-4o"),
    (b"x-ratelimit-limit", b"9"),
]


@pytest.mark.parametrize(
    "name",
    [b"x-litellm-model-api-base", b"X-LiteLLM-Model-Api-Base", b"llm_provider-openai-organization"],
)
def test_the_providers_address_and_what_it_said_to_the_operator_are_taken_out(name: bytes) -> None:
    assert customers_headers([KEPT[0], (name, b"https://operators.example.com"), *KEPT[1:]]) == KEPT
