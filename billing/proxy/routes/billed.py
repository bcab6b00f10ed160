"""Routes that are billed, and how what they can cost is bounded (docs/explanation/price-and-hold.md)."""

from billing.proxy.routes.route import Declared

_INPUT_AND_LIMIT = "input tokens and the output limit, which is written into"

BILLED = (
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
)
