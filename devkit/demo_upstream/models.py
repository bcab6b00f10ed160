"""The demo models: what each does differently. Prices are the gateway's business (`gateway_config.py`)."""

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
    hides_usage: bool = False  # answers carry no usage, asked for or not

    @property
    def embeds(self) -> bool:
        """Whether it makes vectors and no text."""
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
    """The model of this name, if it does that."""
    model = MODELS.get(name)
    return model if model is not None and model.does == does else None
