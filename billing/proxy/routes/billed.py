"""Billed routes, and how their maximum cost is computed (docs/explanation/price-and-hold.md)."""

from billing.proxy.routes.route import Declared

_INPUT_AND_LIMIT = "input tokens and the output limit, which is written into"

BILLED = (
    Declared(
        "the highest price of the tool's server, which the operator set in `mcp_server_cost_info`",
        """
        POST /mcp-rest/tools/call
        """,
        ("call_mcp_tool",),
    ),
    Declared(
        "each response: the session's context and the longest answer; the hold grows while the session runs",
        """
        WS /v1/realtime /realtime /openai/v1/realtime
        """,
        ("_arealtime",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `max_tokens` or `max_completion_tokens`",
        """
        POST /v1/chat/completions /chat/completions /engines/{model:path}/chat/completions
            /openai/deployments/{model:path}/chat/completions
        """,
        ("acompletion",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `max_tokens`",
        """
        POST /v1/completions /completions /engines/{model:path}/completions
            /openai/deployments/{model:path}/completions
        """,
        ("atext_completion",),
    ),
    Declared(
        "input tokens",
        """
        POST /v1/embeddings /embeddings /engines/{model:path}/embeddings
            /openai/deployments/{model:path}/embeddings
        """,
        ("aembedding",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `max_tokens`",
        """
        POST /v1/messages
        """,
        ("anthropic_messages",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `max_output_tokens`; `previous_response_id` and `conversation` count as the "
        "model's whole context",
        """
        POST /v1/responses /responses /openai/v1/responses
        """,
        ("aresponses",),
    ),
    Declared(
        "input tokens and the most that the model can write",
        """
        POST /v1/responses/compact /responses/compact /openai/v1/responses/compact
        """,
        ("acompact_responses",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `generationConfig.maxOutputTokens`",
        """
        POST /v1beta/models/{model_name:path}:generateContent /models/{model_name:path}:generateContent
        """,
        ("agenerate_content",),
    ),
    Declared(
        f"{_INPUT_AND_LIMIT} `generationConfig.maxOutputTokens`",
        """
        POST /v1beta/models/{model_name:path}:streamGenerateContent
            /models/{model_name:path}:streamGenerateContent
        """,
        ("agenerate_content_stream",),
    ),
    Declared(
        "`n` images at the model's highest price for one, or the most tokens that one uses",
        """
        POST /v1/images/generations /images/generations /openai/deployments/{model:path}/images/generations
        """,
        ("image_generation",),
    ),
    Declared(
        "`n` images at the model's highest price for one, or the most tokens that one uses",
        """
        POST /v1/images/edits /images/edits /openai/deployments/{model:path}/images/edits
        """,
        ("aimage_edit",),
    ),
    Declared(
        "characters of the input, or its tokens; seconds that saying it can take",
        """
        POST /v1/audio/speech /audio/speech
        """,
        ("aspeech",),
    ),
    Declared(
        "seconds of the recording, or the most tokens for them",
        """
        POST /v1/audio/transcriptions /audio/transcriptions
        """,
        ("transcription",),
    ),
    Declared(
        "searches needed for the documents, or their tokens",
        """
        POST /v1/rerank /v2/rerank /rerank
        """,
        ("rerank",),
    ),
    Declared(
        "one query, at the price that LiteLLM's map has for the search tool's provider",
        """
        POST /search /v1/search /search/{search_tool_name} /v1/search/{search_tool_name}
        """,
        ("asearch",),
    ),
    Declared(
        "pages listed in `pages` on Mistral; else 1 for an image, 1000 for a document, the maximum",
        """
        POST /v1/ocr /ocr
        """,
        ("aocr",),
    ),
)
