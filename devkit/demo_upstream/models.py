"""The demo models and their differences. Prices are configured in the gateway (`gateway_config.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Does = Literal["write", "embed", "draw", "speak", "transcribe", "rerank", "moderate", "read"]


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One model of the demo provider."""

    name: str
    does: Does = "write"
    slow: bool = False  # seconds between chunks
    fails_first: bool = False  # the first attempt of each request is a 500
    breaks: bool = False  # the connection closes in the middle of the answer
    hides_usage: bool = False  # answers have no usage, requested or not

    @property
    def embeds(self) -> bool:
        """Whether it returns vectors instead of text."""
        return self.does == "embed"


MODELS = {
    model.name: model
    for model in (
        DemoModel("demo-chat"),
        DemoModel("demo-large"),
        DemoModel("demo-slow", slow=True),
        DemoModel("demo-mirrored", slow=True),
        DemoModel("demo-flaky", fails_first=True),
        DemoModel("demo-broken", breaks=True),
        DemoModel("demo-no-usage", hides_usage=True),
        DemoModel("demo-embed", does="embed"),
        DemoModel("demo-image", does="draw"),
        DemoModel("gpt-image-1-mini", does="draw"),
        DemoModel("demo-transcribe", does="transcribe"),
        DemoModel("demo-rerank", does="rerank"),
        DemoModel("omni-moderation-latest", does="moderate"),
        DemoModel("demo-ocr", does="read"),
        DemoModel("gemini-demo"),
        DemoModel("tts-1", does="speak"),
        DemoModel("demo-realtime"),
        DemoModel("demo-unpriced"),
    )
}


def model_that(does: Does, name: str) -> DemoModel | None:
    """Returns the model with this name if it supports this type of call."""
    model = MODELS.get(name)
    return model if model is not None and model.does == does else None
