"""LiteLLM's configuration for `proxyllm run`: the demo models, and real ones if their keys are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from pydantic import JsonValue

Model = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, and the sizes that limit the cost of a call."""

    input: float
    output: float
    input_tokens_max: int
    output_tokens_max: int
    mode: str = "chat"
    audio: tuple[float, float] | None = None  # input, output

    def model_info(self) -> dict[str, JsonValue]:
        """Returns `model_info` as LiteLLM expects it: dollars per token."""
        audio = zip(("input", "output"), self.audio or (), strict=False)
        return {
            "mode": self.mode,
            "input_cost_per_token": _a_token(self.input),
            "output_cost_per_token": _a_token(self.output),
            **{f"{side}_cost_per_audio_token": _a_token(price) for side, price in audio},
            "max_input_tokens": self.input_tokens_max,
            "max_output_tokens": self.output_tokens_max,
            "supports_reasoning": False,
        }


def _a_token(price: float) -> float:
    return round(price / 1_000_000, 12)


# Modelled on gpt-4o-mini, gpt-4-turbo, text-embedding-3-small, gpt-realtime-mini.
_SMALL = Price(0.15, 0.60, 128_000, 16_384)
DEMO_PRICES: dict[str, Price | None] = {
    "demo-chat": _SMALL,
    "demo-large": Price(10.0, 30.0, 128_000, 4_096),
    "demo-slow": _SMALL,
    "demo-mirrored": _SMALL,
    "demo-flaky": _SMALL,
    "demo-broken": _SMALL,
    "demo-no-usage": _SMALL,
    "demo-embed": Price(0.02, 0.0, 8_191, 0, mode="embedding"),
    "demo-realtime": Price(0.60, 2.40, 32_000, 4_096, mode="realtime", audio=(10.0, 20.0)),
    "demo-unpriced": None,
}
# Another model that gets the same request, invisible to the client: LiteLLM's `silent_model`.
_SILENT_MODELS = {"demo-mirrored": "demo-large"}


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """US dollars per non-text unit: LiteLLM's name of the price, and its name of the model."""

    provider_model: str
    mode: str
    unit: str = ""
    price: float = 0.0

    def model_info(self) -> dict[str, JsonValue]:
        """Returns LiteLLM's `model_info`; without a unit, LiteLLM's price map prices the model."""
        return {"mode": self.mode, **({self.unit: self.price} if self.unit else {})}


# Modelled on dall-e-3, tts-1, whisper-1, rerank-v3.5, mistral-ocr. Others are in LiteLLM's map.
DEMO_UNIT_PRICES = {
    "demo-image": UnitPrice("openai/demo-image", "image_generation", "output_cost_per_image", 0.04),
    "demo-image-tokens": UnitPrice("openai/gpt-image-1-mini", "image_generation"),
    "demo-speech": UnitPrice("openai/tts-1", "audio_speech"),
    "demo-transcribe": UnitPrice(
        "openai/demo-transcribe", "audio_transcription", "input_cost_per_second", 0.0001
    ),
    "demo-rerank": UnitPrice("cohere/demo-rerank", "rerank", "input_cost_per_query", 0.002),
    "demo-moderation": UnitPrice("openai/omni-moderation-latest", "moderation", "input_cost_per_token"),
    "demo-ocr": UnitPrice("mistral/demo-ocr", "ocr", "ocr_cost_per_page", 0.001),
}

# Each provider whose key is in the environment, with all its models.
PROVIDERS = {
    "OPENAI_API_KEY": "openai",
    "ANTHROPIC_API_KEY": "anthropic",
    "GEMINI_API_KEY": "gemini",
    "MISTRAL_API_KEY": "mistral",
    "GROQ_API_KEY": "groq",
    "DEEPSEEK_API_KEY": "deepseek",
    "XAI_API_KEY": "xai",
    "OPENROUTER_API_KEY": "openrouter",
}


def render(demo_base_url: str, environment: Mapping[str, str]) -> str:
    """Returns the configuration as YAML. It contains no secrets: keys are referenced by variable."""
    models = [_demo_model(name, price, demo_base_url) for name, price in DEMO_PRICES.items()]
    models += [_demo_unit_model(name, price, demo_base_url) for name, price in DEMO_UNIT_PRICES.items()]
    models.append(_demo_gemini(demo_base_url))
    models += [_provider(provider, key) for key, provider in PROVIDERS.items() if environment.get(key)]
    config = {
        "model_list": models,
        "search_tools": [_demo_search(demo_base_url)],
        "litellm_settings": {
            "callbacks": ["billing.proxy.config_guard.guard"],
            "block_requests_for_models_without_pricing": True,
            "use_chat_completions_url_for_anthropic_messages": True,
            "drop_params": True,
            "request_timeout": 600,
            "telemetry": False,
        },
        "router_settings": {"num_retries": 2, "retry_after": 0, "disable_cooldowns": True},
        "general_settings": {
            "master_key": "os.environ/LITELLM_MASTER_KEY",
            "database_url": "os.environ/DATABASE_URL",
            "disable_spend_logs": False,
        },
    }
    header = "# Written by `proxyllm run` at each start: changes are lost.\n"
    return header + yaml.safe_dump(config, sort_keys=False)


def _demo_model(name: str, price: Price | None, base_url: str) -> Model:
    parameters: dict[str, JsonValue] = {"model": f"openai/{name}", "api_base": base_url, "api_key": "demo"}
    if name in _SILENT_MODELS:
        parameters["silent_model"] = _SILENT_MODELS[name]
    model: Model = {"model_name": name, "litellm_params": parameters}
    return model if price is None else {**model, "model_info": price.model_info()}


def _demo_search(base_url: str) -> Model:
    """A search tool, priced like Perplexity's by LiteLLM's map."""
    parameters: dict[str, JsonValue] = {
        "search_provider": "perplexity",
        "api_base": base_url,
        "api_key": "demo",
    }
    return {"search_tool_name": "demo-search", "litellm_params": parameters}


def _demo_gemini(base_url: str) -> Model:
    """Gemini's own API, which LiteLLM only uses with its own providers."""
    parameters: dict[str, JsonValue] = {
        "model": "gemini/gemini-demo",
        "api_base": base_url.removesuffix("/v1"),
        "api_key": "demo",
    }
    return {"model_name": "demo-gemini", "litellm_params": parameters, "model_info": _SMALL.model_info()}


def _demo_unit_model(name: str, price: UnitPrice, base_url: str) -> Model:
    is_cohere = price.provider_model.startswith("cohere/")  # LiteLLM appends its version to the address
    parameters: dict[str, JsonValue] = {
        "model": price.provider_model,
        "api_base": base_url.removesuffix("/v1") if is_cohere else base_url,
        "api_key": "demo",
    }
    return {"model_name": name, "litellm_params": parameters, "model_info": price.model_info()}


def _provider(provider: str, key: str) -> Model:
    return {
        "model_name": f"{provider}/*",
        "litellm_params": {"model": f"{provider}/*", "api_key": f"os.environ/{key}"},
    }
