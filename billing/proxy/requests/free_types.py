"""The field types of free routes whose bodies LiteLLM reads itself, failing with a 500 on other types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Required

from pydantic import ConfigDict, StrictStr
from typing_extensions import TypedDict

from billing.errors import BadRequest
from billing.proxy.requests.field_types import (
    Block,
    Everywhere,
    Gemini,
    List,
    Message,
    Object,
    Objects,
    Responses,
    Text,
)


class Moderation(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/moderations/create"""

    input: Required[StrictStr | List[StrictStr | Object]]


class AboutAResponse(Everywhere, total=False):
    """A request identified by its URL alone. LiteLLM still takes body fields as parameters of the call."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # pydantic's TypedDict settings


class TokensOfMessages(TypedDict, total=False):
    """https://docs.anthropic.com/en/api/messages-count-tokens"""

    model: Required[StrictStr]
    messages: Required[List[Message]]
    system: StrictStr | List[Block] | None
    tools: Objects
    tool_choice: Object | None
    thinking: Object | None
    output_format: Object | None
    output_config: Object | None


class TokensOfContents(Gemini, total=False):
    """https://ai.google.dev/api/tokens"""

    contents: List[Object] | None  # type: ignore[misc]  # optional, and nothing else is counted
    generateContentRequest: Object | None  # noqa: N815  # Google's name


class Tokens(TypedDict, total=False):
    """LiteLLM's own `POST /utils/token_counter`."""

    model: Required[StrictStr]
    prompt: Text
    messages: List[Message] | None
    contents: Objects
    tools: Objects
    system: StrictStr | List[Block] | None


class Login(TypedDict, total=False):
    """LiteLLM's own `POST /v2/login`."""

    username: Required[StrictStr]
    password: Required[StrictStr]


OF_FREE_CALLS: Mapping[str, type] = {
    "moderation": Moderation,
    "acancel_responses": AboutAResponse,
    "adelete_responses": AboutAResponse,
    "aget_responses": AboutAResponse,
    "alist_input_items": AboutAResponse,
}
BY_PATH: Mapping[str, type] = {
    "/utils/token_counter": Tokens,
    "/v1/messages/count_tokens": TokensOfMessages,
    "/v1/responses/input_tokens": Responses,
    "/responses/input_tokens": Responses,
    "/openai/v1/responses/input_tokens": Responses,
    "/v1beta/models/{model_name:path}:countTokens": TokensOfContents,
    "/models/{model_name:path}:countTokens": TokensOfContents,
    "/v2/login": Login,
}


def check_countable(body: Mapping[str, object]) -> None:
    """Raises BadRequest if `/utils/token_counter` would have to count only `contents`, on which it fails."""
    if body.get("contents") is not None and body.get("messages") is None and body.get("prompt") is None:
        raise BadRequest(
            "Use /v1beta/models/{model}:countTokens to count `contents`; send `messages` or `prompt` here.",
            param="contents",
        )
