"""The demo models: what each does differently. Prices are the gateway's business (`gateway_config.py`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One model of the demo provider."""

    name: str
    embeds: bool = False
    slow: bool = False  # seconds between chunks
    fails_first: bool = False  # the first attempt of each request is a 500
    breaks: bool = False  # the connection closes in the middle of the answer
    hides_usage: bool = False  # streams carry no usage, asked for or not


MODELS = {
    model.name: model
    for model in (
        DemoModel("demo-chat"),
        DemoModel("demo-large"),
        DemoModel("demo-slow", slow=True),
        DemoModel("demo-flaky", fails_first=True),
        DemoModel("demo-broken", breaks=True),
        DemoModel("demo-no-usage", hides_usage=True),
        DemoModel("demo-embed", embeds=True),
        DemoModel("demo-realtime"),
        DemoModel("demo-unpriced"),
    )
}
