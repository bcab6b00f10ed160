"""What the demo provider reads of a request. Everything else in it is ignored, as providers do with news."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

TOKENS_MAX = 128_000
CHOICES_MAX = 128


class _Request(BaseModel):
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
        """The words in it, without images and other parts."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return " ".join(str(part["text"]) for part in self.content if "text" in part)


class _Generation(_Request):
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


class EmbeddingRequest(_Request):
    """`POST /v1/embeddings`."""

    input: str | list[str] | list[int] | list[list[int]]
    dimensions: int = Field(256, ge=1, le=3072)
    encoding_format: Literal["float", "base64"] = "float"
