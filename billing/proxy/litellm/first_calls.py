"""Does at start-up what LiteLLM and its SDKs would do on the event loop at the first calls.

They import provider code on first use and build the validators of their types then, a tenth of a second for
one type. A failing import, such as LiteLLM's of OpenTelemetry if that is not installed, is repeated for each
request: it reads and runs the module's file up to the line that fails.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

import litellm.llms
from pydantic import BaseModel

# What OpenAI's SDK, through which LiteLLM calls most providers, imports when a client is first used.
_IMPORTED_BY_CALLS = tuple(
    f"openai.resources.{name}"
    for name in ("chat", "completions", "embeddings", "images", "audio", "moderations", "responses")
)
_TRIED_BY_CALLS = ("litellm.integrations.otel.logger",)
_TYPES_OF_CALLS = (
    "litellm.types.utils",
    "litellm.types.router",
    "litellm.types.llms",
    "openai.types.chat",
    "openai.types.responses",
)


def prepare_calls() -> None:
    """Imports and builds it. Takes a second of CPU: run it in a thread, before anything is served."""
    litellm.llms.load_guardrail_translation_mappings()
    for name in _IMPORTED_BY_CALLS:
        importlib.import_module(name)
    for name in _TRIED_BY_CALLS:
        _try_once(name)
    for model in [*_subclasses(BaseModel)]:
        if model.__module__.startswith(_TYPES_OF_CALLS) and not model.__pydantic_complete__:
            model.model_rebuild(raise_errors=False)


def _try_once(name: str) -> None:
    """Imports a module, or makes every later import of it fail immediately."""
    try:
        importlib.import_module(name)
    except ImportError:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own marker of a missing module


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
