"""The field types of the APIs we serve; a value of another type is a 400 that names the field.

LiteLLM forwards most bodies unchecked, and fails with a 500 on unexpected types. Only what the APIs document
is listed here; unlisted fields pass. null is the same as an absent field.
Sources: OpenAI's and Anthropic's API references, Google's for `generateContent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, Required, TypeVar

from litellm.types.llms.openai import ValidUserMessageContentTypes
from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)
from typing_extensions import TypedDict

from billing.errors import BadRequest

# One wrong element is enough: pydantic would otherwise report each of half a million.
_FIRST = Field(fail_fast=True)
_FEW = Field(fail_fast=True, max_length=100)
T = TypeVar("T")
List = Annotated[list[T], _FIRST]
Object = dict[Any, Any]  # JSON has only string keys
Labels = Annotated[Object, Field(max_length=1000)]
Objects = List[Object] | None
Text = StrictStr | None
Flag = StrictBool | None
Whole = StrictInt | StrictFloat | None  # many clients write 5 as 5.0; limits are checked in more detail
Number = StrictInt | StrictFloat | None
Texts = StrictStr | List[StrictStr] | None


class Block(TypedDict, total=False):
    """A content part of a message."""

    type: Required[StrictStr]
    text: Text
    source: StrictStr | Object | None
    image_url: StrictStr | Object | None
    input_audio: Object | None
    file: Object | None
    cache_control: Object | None


class Message(TypedDict, total=False):
    """One message of a conversation."""

    role: Required[StrictStr]
    content: StrictStr | List[StrictStr | Block] | None
    name: Text
    tool_calls: Objects
    tool_call_id: Text
    function_call: Object | None


class Everywhere(TypedDict, total=False):
    """Fields shared by several calls."""

    model: Text
    stream: Flag
    user: Text
    metadata: Labels | None
    litellm_metadata: Labels | None
    temperature: Number
    top_p: Number
    top_k: Number
    seed: Whole
    n: Whole
    service_tier: Text
    tags: Annotated[list[StrictStr], _FEW] | None
    fallbacks: Annotated[list[StrictStr | Object], _FEW] | None
    timeout: Number
    request_timeout: Number
    stream_timeout: Number
    force_timeout: Number
    keepalive_seconds: Number
    max_fallbacks: Whole
    ttl: Number
    caching: Flag
    guardrails: Annotated[list[StrictStr | Object], _FEW] | Object | None
    allowed_openai_params: Annotated[list[StrictStr], _FEW] | None
    merge_reasoning_content_in_choices: Flag
    tools: Objects  # LiteLLM looks for these in every call, and for the next
    web_search_options: Object | None


class Chat(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/chat/create"""

    messages: Required[List[Message]]
    functions: Objects
    tool_choice: StrictStr | Object | None
    function_call: StrictStr | Object | None
    parallel_tool_calls: Flag
    response_format: Object | None
    stream_options: Object | None
    max_tokens: Whole
    max_completion_tokens: Whole
    stop: Texts
    logit_bias: Object | None
    logprobs: Flag
    top_logprobs: Whole
    frequency_penalty: Number
    presence_penalty: Number
    reasoning_effort: StrictStr | Object | None
    modalities: List[StrictStr] | None
    audio: Object | None
    prediction: Object | None
    thinking: Object | None
    store: Flag
    verbosity: Text
    safety_identifier: Text
    prompt_cache_key: Text


class Completion(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/completions/create"""

    prompt: StrictStr | List[StrictStr] | List[StrictInt] | List[List[StrictInt]] | None
    max_tokens: Whole
    best_of: Whole
    echo: Flag
    suffix: Text
    stop: Texts
    logprobs: StrictInt | StrictBool | None
    logit_bias: Object | None
    stream_options: Object | None


class MessagesToolChoice(TypedDict, total=False):
    """https://docs.anthropic.com/en/api/messages#body-tool-choice"""

    type: Required[Literal["auto", "any", "tool", "none"]]
    name: Text
    disable_parallel_tool_use: Flag


class MessagesMetadata(TypedDict, total=False):
    """https://docs.anthropic.com/en/api/messages#body-metadata"""

    user_id: Text


class Messages(Everywhere, total=False):
    """https://docs.anthropic.com/en/api/messages"""

    metadata: MessagesMetadata | None  # type: ignore[misc]  # narrower than in other calls
    messages: Required[List[Message]]
    system: StrictStr | List[Block] | None
    max_tokens: Whole
    tool_choice: MessagesToolChoice | None
    stop_sequences: List[StrictStr] | None
    thinking: Object | None
    container: StrictStr | Object | None
    context_management: Object | None
    mcp_servers: Objects
    output_format: Object | None
    output_config: Object | None
    inference_geo: Text
    speed: Text
    cache_control: Object | None


class Responses(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/responses/create"""

    input: StrictStr | List[StrictStr | Object] | None
    instructions: StrictStr | List[StrictStr | Object] | None
    max_output_tokens: Whole
    max_tool_calls: Whole
    tool_choice: StrictStr | Object | None
    parallel_tool_calls: Flag
    reasoning: Object | None
    text: Object | None
    previous_response_id: Text
    conversation: StrictStr | Object | None
    background: Flag
    store: Flag
    include: List[StrictStr] | None
    prompt: Object | None
    truncation: Text
    stream_options: Object | None


class Embedding(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/embeddings/create"""

    input: Required[StrictStr | Object | List[StrictStr | StrictInt | List[StrictInt] | Object]]
    dimensions: Whole
    encoding_format: Text
    max_tokens: Whole  # some providers' models have it


class Gemini(Everywhere, total=False):
    """https://ai.google.dev/api/generate-content"""

    contents: Required[StrictStr | Object | List[StrictStr | Object]]
    systemInstruction: StrictStr | Object | None  # Google's name
    generationConfig: Object | None
    tools: Objects | Object  # type: ignore[misc]  # wider than in other calls
    toolConfig: Object | None
    safetySettings: Objects


class Image(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/images"""

    prompt: Text
    size: Text
    quality: Text
    response_format: Text


class Speech(Everywhere, total=False):
    """https://platform.openai.com/docs/api-reference/audio/createSpeech"""

    input: Required[StrictStr]
    voice: StrictStr | Object | None
    instructions: Text
    response_format: Text
    speed: Number


class Rerank(Everywhere, total=False):
    """https://docs.cohere.com/reference/rerank"""

    query: Required[StrictStr | Object]
    documents: Required[List[StrictStr | Object]]
    top_n: Whole
    rank_fields: List[StrictStr] | None
    return_documents: Flag
    max_chunks_per_doc: Whole
    max_tokens_per_doc: Whole


class Search(Everywhere, total=False):
    """https://docs.litellm.ai/docs/search"""

    query: Required[StrictStr | List[StrictStr]]
    max_results: Whole


class Ocr(Everywhere, total=False):
    """https://docs.mistral.ai/api/#tag/ocr"""

    document: Required[Object]


class ToolCall(TypedDict, total=False):
    """LiteLLM's own `POST /mcp-rest/tools/call`."""

    server_id: Text
    name: Required[StrictStr]
    arguments: Object | None


BY_CALL_TYPE: Mapping[str, type] = {
    "acompletion": Chat,
    "atext_completion": Completion,
    "anthropic_messages": Messages,
    "aresponses": Responses,
    "acompact_responses": Responses,
    "aembedding": Embedding,
    "agenerate_content": Gemini,
    "agenerate_content_stream": Gemini,
    "image_generation": Image,
    "aimage_edit": Image,
    "aspeech": Speech,
    "rerank": Rerank,
    "asearch": Search,
    "aocr": Ocr,
    "call_mcp_tool": ToolCall,
}


def check_types(shape: type, body: Mapping[str, object]) -> None:
    """Raises BadRequest for the first field of a JSON body with a wrong type."""
    try:
        type_adapter(shape).validate_python(body)
    except ValidationError as error:
        raise _refusal(error) from error
    if shape is Chat:
        _check_user_content(body)


def _check_user_content(body: Mapping[str, object]) -> None:
    """Raises BadRequest for a part of a user's chat message of a type on which LiteLLM fails with a 500."""
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content")
        if message.get("role") != "user" or not isinstance(content, list):
            continue
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else "text"
            if kind not in ValidUserMessageContentTypes:
                field = f"messages.{index}.content"
                raise BadRequest(f"`{field}` has a part of unknown type {str(kind)[:40]!r}.", param=field)


@cache
def type_adapter(shape: type) -> TypeAdapter[Mapping[str, object]]:
    """Returns the validator of a type, building it on first use."""
    return TypeAdapter(shape)


def _refusal(error: ValidationError) -> BadRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    path: List[str] = []
    for part in first["loc"]:
        if isinstance(part, str) and not part.isidentifier():
            break  # pydantic's name of a union member, like `List[str]`
        path.append(str(part))
    if path and path[-1] in ("str", "dict", "int", "float", "bool", "list"):
        path.pop()
    field = ".".join(path)
    if first["type"] == "missing":
        return BadRequest(f"`{field}` is missing.", param=field)
    if first["type"] == "extra_forbidden":
        return BadRequest(f"`{field[:100]}` is not a field of this call.", param=field[:100])
    return BadRequest(f"`{field}` has the wrong type: {first['msg']}.", param=field)
