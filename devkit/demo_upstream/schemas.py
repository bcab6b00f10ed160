"""The parts of a request that the demo provider reads. It ignores everything else, like real providers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

TOKENS_MAX = 128_000
CHOICES_MAX = 128


class ModelRequest(BaseModel):
    """Fields of every request for a model; other fields are allowed."""

    model_config = ConfigDict(extra="ignore")

    model: str


class StreamOptions(BaseModel):
    """OpenAI's `stream_options`."""

    include_usage: bool = False


class FunctionDefinition(BaseModel):
    """A function that the model may call."""

    name: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class Tool(BaseModel):
    """One of `tools`."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class Message(BaseModel):
    """One of `messages`; content may be text, parts or nothing."""

    model_config = ConfigDict(extra="ignore")

    role: str
    content: str | list[dict[str, JsonValue]] | None = None

    def text(self) -> str:
        """The text of the message, without images and other parts."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return " ".join(str(part["text"]) for part in self.content if "text" in part)


class _Generation(ModelRequest):
    n: int = Field(1, ge=1, le=CHOICES_MAX)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=TOKENS_MAX)


class ChatRequest(_Generation):
    """`POST /v1/chat/completions`."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1, le=TOKENS_MAX)
    tools: list[Tool] = Field(default_factory=list)
    tool_choice: str | dict[str, JsonValue] | None = None


class CompletionRequest(_Generation):
    """`POST /v1/completions`."""

    prompt: str | list[str]


class EmbeddingRequest(ModelRequest):
    """`POST /v1/embeddings`."""

    input: str | list[str] | list[int] | list[list[int]]
    dimensions: int = Field(256, ge=1, le=3072)
    encoding_format: Literal["float", "base64"] = "float"


class InputItem(BaseModel):
    """An item of a response's input: a message, or something else without text."""

    model_config = ConfigDict(extra="ignore")

    role: str = "user"
    content: str | list[dict[str, JsonValue]] | None = None


class ResponsesRequest(ModelRequest):
    """`POST /v1/responses`, and `/v1/responses/compact`."""

    input: str | list[InputItem] = ""
    instructions: str = ""
    stream: bool = False
    max_output_tokens: int | None = Field(None, ge=1, le=TOKENS_MAX)
    previous_response_id: str | None = None

    def messages(self) -> list[Message]:
        """The input as messages."""
        if isinstance(self.input, str):
            return [Message(role="user", content=self.input)]
        return [Message(role=item.role, content=item.content) for item in self.input]


class ImageRequest(ModelRequest):
    """`POST /v1/images/generations`."""

    prompt: str
    n: int = Field(1, ge=1, le=10)


class SpeechRequest(ModelRequest):
    """`POST /v1/audio/speech`."""

    input: str = Field(min_length=1, max_length=4096)
    voice: str = "alloy"


class RerankRequest(ModelRequest):
    """Cohere's `POST /v2/rerank`."""

    query: str
    documents: list[str | dict[str, JsonValue]] = Field(min_length=1, max_length=10_000)
    top_n: int | None = Field(None, ge=1)


class ModerationRequest(ModelRequest):
    """`POST /v1/moderations`."""

    input: str | list[str]


class SearchRequest(BaseModel):
    """Perplexity's `POST /search`."""

    model_config = ConfigDict(extra="ignore")

    query: str
    max_results: int = Field(10, ge=1, le=20)


class OcrRequest(ModelRequest):
    """Mistral's `POST /v1/ocr`."""

    document: dict[str, JsonValue]
    pages: list[int] | None = None
