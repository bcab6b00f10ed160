"""Reads the tools of a request: what the provider's own tools may cost, or why they cannot be billed.

A tool that the client runs costs the tokens of its definition. One that the provider runs (web search, code
execution, MCP) costs a fee per use, and feeds its results back into the model as uncounted input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from billing.errors import BadRequest, ModelNotPriced
from billing.proxy.max_cost.limits import positive_int

SEARCHES_MAX = 20  # per call; each may fill the model's context again

_CLIENT_TYPES = ("function", "custom")
_ANTHROPIC_CLIENT = ("bash_", "text_editor_", "computer_", "memory_", "str_replace_")
_ANTHROPIC_SEARCH = ("web_search_2", "web_fetch_2")
_GOOGLE_SEARCH = ("googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval")
_GOOGLE_OTHER = (
    "urlContext",
    "url_context",
    "codeExecution",
    "code_execution",
    "googleMaps",
    "google_maps",
    "enterpriseWebSearch",
    "enterprise_web_search",
    "computerUse",
    "computer_use",
    "fileSearch",
)

# Fields that make the provider or LiteLLM add input or fees that the body does not show.
_EXPANDING = (
    "mcp_servers",
    "container",
    "search_parameters",
    "plugins",
    "models",  # OpenRouter's: other models or providers that may answer, at prices of their own
    "route",
    "provider",
    "prompt_id",
    "vector_store_ids",
    "context_window_fallback_dict",
)
_FIELDS = frozenset((*_EXPANDING, "tools", "functions", "response_format", "web_search_options"))


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What the tools of a request add to its maximum cost."""

    definitions: int  # tools in the prompt
    predefined: int  # those defined by the provider (Anthropic's bash, computer, …)
    searches: int  # maximum web searches; each one costs a fee and another full context of input
    search_options: bool  # OpenAI's `web_search_options`, which LiteLLM translates for other providers


_NO_TOOLS = ToolUse(definitions=0, predefined=0, searches=0, search_options=False)


def tool_use(body: Mapping[str, object]) -> ToolUse:
    """Reads tools, functions and search options. Raises BadRequest, or ModelNotPriced (no cost limit)."""
    if _FIELDS.isdisjoint(body):
        return _NO_TOOLS
    field = next((name for name in _EXPANDING if body.get(name)), None)
    if field is not None:
        raise ModelNotPriced(
            f"`{field}` adds costs that billing cannot limit, so prepaid keys may not use it."
        )
    tools = _list(body, "tools")
    searches = sum(_searches(tool) for tool in tools)
    if searches > SEARCHES_MAX:
        raise BadRequest(f"At most {SEARCHES_MAX} web searches per call (`max_uses`) can be billed.")
    return ToolUse(
        definitions=len(tools) + len(_list(body, "functions")) + (body.get("response_format") is not None),
        predefined=sum(_is_predefined(tool) for tool in tools),
        searches=searches,
        search_options=body.get("web_search_options") is not None,
    )


def _list(body: Mapping[str, object], field: str) -> list[Mapping[str, object]]:
    value = body.get(field)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise BadRequest(f"`{field}` must be a list of objects.")
    return value


def _is_predefined(tool: Mapping[str, object]) -> bool:
    kind = tool.get("type")
    return isinstance(kind, str) and kind.startswith(_ANTHROPIC_CLIENT + _ANTHROPIC_SEARCH)


def _searches(tool: Mapping[str, object]) -> int:
    """Returns the provider-side uses of one tool. Raises ModelNotPriced if they have no limit."""
    kind = tool.get("type")
    if kind is not None and not isinstance(kind, str):
        raise BadRequest("A tool's `type` must be a string.")
    if kind is not None and kind.startswith(_ANTHROPIC_SEARCH):
        uses = positive_int(tool, "max_uses", SEARCHES_MAX)
        if uses is None:
            raise ModelNotPriced(f"The tool {kind} requires `max_uses`, to limit its cost.")
        return uses
    if kind is None and any(name in tool for name in _GOOGLE_SEARCH):
        return 1
    if kind is None and not any(name in tool for name in _GOOGLE_OTHER):
        return 0
    if kind is not None and (kind in _CLIENT_TYPES or kind.startswith(_ANTHROPIC_CLIENT)):
        return 0
    named = kind or next(name for name in _GOOGLE_OTHER if name in tool)
    raise ModelNotPriced(
        f"Tools of type `{named}` have costs that billing cannot limit, so prepaid keys may not use them."
    )
